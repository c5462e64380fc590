"""`python -m chip`: starts the factory, prints where it is controlled, and ends at SIGTERM."""

import argparse
import asyncio
import signal

from .server import Factory


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chip", description="A factory of Kaika chips.")
    parser.add_argument("--control", default="127.0.0.1:0", metavar="HOST:PORT", help="where it is controlled over HTTP")
    parser.add_argument("--chip-master", required=True, metavar="HEX", help="KMC, 16 bytes")
    parser.add_argument("--wrong", default="", choices=("approve", "suspended"), help="break one rule: APD-13 or MNG-9")
    options = parser.parse_args()
    if len(options.chip_master) != 32:
        parser.error("--chip-master has 16 bytes, which are 32 hexadecimal digits")
    return options


async def run(options: argparse.Namespace) -> None:
    host, _, port = options.control.rpartition(":")
    factory = Factory(host, bytes.fromhex(options.chip_master), options.wrong)
    control = await asyncio.start_server(factory.answer, host, int(port))
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    print(f"http://{host}:{control.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()


asyncio.run(run(arguments()))
