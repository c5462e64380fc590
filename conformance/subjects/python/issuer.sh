#!/bin/sh
# Plays the issuer's suite against the issuer in Python, over sockets, with fresh keys and free ports.
#
#   issuer.sh                   the bytes of its messages, the whole suite, then the canary
#   issuer.sh --wrong           the canary: an issuer that is wrong in one rule (TAP-14), which the suite has to notice
#   issuer.sh --only TEXT …     what is given is handed to `kaika conform`; no bytes and no canary
#
# `KAIKA` is the runner (default: `cargo run --release --quiet --`). Exit code: the runner's; 1 when the canary was not noticed.
set -eu
cd "$(dirname "$0")/../../.."
here=conformance/subjects/python
python=$("$here/venv.sh")
kaika=${KAIKA:-cargo run --release --quiet --}
scratch=$(mktemp -d)
issuer=""

stop() {
    [ -z "$issuer" ] || { kill "$issuer" && wait "$issuer"; } 2>/dev/null || true
    issuer=""
}
trap 'stop; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

start() { # OPTION…: an issuer of its own, and the manifest that says where it is
    stop
    rm -f "$scratch/ready"
    "$python" - "$scratch" <<'PYTHON'
import json, secrets, socket, sys
keys = {name: secrets.token_hex(32) for name in ("verifier_issuer", "operator_issuer", "issuer_identity")}
keys["chip_master"] = secrets.token_hex(16)
with open(sys.argv[1] + "/keys.json", "w") as file:
    json.dump(keys, file)
with socket.socket() as free:  # Where the runner is to be the identity system.
    free.bind(("127.0.0.1", 0))
    with open(sys.argv[1] + "/identity", "w") as file:
        file.write("127.0.0.1:%d" % free.getsockname()[1])
PYTHON
    PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 "$python" -m issuer --keys "$scratch/keys.json" \
        --identity "http://$(cat "$scratch/identity")" --control 127.0.0.1:0 "$@" >"$scratch/ready" &
    issuer=$!
    tries=0
    until [ -s "$scratch/ready" ]; do
        tries=$((tries + 1))
        kill -0 "$issuer" 2>/dev/null && [ "$tries" -lt 100 ] || { echo "the issuer does not start" >&2; exit 1; }
        sleep 0.1
    done
    "$python" - "$scratch" <<'PYTHON'
import json, sys
scratch = sys.argv[1]
ready = json.load(open(scratch + "/ready"))
manifest = {
    "implementation": {"name": "issuer in Python", "version": "0.1.0"},
    "roles": {"issuer": {"http": "http://" + ready["http"], "tcp": ready["tcp"]}},
    "keys": json.load(open(scratch + "/keys.json")),
    "peers": {"identity": open(scratch + "/identity").read()},
    "hooks": {"control": {"http": "http://" + ready["control"]}, "offers": ["clock"]},
}
json.dump(manifest, open(scratch + "/manifest.json", "w"))
open(scratch + "/tcp", "w").write(ready["tcp"])
PYTHON
}

play() { # OPTION…
    $kaika conform --subject "$scratch/manifest.json" --role issuer "$@"
}

canary() {
    start --wrong
    status=0
    play --only "a counter is near" >"$scratch/canary" || status=$?
    if [ "$status" = 1 ] && grep -q "FAIL issuer/edges/a counter is near" "$scratch/canary"; then
        echo "canary: an issuer that takes any counter is noticed"
    else
        cat "$scratch/canary"
        echo "canary: an issuer that takes any counter is NOT noticed (exit $status)" >&2
        return 1
    fi
}

case "${1:-}" in
--wrong) canary ;;
"")
    start
    PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 "$python" -m issuer.check conformance/vectors/hand "$(cat "$scratch/tcp")"
    play
    canary
    ;;
*)
    start
    play "$@"
    ;;
esac
