"""ISO 8583:1987 in ASCII with hexadecimal bitmaps (90-wire): bytes to fields and back. A message is a dict, `t` its type."""

import re

_DIGITS, _PRINTABLE = re.compile("[0-9]*"), re.compile("[ -~]*")

# field: (digits of the length that stands before it, length or longest, what it is made of)
_FIELDS = {
    2: (2, 19, _DIGITS), 3: (0, 6, _DIGITS), 4: (0, 12, _DIGITS), 7: (0, 10, _DIGITS), 11: (0, 6, _DIGITS),
    14: (0, 4, _DIGITS), 22: (0, 3, _DIGITS), 37: (0, 12, _PRINTABLE), 38: (0, 6, _PRINTABLE), 39: (0, 2, _PRINTABLE),
    41: (0, 8, _PRINTABLE), 42: (0, 15, _PRINTABLE), 49: (0, 3, _DIGITS), 55: (3, 255, None), 70: (0, 3, _DIGITS),
    90: (0, 42, _DIGITS),
}
_BITMAP = re.compile("[0-9A-F]{16}")


class Unreadable(Exception):
    """These bytes are no message of this protocol."""


def read(data):
    """Type and fields by number; field 55 is bytes, the others are text."""
    cursor = _Cursor(data)
    message = {"t": cursor.text(4, _DIGITS)}
    present = _bitmap(cursor)
    if present & 1 << 63:
        second = _bitmap(cursor)
        if second == 0:
            raise Unreadable("a second bitmap that says nothing")
        present = (present & ~(1 << 63)) << 64 | second
    else:
        present <<= 64
    for number in range(1, 129):
        if present & 1 << 128 - number:
            message[number] = _field(cursor, number)
    cursor.end()
    return message


def write(message):
    """The bytes of a message that [`read`] reads."""
    numbers = sorted(number for number in message if number != "t")
    bits = sum(1 << 128 - number for number in numbers)
    if bits & (1 << 64) - 1:
        bitmap = "%032X" % (bits | 1 << 127)
    else:
        bitmap = "%016X" % (bits >> 64)
    parts = [message["t"].encode(), bitmap.encode()]
    for number in numbers:
        prefix, _, _ = _FIELDS[number]
        value = message[number] if isinstance(message[number], bytes) else message[number].encode()
        parts.append((b"%0*d" % (prefix, len(value)) if prefix else b"") + value)
    return b"".join(parts)


class _Cursor:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def take(self, length):
        piece = self._data[self._at:self._at + length]
        if len(piece) != length:
            raise Unreadable("cut short")
        self._at += length
        return piece

    def text(self, length, pattern):
        try:
            value = self.take(length).decode("ascii")
        except UnicodeDecodeError:
            raise Unreadable("not ASCII") from None
        if not pattern.fullmatch(value):
            raise Unreadable("characters that do not belong there")
        return value

    def end(self):
        if self._at != len(self._data):
            raise Unreadable("too long")


def _bitmap(cursor):
    return int(cursor.text(16, _BITMAP), 16)


def _field(cursor, number):
    if number not in _FIELDS:
        raise Unreadable(f"field {number}")
    prefix, length, pattern = _FIELDS[number]
    if prefix:
        longest, length = length, int(cursor.text(prefix, _DIGITS))
        if length > longest:
            raise Unreadable(f"length of field {number}")
    return cursor.take(length) if pattern is None else cursor.text(length, pattern)


def read_objects(data):
    """The BER-TLV objects of field 55, as pairs of tag in upper-case hexadecimal and value; `Unreadable` when they are none."""
    objects, at = [], 0
    while at < len(data):
        end = at + 1
        if data[at] & 0x1F == 0x1F:
            while end < len(data) and data[end] & 0x80:
                end += 1
            end += 1
        tag, length = data[at:end], data[end:end + 1]
        if not length:
            raise Unreadable("cut short")
        size, at = length[0], end + 1
        if size & 0x80:
            more = size & 0x7F
            if not 1 <= more <= 2 or at + more > len(data):
                raise Unreadable("length")
            size, at = int.from_bytes(data[at:at + more], "big"), at + more
        value = data[at:at + size]
        if len(value) != size:
            raise Unreadable("cut short")
        objects.append((tag.hex().upper(), value))
        at += size
    return objects
