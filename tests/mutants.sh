#!/bin/sh
# Changes the code of the role cores, one place at a time, and asks the vectors whether they notice; what they do not tell, the
# tests of the crate are asked. docs/mutants.md tells what was found and why what survives does.
#
#   tests/mutants.sh [CORE…]              every mutant: hours
#   tests/mutants.sh sample N [CORE…]     about N of each core, evenly spread and the same every time
#   tests/mutants.sh shard K/N [CORE…]    the K-th of N parts, K from 0: for several machines
#   UPDATE=1 tests/mutants.sh …           writes the figures of these cores into docs/mutants.md
#
# CORE is issuer, verifier, identity, pos, terminal or secure-element; all of them when none is named. Exit 1 when a mutant
# survives that tests/mutants.txt gives no reason for. Needs cargo-mutants. The code is changed where it is, so that only what
# depends on it is built again: impl/ must be as it was committed, and is so again at the end.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
out=$root/target/mutants
reasons=$root/tests/mutants.txt

if ! cargo mutants --version >/dev/null 2>&1; then
    echo "cargo-mutants is missing: cargo install cargo-mutants --locked" >&2
    exit 4
fi

if ! git diff --quiet HEAD -- impl; then
    echo "impl/ has changes that are not committed: commit or stash them first" >&2
    exit 4
fi
restore() { git diff --quiet -- impl || git checkout --quiet -- impl; }
trap restore EXIT
trap 'exit 130' INT TERM

# As `tests/all.sh` builds everything: what is built is built once.
features=pkcs11,pcsc
# Seconds until a test command that does not end is taken for one that fails.
patience=180
how=whole part="" count=""
case "${1:-}" in
sample) how=sample count=${2:?sample N} && shift 2 ;;
shard) how=shard part=${2:?shard K/N} && shift 2 ;;
esac
[ $# -gt 0 ] || set -- issuer verifier identity pos terminal secure-element

# The suite that is played against a core; a core without one is asked by its own tests alone.
suite_of() {
    case $1 in
    issuer | verifier | identity | pos | terminal) echo "$1" ;;
    secure-element) echo chip ;;
    *) echo "no core: $1" >&2 && return 1 ;;
    esac
}

# Names without line and column: code moves.
names() { sed 's/:[0-9]*:[0-9]*: /: /' "$@" 2>/dev/null | sort; }

lines() { cat "$@" 2>/dev/null | wc -l | tr -d ' '; }

mutants() { # CORE ARGUMENTS…: 0, 2 and 3 are verdicts on mutants
    core=$1 code=0
    shift
    RUST_BACKTRACE=0 cargo mutants --in-place --baseline skip --timeout "$patience" --no-shuffle --colors never \
        --package "kaika-$core" "$@" || code=$?
    case $code in 0 | 2 | 3) ;; *) echo "cargo mutants on $core: exit $code" >&2 && exit "$code" ;; esac
}

right() { # CORE COMMAND…: what fails for the code as it is says nothing of what is changed
    core=$1
    shift
    "$@" >"$out/$core/right.log" 2>&1 || { tail -n 20 "$out/$core/right.log" >&2 && exit 4; }
}

measure() { # CORE: leaves lists in $out/CORE
    core=$1
    suite=$(suite_of "$core")
    rm -rf "${out:?}/$core"
    mkdir -p "$out/$core"
    all=$(cargo mutants --list --package "kaika-$core" | wc -l | tr -d ' ')
    case $how in
    sample) parts=$((all / count)) && shard="--sharding round-robin --shard 0/$((parts > 0 ? parts : 1))" ;;
    shard) shard="--sharding round-robin --shard $part" ;;
    *) shard="" ;;
    esac
    echo "$all" >"$out/$core/all"
    by="$out/$core/mutants.out"
    play="conform --subject reference --role $suite --first --seed 1"
    if [ -n "$suite" ]; then
        # shellcheck disable=SC2086
        right "$core" cargo test --quiet --workspace --features "$features" --test suite -- $play
        # shellcheck disable=SC2086
        mutants "$core" $shard --output "$out/$core" --test-workspace=true --features "$features" --cargo-arg=--test=suite -- -- $play
        for list in caught missed timeout unviable; do cp "$by/$list.txt" "$out/$core/suite-$list"; done
    fi
    [ -z "$suite" ] || [ -s "$out/$core/suite-missed" ] || return 0
    right "$core" cargo test --quiet --package "kaika-$core" --lib --tests
    # What was told is not asked again.
    set -- --output "$out/$core" --cargo-arg=--lib --cargo-arg=--tests
    if [ -z "$suite" ]; then
        # shellcheck disable=SC2086
        mutants "$core" $shard "$@"
    else
        while IFS= read -r missed; do
            set -- "$@" --re "^$(printf '%s' "$missed" | sed 's/[][\\.*^$+?(){}|]/\\&/g')\$"
        done <"$out/$core/suite-missed"
        mutants "$core" "$@"
        # Some kinds of change are named by every expression.
        for list in caught missed timeout unviable; do
            grep -Fxf "$out/$core/suite-missed" "$by/$list.txt" >"$by/of-these" || :
            mv "$by/of-these" "$by/$list.txt"
        done
    fi
    for list in caught missed timeout unviable; do cp "$by/$list.txt" "$out/$core/own-$list"; done
}

