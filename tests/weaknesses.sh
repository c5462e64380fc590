#!/bin/sh
# Leaves each countermeasure out of the implementation, one at a time, and looks what notices: docs/bug-zoo.md.
#
#   tests/weaknesses.sh              fails when the page says otherwise, or one is found by fewer than two mechanisms
#   UPDATE=1 tests/weaknesses.sh     writes it
set -eu
cd "$(dirname "$0")/.."
built=$(mktemp)
trap 'rm -f "$built"' EXIT
cargo test --locked --no-run --message-format json --features kaika/weak --lib --test cores --test weaknesses \
    --test bytes --test evidence --test host --test personalise --test refusals --test tears --test verify \
    -p kaika -p kaika-issuer -p kaika-verifier -p kaika-secure-element -p kaika-terminal -p kaika-pos >"$built"
cargo test --locked --no-run --message-format json --manifest-path fuzz/Cargo.toml --no-default-features --features weak \
    --test replay --test canary >>"$built"
judge=$(sed -n 's/.*"executable":"\([^"]*\/weaknesses-[^"]*\)".*/\1/p' "$built")
KAIKA_BUILT="$built" "$judge" measured:: --nocapture
