#!/bin/sh
# Make or refresh the virtual environment named by $1 (default .venv) for this checkout: the locked
# packages of constraints.txt, checked by hash, then the distributions of this tree, editable.
# Used by the Makefile; needs nothing but Python 3.11 or newer with venv. Set PYTHON to choose one.
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}

suits() { # is $1 a Python that can make the environment?
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3 python}; do
        if suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "ratchet: no Python 3.11 or newer with the venv module was found" \
        "(tried: ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3 python})." >&2
    echo "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv)," \
        "or name one: make ${MAKECMDGOALS:-up} PYTHON=/path/to/python3" >&2
    return 1
}

if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
    echo "ratchet: $venv is there but is no virtual environment; move it away and try again" >&2
    exit 1
fi
if ! { suits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
    python=$(find_python)
    echo "ratchet: making $venv with $("$python" --version) ..."
    "$python" -m venv --clear "$venv"
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}

echo "ratchet: installing the locked packages into $venv ..."
pip install --progress-bar off --no-compile --require-hashes -r constraints.txt

echo "ratchet: installing this checkout into $venv ..."
set -- -e .
for project in plugins/*/pyproject.toml contrib/clients/*/pyproject.toml; do
    [ -e "$project" ] && set -- "$@" -e "${project%/pyproject.toml}"
done
pip install --no-deps --no-build-isolation "$@"
touch "$venv/.installed"