row() { # CORE: the figures in a line
    dir=$out/$1
    told=$(lines "$dir/suite-caught" "$dir/suite-timeout")
    own=$(lines "$dir/own-caught" "$dir/own-timeout")
    left=$(lines "$dir/own-missed")
    viable=$((told + own + left))
    suite=$(suite_of "$1")
    echo "$1|${suite:--}|$(cat "$dir/all")|$viable|$told|$own|$left"
}

reason() { # MUTANT: why it survives
    grep -F "$1|" "$reasons" | head -n 1 | cut -d'|' -f2-
}

page() { # the page, of what was measured last of each core
    cat <<'HEAD'
# Mutants of the code

`tests/mutants.sh` changes the cores of the roles, one place at a time, as [cargo-mutants](https://mutants.rs) does: a comparison turned, a function's
result made up, a match arm left out. The suite of the role is played first (`kaika conform --subject reference --role … --first`); what it does
not tell, the tests of the crate are asked. What does not compile is no mutant. Written by `UPDATE=1 tests/mutants.sh …`, core by core.

A change is built and judged in four to fourteen seconds on two cores, since everything that starts a role is linked again; a suite that notices it ends at its
first failure. All of them are hours; every run of `tests/all.sh` asks a few of the issuer's.

| core | suite | places | command | judged | told by vectors | told by its own tests | survive |
|---|---|---|---|---|---|---|---|
HEAD
    cat "$rows"
    printf '\nPlaces are all that could be changed, judged is what of them was. A change that makes a server hang is told.\n'
    printf '\n## What survives, here or in samples before\n\n'
    if grep -q '^[^#]' "$reasons"; then
        printf '| mutant | why |\n|---|---|\n'
        grep '^[^#]' "$reasons" | sort | sed 's/^\([^|]*\)|\(.*\)$/| `\1` | \2 |/'
    else
        echo "Nothing."
    fi
}

mkdir -p "$out"
rows=$out/rows
# What was measured of the other cores stays.
sed -n '/^| [a-z-]* | [a-z-]* | [0-9]/p' docs/mutants.md >"$rows" 2>/dev/null || :

unexplained=0
for core in "$@"; do
    suite_of "$core" >/dev/null
    measure "$core"
    names "$out/$core/own-missed" >"$out/$core/survivors"
    while IFS= read -r survivor; do
        if [ -z "$(reason "$survivor")" ]; then
            echo "survives, and no reason is given in tests/mutants.txt: $survivor"
            unexplained=$((unexplained + 1))
        fi
    done <"$out/$core/survivors"
    row "$core" >"$out/$core/row"
    awk -F'|' '{ printf "%s: of %d changes %d are told by vectors (%s), %d more by its own tests, %d survive\n", $1, $4, $5, $2, $6, $7 }' "$out/$core/row"
    if [ -n "${UPDATE:-}" ]; then
        awk -F'|' -v how="$how${count:+ $count}${part:+ $part}" '{ printf "| %s | %s | %d | `%s` | %d | %s | %d | %d |\n", $1, $2, $3, how, $4, $5, $6, $7 }' \
            "$out/$core/row" >"$out/$core/line"
        { grep -v "^| $core |" "$rows" || :; cat "$out/$core/line"; } | sort >"$rows.new"
        mv "$rows.new" "$rows"
    fi
done
[ -z "${UPDATE:-}" ] || page >"$root/docs/mutants.md"
[ "$unexplained" = 0 ]
