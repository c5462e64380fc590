#!/usr/bin/env python3
"""A subject that is wrong on purpose: the reference's issuer behind a relay that falsifies some of its answers.

    tests/report/wrong.py KAIKA DIR COMMAND…

Starts `KAIKA serve issuer` with new data in DIR, writes the manifest DIR/issuer.json, runs COMMAND and ends with its exit code.
"""

import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'><!-- \u001b[31m"

# The true refusal, and what is said in its place.
LIES = {
    "already-reversed": {"code": "idempotency-conflict", "class": "retry"},
    "reversal-mismatch": {"code": HOSTILE, "title": HOSTILE},
}


def free():
    """A port of loopback that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def falsified(body):
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    lie = LIES.get(answer.get("code")) if isinstance(answer, dict) else None
    return json.dumps(answer | lie).encode() if lie else body


def relay(port):
    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            there = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            there.request(self.command, self.path, body, headers)
            answer = there.getresponse()
            heard = falsified(answer.read())
            self.send_response_only(answer.status)
            self.send_header("content-type", answer.getheader("content-type", ""))
            self.send_header("content-length", str(len(heard)))
            self.end_headers()
            self.wfile.write(heard)
            there.close()

        do_GET = do_POST = do_PUT = do_DELETE = pass_on

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def begun(kaika, directory):
    """The issuer with its ports; others when one of those is taken meanwhile."""
    for _ in range(5):
        shutil.rmtree(directory / "data", ignore_errors=True)
        issuer, pos, identity = free(), free(), free()
        log = directory / "issuer.log"
        process = subprocess.Popen(
            [kaika, "serve", "issuer", "--listen", f"127.0.0.1:{issuer}", "--pos", f"127.0.0.1:{pos}",
             "--identity", f"http://127.0.0.1:{identity}", "--data", str(directory / "data")],
            stdout=subprocess.DEVNULL, stderr=log.open("w"))
        if reachable(issuer, process, directory / "data" / "keys.json"):
            return process, issuer, pos, identity
        process.kill()
        process.wait()
    raise SystemExit(f"the issuer does not listen: {log.read_text()}")


def reachable(port, process, keys):
    for _ in range(200):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            if keys.exists():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def main(kaika, directory, *command):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    process, issuer, pos, identity = begun(kaika, directory)
    try:
        manifest = {
            "implementation": {"name": "an issuer with two faults", "version": "0.1.0"},
            "roles": {"issuer": {"http": f"http://127.0.0.1:{relay(issuer)}", "tcp": f"127.0.0.1:{pos}"}},
            "keys": json.loads((directory / "data" / "keys.json").read_text()),
            "peers": {"identity": f"127.0.0.1:{identity}"},
        }
        (directory / "issuer.json").write_text(json.dumps(manifest, indent=2))
        return subprocess.run(list(command)).returncode
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
