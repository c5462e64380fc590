#!/bin/sh
# Makes a Python environment with requirements.txt under target/subjects/python, unless it is there, and prints its
# interpreter. Exit 3: there is no Python, or one that cannot make environments.
set -eu
cd "$(dirname "$0")"
wanted=$PWD/requirements.txt
dir=${CARGO_TARGET_DIR:-$PWD/../../../target}/subjects/python

if ! command -v python3 >/dev/null || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "python3 with its venv module is missing (Debian: python3-venv)" >&2
    exit 3
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock" # Several tests may want it at once.
command -v flock >/dev/null && flock 9
if ! cmp -s "$wanted" "$dir/installed.txt" || ! "$dir/venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$dir/venv" "$dir/installed.txt"
    python3 -m venv "$dir/venv" >&2
    "$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2
    cp "$wanted" "$dir/installed.txt"
fi
echo "$dir/venv/bin/python"
