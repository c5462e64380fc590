#!/bin/sh
# Everything, on a fresh Debian machine with only Rust's toolchain: sets up what is missing, then runs every check.
#
#   tests/all.sh            all of it, in less than half an hour on two cores
#   tests/all.sh quick      formatting, lints and tests only
#   tests/all.sh deep       all of it, and what takes long: which branches exploration runs, the identification tier, every
#                           countermeasure left out of the code
#
# Ends with one line of counts, `N passed, N failed`, and the closing line of `kaika verify`. Exit 0 only if every step holds.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 DEBIAN_FRONTEND=noninteractive
exec </dev/null

results=$(mktemp)
closing=$(mktemp)
trap 'rm -f "$results" "$closing"' EXIT
failed_steps=""
bare_metal=thumbv7em-none-eabi
# One choice of packages and features for every step, so that each thing is built once.
everything="--locked --workspace --features pkcs11,pcsc"

say() { printf '\n== %s\n' "$*"; }

step() { # NAME COMMAND…: runs it, remembers a failure and goes on
    say "$1"
    name=$1
    shift
    began=$(date +%s)
    if "$@"; then
        echo "-- $name: ok, $(($(date +%s) - began)) s"
    else
        echo "-- $name: FAILED"
        failed_steps="$failed_steps [$name]"
    fi
}

tested() { # COMMAND…: a test command whose `test result:` lines are counted
    status=$(mktemp)
    { "$@" 2>&1 || echo "$?" >"$status"; } | tee -a "$results"
    verdict=$(cat "$status")
    rm -f "$status"
    return "${verdict:-0}"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

set_up() {
    if ! command -v cc >/dev/null || ! command -v c++ >/dev/null; then
        as_root apt-get -qq update &&
            as_root apt-get -qq install -y --no-install-recommends build-essential || return 1
    fi
    if ! command -v spin >/dev/null; then
        as_root apt-get -qq update &&
            as_root apt-get -qq install -y --no-install-recommends spin || return 1
    fi
    if ! command -v softhsm2-util >/dev/null || [ ! -e /usr/include/PCSC/winscard.h ]; then
        as_root apt-get -qq update &&
            as_root apt-get -qq install -y --no-install-recommends softhsm2 libpcsclite-dev pkg-config || return 1
    fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        as_root apt-get -qq update &&
            as_root apt-get -qq install -y --no-install-recommends python3-venv || return 1
    fi
    if ! command -v rustup >/dev/null; then
        echo "no rustup: cargo must be $(sed -n 's/^channel = //p' rust-toolchain.toml) with rustfmt, clippy, $bare_metal"
        return 0
    fi
    rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install || return 1
    # Only what is missing: asking for what is there needs the network.
    for component in rustfmt clippy llvm-tools; do
        rustup component list --installed | grep -q "^$component" || rustup component add "$component" || return 1
    done
    rustup target list --installed | grep -qx "$bare_metal" || rustup target add "$bare_metal"
}

documents() {
    RUSTDOCFLAGS="-D warnings" cargo doc $everything --no-deps --quiet
}

check_bare_metal() {
    cargo check --locked --quiet --target "$bare_metal" -p kaika-secure-element -p kaika-apdu -p kaika-tokenization
}

fuzz_replay() {
    (cd fuzz && cargo fmt --check &&
        cargo clippy --locked --all-targets --no-default-features --quiet -- -D warnings) || return 1
    tested cargo test --locked --manifest-path fuzz/Cargo.toml --no-default-features --no-fail-fast
}

verify() { # The main job; its last line ends the run.
    rm -rf target/report/full
    cargo run --locked --release --quiet -- verify --report target/report/full >"$closing" 2>&1
    verdict=$?
    cat "$closing"
    return "$verdict"
}

mutants() { # Seconds each.
    cargo mutants --version >/dev/null 2>&1 || cargo install cargo-mutants --locked --quiet || return 1
    tests/mutants.sh sample 4 issuer
}

step "set up" set_up
step "format" cargo fmt --all --check
# shellcheck disable=SC2086
step "lints" cargo clippy $everything --all-targets --quiet -- -D warnings
# shellcheck disable=SC2086
step "tests, with SoftHSM2 for the root keys" tested cargo test $everything --no-fail-fast
if [ "${1:-}" != quick ]; then
    step "fuzz bodies: corpus, random bytes, canaries" fuzz_replay
    step "card clients: OpenSC, pcsc_scan, python-emv, pyemv" env KAIKA=target/debug tests/clients/run.sh
    step "bare metal: $bare_metal" check_bare_metal
    step "documentation" documents
    step "fuzz smoke: ${FUZZ_SECONDS:=3} s each" fuzz/run.sh "$FUZZ_SECONDS"
    step "vectors are fresh" cargo run --locked --release --quiet -- vectors --check
    step "strength: no figure fell" cargo run --locked --release --quiet -- strength --check
    step "the way of a card" cargo run --locked --release --quiet -- demo
    step "verify" verify
    step "faults" cargo run --locked --release --quiet -- conform --subject reference --tier fault
    step "races" cargo run --locked --release --quiet -- conform --subject reference --tier race
    step "an issuer in Python, from the prose" env KAIKA=target/release/kaika conformance/subjects/python/issuer.sh
    step "a chip in Python, from the prose" env KAIKA=target/release/kaika conformance/subjects/python/chip.sh
    step "a wrong chip is noticed" env KAIKA=target/release/kaika conformance/subjects/python/chip.sh --wrong
    step "reports in a browser" tests/report/run.sh
    step "a sample of the code's mutants" mutants
fi
if [ "${1:-}" = deep ]; then
    step "branches of the roles: which exploration runs" model/coverage.sh
    step "identification" cargo run --locked --release --quiet -- conform --subject reference --tier identification
    step "countermeasures left out of the code" tests/weaknesses.sh
fi

say "result"
[ -z "$failed_steps" ] || echo "failed steps:$failed_steps"
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { if (ignored) printf "%d ignored\n", ignored; printf "%d passed, %d failed\n", passed, failed
           exit (failed > 0 || passed == 0) }' "$results" && counted=yes || counted=no
tail -n 1 "$closing"
[ -z "$failed_steps" ] && [ "$counted" = yes ]
