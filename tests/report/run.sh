#!/bin/sh
# Reports of two real runs, read by others and opened in a headless Chromium: a subject that is wrong and says hostile things,
# and every suite against the reference. Installs Chromium with apt when there is none. Pictures: target/report/*.png.
#
#   tests/report/run.sh             with the release build; takes the whole run's report from target/report/full where
#                                   `kaika verify --report target/report/full` left one, else plays it
#   KAIKA=target/debug/kaika …      takes this program
set -eu
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

there() {
    command -v chromium || command -v chromium-headless-shell || command -v chromium-browser || command -v google-chrome
}

if ! there >/dev/null; then
    as_root apt-get -qq update
    # The smaller one, where there is one.
    as_root apt-get -qq install -y --no-install-recommends chromium-headless-shell >/dev/null 2>&1 ||
        as_root apt-get -qq install -y --no-install-recommends chromium >/dev/null
fi
if [ -z "${KAIKA:-}" ]; then
    cargo build --locked --release --quiet
    KAIKA=target/release/kaika
fi

out=target/report
wrong=$(mktemp -d)
trap 'rm -rf "$wrong"' EXIT
rm -rf "$out/wrong"

# Exit 1: tests failed, as they must.
code=0
python3 tests/report/wrong.py "$KAIKA" "$wrong" "$KAIKA" conform --subject "$wrong/issuer.json" --role issuer --seed 1 \
    --only 'reverse(ok) reverse(' --only 'debit(ok) reverse(more)' --only issuer/wire/ --report "$out/wrong" >/dev/null || code=$?
[ "$code" = 1 ] && [ -f "$out/wrong/report.json" ] || { echo "FAILED: the wrong subject ends in exit $code, not 1" >&2; exit 1; }
[ -f "$out/full/report.json" ] || "$KAIKA" conform --subject reference --report "$out/full" >/dev/null
python3 tests/report/check.py "$out/wrong" "$out/full" "$out"
python3 tests/report/page.py "$KAIKA" docs/read-a-failure.md
