#!/bin/sh
# Plays the chip's vectors against the chip in Python: chip.sh [--wrong] [what `kaika conform` takes, such as --only TEXT]
#
# KAIKA is the runner, `cargo run --release --quiet --` by default. The exit code is the runner's. With --wrong the chip
# breaks one rule at a time, and the exit code says whether the vectors notice each. Exit 3: there is no Python.
set -eu
cd "$(dirname "$0")/../../.."
here=conformance/subjects/python
dir=${CARGO_TARGET_DIR:-$PWD/target}/subjects
kaika=${KAIKA:-cargo run --release --quiet --}

mkdir -p "$dir"
python=$("$here/venv.sh") || exit $?

run=$(mktemp -d "$dir/run.XXXXXX")
pid=
finish() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    pid=
}
trap 'finish; rm -rf "$run"' EXIT
trap 'exit 130' INT TERM

# start [what the chip takes]: starts the factory and writes the manifest.
start() {
    key=$("$python" -c 'import secrets; print(secrets.token_hex(16))')
    : >"$run/address"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here "$python" -m chip --chip-master "$key" "$@" >"$run/address" &
    pid=$!
    tries=100
    until [ -s "$run/address" ]; do
        kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ] || { echo "the chip did not start" >&2; exit 1; }
        tries=$((tries - 1))
        sleep 0.1
    done
    cat >"$run/chip.json" <<JSON
{
  "implementation": { "name": "the chip in Python", "version": "0.1.0" },
  "roles": { "chip": {} },
  "keys": { "chip_master": "$key" },
  "peers": {},
  "hooks": { "control": { "http": "$(cat "$run/address")" }, "offers": ["chip"] }
}
JSON
}

# notices RULE TEXT: whether the tests with TEXT in their ids fail for a chip that breaks RULE, and not for another reason.
notices() {
    start --wrong "$1"
    $kaika conform --subject "$run/chip.json" --role chip --only "$2" >"$run/out" 2>&1 && code=0 || code=$?
    finish
    if [ "$code" -eq 0 ] || ! grep '^  FAIL' "$run/out" | grep -qF "$2"; then
        cat "$run/out" >&2
        echo "a chip that breaks the rule '$1' was not noticed" >&2
        exit 1
    fi
    echo "noticed: $1 ($(grep -c '^  FAIL' "$run/out") of the tests with $2)"
}

if [ "${1:-}" = --wrong ]; then
    notices approve chip/hand/issuer/
    notices suspended 'commit suspend select(slot) get-processing-options'
    exit 0
fi
start
$kaika conform --subject "$run/chip.json" --role chip "$@" && code=0 || code=$?
exit "$code"
