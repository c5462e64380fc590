"""Command APDUs: the seven cases of ISO/IEC 7816-3, 12.1.3."""

from dataclasses import dataclass

from .limits import APDU_MAX
from .words import LENGTH, require


@dataclass(frozen=True)
class Command:
    """One command. `ne` is the most bytes of answer that are wanted: 0 without Le. `any_le`: Le was all zeros."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    ne: int
    any_le: bool
    extended: bool

    @property
    def chained(self) -> bool:
        """Whether another APDU of the same chain follows."""
        return bool(self.cla & 0x10)


def parse(raw: bytes) -> Command:
    """Reads a command; 6700 when no case fits, or it is longer than `APDU_MAX`."""
    require(4 <= len(raw) <= APDU_MAX, LENGTH)
    data, le, extended = _body(raw[4:])
    whole = 65536 if extended else 256
    ne = 0 if le is None else le or whole
    return Command(raw[0], raw[1], raw[2], raw[3], data, ne, le == 0, extended)


def _body(body: bytes) -> tuple[bytes, int | None, bool]:
    """Data field, Le and whether the lengths are extended, of what follows the header."""
    if not body:
        return b"", None, False
    if len(body) == 1:
        return b"", body[0], False
    if body[0]:
        return *_split(body[1:], body[0], 1), False
    require(len(body) >= 3, LENGTH)
    length = int.from_bytes(body[1:3])
    if len(body) == 3:
        return b"", length, True
    require(length > 0, LENGTH)
    return *_split(body[3:], length, 2), True


def _split(rest: bytes, lc: int, le_size: int) -> tuple[bytes, int | None]:
    data, le = rest[:lc], rest[lc:]
    require(len(data) == lc and len(le) in (0, le_size), LENGTH)
    return data, int.from_bytes(le) if le else None
