#!/usr/bin/env bash
# Renews requirements.lock (what Balanza runs with) and requirements-dev.lock (what its tests need besides).
# Both pin every package of every platform by version and hash, and name no index.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet "$@")
uv pip compile "${options[@]}" pyproject.toml --group pyproject.toml:build -o requirements.lock
uv pip compile "${options[@]}" pyproject.toml --group pyproject.toml:build --group pyproject.toml:dev \
  -c requirements.lock -o requirements-dev.lock
