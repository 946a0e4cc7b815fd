#!/bin/sh
# Install the peers that are available here: commands from Debian, packages into the Python named
# by $1. The bench leaves out by name what can't be installed.
set -u

python=${1:?usage: bench/install.sh PYTHON}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

"$python" -m pip install --quiet --require-hashes --requirement "$here/requirements-bench.txt" ||
    echo "packages of peers can't be installed here: left out" >&2

missing=
command -v rg >/dev/null || missing="$missing ripgrep"
command -v recollindex >/dev/null || missing="$missing recollcmd"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $missing; } \
        >/dev/null 2>&1 && exit 0
    echo "can't be installed here:$missing: left out" >&2
else
    echo "not installed:$missing (as root: apt-get install$missing): left out" >&2
fi
exit 0
