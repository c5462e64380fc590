#!/bin/bash
# Real smart-card clients against the chip, through pcscd: OpenSC, pcsc_scan, python-emv, this project's runner. Every
# cryptogram that they get is computed again by pyemv. Installs what is missing with apt; needs root.
#
#   tests/clients/run.sh            build, install, run
#   KAIKA=target/debug …            takes the programs that are there; they must have been built with `--features pcsc`
#
# The clients run in a network namespace of their own, since vpcd listens on every address.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

debian="pcscd vsmartcard-vpcd opensc pcsc-tools libpcsclite-dev swig pkg-config python3-venv python3-dev build-essential iproute2"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

installed() { # Whether every package is.
    for package in $debian; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || return 1
    done
}

if [ "${1:-}" != inside ]; then
    if ! installed; then
        as_root apt-get -qq update
        # shellcheck disable=SC2086
        as_root apt-get -qq install -y --no-install-recommends $debian >/dev/null
    fi
    python=$(tests/clients/venv.sh)
    stamp=$(dirname "$(dirname "$(dirname "$python")")")/cards.txt
    if ! cmp -s tests/clients/cards.txt "$stamp"; then
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps -r tests/clients/cards.txt
        cp tests/clients/cards.txt "$stamp"
    fi
    if [ -z "${KAIKA:-}" ]; then
        KAIKA=target/debug
        cargo build --locked --quiet --workspace --features pcsc --bins --examples
    fi
    as_root unshare -n "$0" inside "$KAIKA" "$python"
    exit
fi

kaika=$2/kaika
examples=$2/examples
python=$3
emvtool=$(dirname "$python")/emvtool
work=$(mktemp -d)
pcscd_pid=
chip_pid=

