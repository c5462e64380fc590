"""The shop's wire: ISO 8583 frames over TCP, bounded in length and time (WIR-11, WIR-14 to WIR-16)."""

import asyncio

from . import iso8583, tap
from .limits import FRAME_MS, ISO8583_MAX, SILENCE_MS


class Shop(asyncio.Protocol):
    """One connection. A message is answered before the next one is read, so none is ever undecided meanwhile."""

    def __init__(self, issuer):
        self._issuer = issuer
        self._buffer = bytearray()
        self._transport = None
        self._timer = None

    def connection_made(self, transport):
        self._transport = transport
        self._wait()

    def connection_lost(self, error):
        self._timer.cancel()

    def data_received(self, data):
        was_within = bool(self._buffer)
        self._buffer += data
        try:
            answered = self._answer_all()
        except iso8583.Unreadable:
            self._transport.close()
            return
        if answered or not was_within:
            self._wait()

    def _answer_all(self):
        """Every whole frame in the buffer; says whether there was one."""
        answered = False
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if not 0 < length <= ISO8583_MAX:
                raise iso8583.Unreadable("length")
            if len(self._buffer) < length + 2:
                break
            frame = bytes(self._buffer[2:length + 2])
            del self._buffer[:length + 2]
            answered = True
            reply = iso8583.write(tap.answer(self._issuer, iso8583.read(frame)))
            self._transport.write(len(reply).to_bytes(2, "big") + reply)
        return answered

    def _wait(self):
        """Closes the connection when the frame that has begun, or the next one, does not come in time."""
        if self._timer is not None:
            self._timer.cancel()
        patience_ms = FRAME_MS if self._buffer else SILENCE_MS
        self._timer = asyncio.get_running_loop().call_later(patience_ms / 1000, self._transport.close)
