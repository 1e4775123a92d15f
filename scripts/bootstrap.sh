#!/bin/sh
# Makes .venv hold exactly what the lock files say: `bootstrap.sh run` what Balanza runs with, `bootstrap.sh dev` what
# its tests need as well. Needs Python 3.11+ and one of uv, pip or venv. Done already, it returns at once.
set -eu
cd "$(dirname "$0")/.."

wanted=${1:-run}
stamp=.venv/balanza-installed
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

die() {
    echo "balanza: $*" >&2
    exit 1
}

# The folder is part of it: a virtual environment that was moved or copied does not work.
state() {
    echo "$1 $(pwd -P)"
    cat requirements.lock requirements-dev.lock pyproject.toml
}

# Compared as texts: a pipe to cmp breaks at the first difference, and where SIGPIPE is ignored cat complains.
installed() {
    [ -x .venv/bin/python ] && [ -f "$stamp" ] || return 1
    there=$(cat "$stamp")
    [ "$there" = "$(state dev)" ] || { [ "$wanted" = run ] && [ "$there" = "$(state run)" ]; } || return 1
    .venv/bin/python -c "$new_enough" 2>/dev/null
}

find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c "$new_enough" 2>/dev/null; then
            # Not the name: a shim can stand for another Python in another folder.
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    command -v python3 >/dev/null || die "Python is missing; install it with: apt-get install python3 python3-venv"
    die "$(python3 --version 2>&1) is too old: Balanza needs Python 3.11 or newer; set PYTHON to one that is."
}

find_uv() {
    if uv --version >/dev/null 2>&1; then
        uv=uv
        return
    fi
    for uv in .tools/uv/bin/uv .tools/venv/bin/uv; do
        if "$uv" --version >/dev/null 2>&1; then return; fi
    done
    fetch_uv
}

# --target makes pip install without a virtual environment, also where the system's Python is "externally managed".
fetch_uv() {
    quiet="--quiet --disable-pip-version-check --no-input --require-hashes -r scripts/uv.lock"
    rm -rf .tools/uv .tools/venv
    if "$python" -m pip --version >/dev/null 2>&1; then
        echo "balanza: fetching uv with pip"
        # shellcheck disable=SC2086 # a list of options
        "$python" -m pip install --root-user-action=ignore --target .tools/uv $quiet ||
            die "pip could not install uv (see above); install uv yourself, or check the network."
        uv=.tools/uv/bin/uv
    elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "balanza: fetching uv into .tools/venv"
        "$python" -m venv .tools/venv
        # shellcheck disable=SC2086
        .tools/venv/bin/python -m pip install $quiet ||
            die "pip could not install uv (see above); install uv yourself, or check the network."
        uv=.tools/venv/bin/uv
    else
        die "neither uv nor pip nor venv was found; install one with: apt-get install python3-pip"
    fi
}

# An own cache where the home folder cannot hold one.
choose_cache() {
    if [ -z "${UV_CACHE_DIR:-}" ] && ! { [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/uv" && [ -w "$HOME/.cache/uv" ]; } 2>/dev/null; then
        export UV_CACHE_DIR="$PWD/.tools/cache"
    fi
}

install() {
    export UV_PYTHON_DOWNLOADS=never
    # Behind a proxy with a certificate of its own uv's list is not enough; without certificates the system's is not.
    if [ -n "$(ls -d /etc/ssl/cert.pem /etc/ssl/certs/* 2>/dev/null)" ]; then
        export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    fi
    rm -f "$stamp"
    if ! .venv/bin/python -c "$new_enough" 2>/dev/null || ! grep -qF "$(pwd -P)/.venv" .venv/bin/activate; then
        "$uv" venv --quiet --clear --python "$python" .venv || die "uv could not make .venv (see above)."
    fi
    # Compiled now, so that every process starts fast, also where Python may not write beside its modules.
    set -- --quiet --compile-bytecode --require-hashes --python .venv/bin/python
    echo "balanza: installing into .venv"
    case $wanted in
    run) "$uv" pip install "$@" -r requirements.lock ;;
    dev) "$uv" pip sync "$@" requirements-dev.lock ;;
    esac &&
        "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable . ||
        die "uv could not install what Balanza needs (see above); check the network, then try again."
    state "$wanted" >"$stamp"
}

case $wanted in run | dev) ;; *) die "bootstrap.sh takes run or dev, not $wanted" ;; esac
if installed; then exit 0; fi
python=$(find_python)
choose_cache
find_uv
install