stopped() { # PID: ends a process of ours and waits for it.
    [ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1" 2>/dev/null; } || true
}

ended() {
    status=$?
    stopped "$chip_pid"
    stopped "$pcscd_pid"
    if [ "$status" != 0 ]; then
        echo "FAILED, exit $status; pcscd said last:" >&2
        tail -n 5 "$work/pcscd.log" >&2 || true
        echo "the chip said last:" >&2
        tail -n 5 "$work/chip.log" >&2 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap ended EXIT
trap 'exit 130' INT TERM

say() { printf '\n-- %s\n' "$*"; }

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

shown() { # NAME COMMAND…: runs it for at most 30 s, keeps what it says and shows its beginning, whatever its exit code.
    out=$work/$1
    shift
    # Tables without their frames.
    { timeout 30 "$@" 2>&1 || true; } | sed -E 's/\x1b\(0[a-z]*\x1b\(B//g; s/\x1b\[[0-9;]*[A-Za-z]//g' >"$out"
    sed -n '1,16 s/^/    /p' "$out" | cut -c1-150
    [ "$(wc -l <"$out")" -le 16 ] || echo "    … $(wc -l <"$out") lines"
}

expect() { # PATTERN…: each stands in what was shown last.
    for pattern in "$@"; do
        grep -qE -- "$pattern" "$out" || fail "no /$pattern/ in the answer above"
    done
}

until_true() { # WHAT COMMAND…: tries for 10 s.
    what=$1
    shift
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "$what does not come"
}

same_memory() { # The chip's memory is what it was.
    cmp -s "$work/chip.bin" "$work/before.bin" || fail "$1 changed the chip's memory"
    echo "    the chip's memory is byte for byte what it was"
}

insert() { # [OPTION…]: the chip, in the reader.
    "$kaika" se --vpcd --file "$work/chip.bin" --keys "$work/keys.json" "$@" 2>>"$work/chip.log" &
    chip_pid=$!
    until_true "the card in the reader" sh -c "opensc-tool -l | grep -q 'Yes .*Virtual PCD 00 00'"
}

eject() {
    stopped "$chip_pid"
    chip_pid=
}

ip link set lo up
say "a chip that the demonstration personalised, and two more tokens in it: one with a PIN, one with a PIN and CVN 10"
"$kaika" demo --data "$work" >/dev/null
"$examples"/personalise "$work/chip.bin" "$work/keys.json" 6299000000000011 1234
"$examples"/personalise "$work/chip.bin" "$work/keys.json" 6299000000000029 1234 0A

say "without a reader the chip says what to start"
shown nobody "$kaika" se --vpcd --file "$work/chip.bin" --keys "$work/keys.json"
expect 'no reader listens at 127.0.0.1:35963; start pcscd'

pcscd --foreground >"$work/pcscd.log" 2>&1 &
pcscd_pid=$!
until_true "pcscd" test -S /run/pcscd/pcscd.comm
insert --log "$work/apdu.ndjson"
reader="Virtual PCD 00 00"

say "OpenSC: readers, ATR, one command, and the probing of all its drivers"
cp "$work/chip.bin" "$work/before.bin"
shown list opensc-tool -l
expect "Yes .*$reader"
shown atr opensc-tool --atr
expect '3b:6b:00:00:80:73:c0:01:c0:55:4b:41:49:4b:41'
shown pse opensc-tool -c default -s 00A404000E315041592E5359532E444446303100 -s 00B2010C00
expect 'SW1=0x90, SW2=0x00' '^4F 08 F0 4B 41 49 4B 41 01 01|F0 4B 41 49 4B 41 01 01'
shown short opensc-tool -c default -s FFCA000000
expect 'SW1=0x6E, SW2=0x00'
before=$(grep -c command "$work/apdu.ndjson")
shown probing opensc-tool --name
probes=$(($(grep -c command "$work/apdu.ndjson") - before))
[ "$probes" -ge 20 ] || fail "only $probes commands of probing"
echo "    $probes foreign commands"
same_memory "OpenSC"

say "pcsc_scan"
shown scan timeout 3 pcsc_scan -n
expect "$reader" 'Card inserted' '3B 6B 00 00 80 73 C0 01 C0 55 4B 41 49 4B 41'
same_memory "pcsc_scan"

say "python-emv: applications, data, a wrong PIN, a code under the PIN, a request cryptogram of every application"
shown apps "$emvtool" listapps
expect 'F0 4B 41 49 4B 41 01 01' 'F0 4B 41 49 4B 41 01 04'
shown info "$emvtool" info
expect '1PAY.SYS.DDF01' '2PAY.SYS.DDF01' 'Application Primary Account Number \(PAN\) +6299000000000029' 'pin_retries +3'
same_memory "reading"
shown appdata "$emvtool" appdata 0
expect 'AIP +\[28, 0\]' 'AFL +\[8, 1, 2, 0\]' '6299[0-9]{12} ' 'CDOL1'
shown wrong "$emvtool" -p 9999 cap -c 12345678
expect 'Invalid PIN'
shown cap "$emvtool" -p 1234 cap -c 12345678 -a 12.50
expect '^[0-9]+$'
shown pay "$python" tests/clients/cards.py
[ "$(grep -cE '^F04B41494B41010[1-4] token 62990[0-9]* counter 00[0-9A-F]{2} kind 80 [0-9A-F]{16}$' "$out")" = 4 ] ||
    fail "not four request cryptograms"
eject

say "pyemv computes every cryptogram of the log again"
shown right "$python" tests/clients/recompute.py "$work/apdu.ndjson" "$work/keys.json"
expect '^5 right, 0 wrong$' 'CVN 12' 'CVN 0A'
say "and notices one byte: of a cryptogram, of the amount, of the token key's master"
sed -E '/"answer":"77[0-9a-f]*9f2608/ s/(9f2608)(..)/\1ff/' "$work/apdu.ndjson" >"$work/spoilt.ndjson"
cmp -s "$work/apdu.ndjson" "$work/spoilt.ndjson" && fail "nothing was spoilt"
shown wrong-cryptogram "$python" tests/clients/recompute.py "$work/spoilt.ndjson" "$work/keys.json"
expect '[1-9] wrong$' 'WRONG, pyemv has'
sed -E 's/("command":"80ae80001d)00/\101/' "$work/apdu.ndjson" >"$work/spoilt.ndjson"
cmp -s "$work/apdu.ndjson" "$work/spoilt.ndjson" && fail "nothing was spoilt"
shown wrong-amount "$python" tests/clients/recompute.py "$work/spoilt.ndjson" "$work/keys.json"
expect '^0 right, 5 wrong$'
"$python" - "$work" <<'P'
import json, sys
keys = json.load(open(sys.argv[1] + "/keys.json"))
master = keys["token_master"]
keys["token_master"] = f"{int(master[:2], 16) ^ 2:02x}{master[2:]}"
json.dump(keys, open(sys.argv[1] + "/other.json", "w"))
P
shown wrong-key "$python" tests/clients/recompute.py "$work/apdu.ndjson" "$work/other.json"
expect '^0 right, 5 wrong$'

say "how fast: whole payments (PPSE to cryptogram) and single commands, through pcscd and vpcd; the memory on this disk"
insert
shown speed "$examples"/reader_speed "$reader" 2
expect 'commands a second'
# 500 is the aim on a quiet machine; with vpcd's segments acknowledged late it would be 4.
[ "$(sed -nE 's/.*: ([0-9]+) payments a second.*/\1/p' "$out")" -ge 50 ] || fail "fewer than 50 payments a second"
eject

say "the runner plays the chip's vectors through PC/SC, each with a chip from the factory"
took=$SECONDS
"$kaika" conform --subject reference --role chip --reader "$reader" --only chip/hand/ >"$work/conform" 2>"$work/conform.log" || true
grep -vE 'in the reader|out of the reader' "$work/conform.log" || true
shown played cat "$work/conform"
expect 'chip by hand: [0-9]{3} passed, 0 failed, 0 skipped'
echo "    $(grep -c 'in the reader' "$work/conform.log") chips went into the reader in $((SECONDS - took)) s"
say "a chip that nobody can replace by a new one plays none of them, and the runner says why"
cat >"$work/subject.json" <<'P'
{"implementation": {"name": "a card", "version": "1"}, "roles": {"chip": {"reader": "Virtual PCD 00 00"}}, "keys": {}}
P
shown skipped "$kaika" conform --subject "$work/subject.json" --role chip --only chip/hand/
expect 'chip by hand: 0 passed, 0 failed, 0 skipped, [0-9]{3} unimplemented' 'unimplemented [0-9]{3}: hook chip'

say "the vectors of bytes are what the rules give"
"$python" tests/clients/bytes.py --check conformance/vectors/hand/bytes
"$python" tests/clients/keys.py --check conformance/vectors/hand/bytes
echo
echo "clients: all held, in $SECONDS s"
