#!/bin/sh
# Everything that must hold before a change lands, in the order in which it is cheapest to know. Stops at the first
# failure, with its exit code. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."

sh scripts/bootstrap.sh dev
sh scripts/test-tools.sh
PATH="$PWD/.venv/bin:$PATH"
export PATH
# Tests start dozens of Python processes: without compiled modules each would start slower.
unset PYTHONDONTWRITEBYTECODE

step() {
    echo "== $*"
    "$@"
}

# Two tests more than cores, as many of them wait; more than six would only measure how they disturb each other.
cores=$(nproc 2>/dev/null || echo 2)
[ "$cores" -le 4 ] || cores=4

step ruff format --check .
step ruff check .
# Beside mypy, which uses one core: pytest rewrites and keeps the modules of the tests, which takes 10 s where there is
# nothing yet, and would take them in each test process.
python -m pytest --collect-only -q >/dev/null 2>&1 &
compiling=$!
trap 'kill "$compiling" 2>/dev/null || true' EXIT
step mypy
step lint-imports
wait "$compiling" || true
# Each process gets neighbours, which share what is started for a module, and helps the other at the end.
#
# Real browsers, databases and processes miss their moment now and then on a machine that others use too. What failed is
# run once more, alone: who fails twice has failed, and who did not is named above, to be mended.
step python -m pytest -n "$((cores + 2))" --dist worksteal "$@" ||
    step python -m pytest --last-failed --last-failed-no-failures none "$@"
