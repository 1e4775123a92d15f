#!/bin/sh
# Makes FOLDER a Python environment with Balanza in it, and beside it exactly what the lock file of the part says:
#   image.sh api FOLDER       everything: the server and every other command
#   image.sh worker FOLDER    what a worker runs with: no database, no web framework
# The Dockerfile runs this, and so do the tests. Needs Python 3.11+, and uv or pip.
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "balanza: $*" >&2
    exit 1
}

[ $# -eq 2 ] || die "image.sh takes a part, api or worker, and a folder"
case $1 in
api) lock=requirements.lock ;;
worker) lock=requirements-worker.lock ;;
*) die "image.sh makes api or worker, not $1" ;;
esac
folder=$2
python=${PYTHON:-python3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Any other version could resolve or build differently.
pinned=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)
find_uv() {
    if [ "$(uv --version 2>/dev/null | cut -d' ' -f2)" = "$pinned" ]; then
        uv=uv
    else
        "$python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore \
            --require-hashes -r scripts/uv.lock --target "$work/uv"
        uv=$work/uv/bin/uv
    fi
}

export UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1
find_uv
"$uv" venv --quiet --clear --python "$("$python" -c 'import sys; print(sys.executable)')" "$folder"
"$uv" pip install --quiet --require-hashes --python "$folder/bin/python" -r $lock
# What builds it is pinned too, and not part of the environment.
"$uv" build --quiet --wheel --python "$folder/bin/python" \
    --require-hashes --build-constraints requirements.lock --out-dir "$work/dist" .
"$uv" pip install --quiet --no-deps --python "$folder/bin/python" "$work"/dist/*.whl
