"""The factory: a control channel over HTTP, and one TCP port for each chip."""

import asyncio
import json
import secrets
from collections import deque

from .card import ATR, Card

POWER_OFF, POWER_ON, RESET, GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
#: So many chips are kept; the oldest goes when one more is made.
CHIPS_KEPT = 256


class Line(asyncio.Protocol):
    """One connection to a chip: frames of two bytes of length and a body. `lines` are those to the same chip; the first has it."""

    def __init__(self, card: Card, lines: list["Line"]):
        self.card, self.lines = card, lines
        self.buffer = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.lines.append(self)
        if self.lines[0] is self:
            self.card.reset()
        else:
            transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        had = self.lines[0] is self
        self.lines.remove(self)
        if had and self.lines:
            self.card.reset()
            self.lines[0].transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 2:
            end = 2 + int.from_bytes(self.buffer[:2])
            if len(self.buffer) < end:
                return
            body, self.buffer = self.buffer[2:end], self.buffer[end:]
            self.take(body)

    def take(self, body: bytes) -> None:
        """A control, or a command. A frame without a body ends the connection."""
        if not body:
            self.buffer = b""
            self.transport.close()
        elif body == GET_ATR:
            self.send(ATR)
        elif body in (POWER_OFF, POWER_ON, RESET):
            self.card.reset()
        else:
            self.send(self.card.process(body))

    def send(self, body: bytes) -> None:
        self.transport.write(len(body).to_bytes(2) + body)


class Factory:
    """Makes chips whose keys come from one master key."""

    def __init__(self, host: str, master: bytes, wrong: str):
        self.host, self.master, self.wrong = host, master, wrong
        self.lines: deque[asyncio.Server] = deque()

    async def make(self) -> dict[str, str | bool]:
        """A new chip with a port of its own."""
        card = Card(secrets.token_bytes(8), self.master, self.wrong)
        connections: list[Line] = []
        line = await asyncio.get_running_loop().create_server(lambda: Line(card, connections), self.host, 0)
        self.lines.append(line)
        if len(self.lines) > CHIPS_KEPT:
            self.lines.popleft().close()
        port = line.sockets[0].getsockname()[1]
        return {"ok": True, "tcp": f"{self.host}:{port}", "se_id": card.se_id.hex()}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the control channel."""
        try:
            while head := await read_head(reader):
                line, length = head
                await reader.readexactly(length)
                if line == ("POST", "/ctl/v1/chip"):
                    reply(writer, "200 OK", await self.make())
                else:
                    reply(writer, "404 Not Found", {"detail": "POST /ctl/v1/chip is all there is"})
                await writer.drain()
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()


async def read_head(reader: asyncio.StreamReader) -> tuple[tuple[str, str], int] | None:
    """Method, path and length of the body of the next request; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.decode("ascii").split("\r\n")
    method, path, _ = first.split(" ")
    fields = (field.partition(":") for field in rest if field)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return (method, path), int(headers.get("content-length", "0"))


def reply(writer: asyncio.StreamWriter, status: str, body: dict[str, str]) -> None:
    """One answer in JSON."""
    text = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode())
    writer.write(text)
