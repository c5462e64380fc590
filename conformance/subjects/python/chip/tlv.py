"""BER-TLV: definite lengths, tags of at most three bytes, lengths of at most two."""

from dataclasses import dataclass

from .limits import TLV_DEPTH_MAX


class Malformed(Exception):
    """Bytes are not the objects they should be."""


@dataclass(frozen=True)
class Object:
    """One object; `children` are those of a constructed one."""

    tag: int
    value: bytes
    children: tuple["Object", ...] = ()


def parse(data: bytes, depth: int = 1) -> tuple[Object, ...]:
    """The objects that `data` holds one after the other."""
    if data and depth > TLV_DEPTH_MAX:
        raise Malformed("too deep")
    objects = []
    while data:
        tag, constructed, data = _tag(data)
        length, data = _length(data)
        value, data = data[:length], data[length:]
        if len(value) < length:
            raise Malformed("a value ends beyond its parent")
        objects.append(Object(tag, value, parse(value, depth + 1) if constructed else ()))
    return tuple(objects)


def tags(data: bytes) -> list[int]:
    """A list of tags without lengths, as in 5C."""
    found = []
    while data:
        tag, _, data = _tag(data)
        found.append(tag)
    return found


def _tag(data: bytes) -> tuple[int, bool, bytes]:
    first = data[0]
    if first in (0x00, 0xFF):
        raise Malformed("no tag")
    size = 1
    if first & 0x1F == 0x1F:
        while size < len(data) and data[size] & 0x80:
            size += 1
        size += 1
    if size > min(3, len(data)):
        raise Malformed("a tag that is cut or too long")
    return int.from_bytes(data[:size]), bool(first & 0x20), data[size:]


def _length(data: bytes) -> tuple[int, bytes]:
    if not data:
        raise Malformed("no length")
    if data[0] < 0x80:
        return data[0], data[1:]
    size = data[0] & 0x7F
    if size not in (1, 2) or len(data) < 1 + size:
        raise Malformed("a length that is indefinite, cut or too long")
    return int.from_bytes(data[1 : 1 + size]), data[1 + size :]


def is_shortest(data: bytes) -> bool:
    """Whether objects that `parse` takes have the shortest lengths, outside and inside."""
    return data == b"".join(_again(found) for found in parse(data))


def _again(found: Object) -> bytes:
    inside = b"".join(_again(child) for child in found.children)
    return encode(found.tag, inside or found.value)


def encode(tag: int, value: bytes) -> bytes:
    """One object with the shortest length."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2)
    return tag.to_bytes((tag.bit_length() + 7) // 8) + length + value
