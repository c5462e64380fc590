#!/bin/sh
# Which regions of the role steps (each arm, each operand of a condition) exploration runs, by the compiler's own counters.
#
#   model/coverage.sh           compares docs/model-coverage.md with what is measured
#   model/coverage.sh --write   writes it
#
# Exit 0 only if the page says what is so. Takes about two minutes.
set -eu
cd "$(dirname "$0")/.."

tools=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
[ -x "$tools/llvm-cov" ] || rustup component add llvm-tools
target=target/coverage
program=$target/release/examples/walked
LLVM_PROFILE_FILE=$PWD/$target/build-%p.profraw RUSTFLAGS="-C instrument-coverage" \
    cargo build --locked --quiet --release -p kaika-model --example walked --target-dir "$target"
rm -f "$target"/*.profraw

exports=""
for what in worlds machines; do
    LLVM_PROFILE_FILE=$PWD/$target/$what.profraw "$program" "$what"
    "$tools/llvm-profdata" merge -sparse "$target/$what.profraw" -o "$target/$what.profdata"
    "$tools/llvm-cov" export "$program" -instr-profile "$target/$what.profdata" \
        --sources model/src/role >"$target/$what.json"
    exports="$exports $target/$what.json"
done

cargo run --locked --quiet --release -p kaika-model --example holes -- $exports "$@"
