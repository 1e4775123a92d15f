#!/usr/bin/env bash
# Renews requirements.lock (what Balanza runs with), requirements-worker.lock (what a worker alone runs with) and
# requirements-dev.lock (what the tests need besides). Each pins every package of every platform by version and hash,
# and names no index; no package has two versions in them.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet "$@")
uv pip compile "${options[@]}" pyproject.toml --group pyproject.toml:build -o requirements.lock
uv pip compile "${options[@]}" --group pyproject.toml:worker -c requirements.lock -o requirements-worker.lock
uv pip compile "${options[@]}" pyproject.toml --group pyproject.toml:build --group pyproject.toml:dev \
  -c requirements.lock -o requirements-dev.lock
