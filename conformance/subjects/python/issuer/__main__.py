"""Starts the issuer: `python3 -m issuer --help`. Prints where it listens as one line of JSON, and ends at SIGTERM."""

import argparse
import asyncio
import json
import secrets
import signal

from . import control, tap
from .front import OPERATOR, VERIFIER, Front
from .httpd import Server
from .identity import Identity
from .issuer import Issuer, Keys
from .posd import Shop
from .routes import ROUTES


def _address(text):
    host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)


def _arguments():
    parser = argparse.ArgumentParser(prog="issuer", description="An issuer in Python, after spec/.")
    parser.add_argument("--keys", required=True, metavar="FILE",
                        help="JSON with hexadecimal verifier_issuer, operator_issuer, issuer_identity (32 bytes), "
                             "chip_master (16); token_master (16) and vault_root (32) are drawn when they are absent")
    parser.add_argument("--identity", required=True, type=_address, metavar="URL", help="the identity system")
    parser.add_argument("--listen", default=("127.0.0.1", 0), type=_address, metavar="HOST:PORT", help="HTTP")
    parser.add_argument("--pos", default=("127.0.0.1", 0), type=_address, metavar="HOST:PORT", help="ISO 8583")
    parser.add_argument("--control", type=_address, metavar="HOST:PORT", help="the control channel; not for real use")
    parser.add_argument("--wrong", action="store_true",
                        help="be wrong on purpose: take a transaction counter from any distance (TAP-14)")
    return parser.parse_args()


def _read_keys(path):
    with open(path, encoding="utf-8") as file:
        texts = json.load(file)
    sizes = {"verifier_issuer": 32, "operator_issuer": 32, "issuer_identity": 32, "chip_master": 16,
             "token_master": 16, "vault_root": 32}
    drawn = {name: secrets.token_hex(sizes[name]) for name in ("token_master", "vault_root")}
    keys = {name: bytes.fromhex((drawn | texts)[name]) for name in sizes}
    for name, size in sizes.items():
        if len(keys[name]) != size:
            raise SystemExit(f"{path}: {name} is not {size} bytes")
    return keys


async def _serve(arguments):
    keys = _read_keys(arguments.keys)
    if arguments.wrong:
        tap.ATC_WINDOW = 0xFFFF
    issuer = Issuer(Keys(keys["chip_master"], keys["token_master"], keys["vault_root"]))
    issuer.identity = Identity(*arguments.identity, keys["issuer_identity"], issuer.clock)
    front = Front(issuer, ROUTES, {VERIFIER: keys["verifier_issuer"], OPERATOR: keys["operator_issuer"]})
    doors = {"http": (lambda: Server(front.answer), arguments.listen), "tcp": (lambda: Shop(issuer), arguments.pos)}
    if arguments.control:
        doors["control"] = lambda: Server(control.handler(issuer)), arguments.control

    loop, servers, shown = asyncio.get_running_loop(), [], {}
    for name, (protocol, address) in doors.items():
        servers.append(await loop.create_server(protocol, *address, backlog=512))
        shown[name] = "%s:%d" % servers[-1].sockets[0].getsockname()[:2]
    print(json.dumps(shown), flush=True)

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
