#!/bin/sh
# Fuzzes targets with libFuzzer on the stable toolchain: fuzz/run.sh SECONDS [TARGET…]
#
# Needs cargo and a C++ compiler, nothing else: the flags below are what `cargo fuzz build -s none` passes.
# The engine's new finds go to a scratch directory; corpus/, dict/ and regress/ are read only. Prints, for each target, its
# executions per second and their ratio to the empty target's. A failing input is left in fuzz/artifacts/.
set -eu
cd "$(dirname "$0")"
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET…]}
shift
[ $# -gt 0 ] || set -- $(cut -d' ' -f1 targets.txt)

host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
RUSTFLAGS="$flags" cargo build --locked --release --bins --target "$host"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p artifacts
empty=0

fuzz() { # TARGET: prints executions per second
    max_len=$(sed -n "s/^$1 //p" targets.txt)
    mkdir -p "$scratch/$1" "corpus/$1" "regress/$1"
    dict=
    [ ! -f "dict/$1" ] || dict="-dict=dict/$1"
    if ! "target/$host/release/$1" -seed=1 -len_control=0 -max_len="$max_len" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="artifacts/$1-" \
        $dict \
        "$scratch/$1" "corpus/$1" "regress/$1" 2>"$scratch/$1.log"; then
        tail -60 "$scratch/$1.log" >&2
        echo "fuzz: $1 failed; its input is in fuzz/artifacts/; copy it to fuzz/regress/$1/ once it is fixed" >&2
        exit 1
    fi
    sed -n 's/^stat::average_exec_per_sec: *//p' "$scratch/$1.log"
}

empty=$(fuzz empty)
for target in "$@"; do
    if [ "$target" = empty ]; then rate=$empty; else rate=$(fuzz "$target"); fi
    edges=$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$scratch/$target.log" | tail -1)
    awk -v t="$target" -v r="$rate" -v e="$empty" -v c="${edges:-0}" \
        'BEGIN { printf "%-14s %9d executions/s  %.4f of empty  %5d edges\n", t, r, (e > 0 ? r / e : 0), c }'
done
