"""Byte vectors of commands, data objects and lists, worked out from the standards' rules and by nothing of ours.

    bytes.py DIR            writes apdu.json, tlv.json and dol.json
    bytes.py --check DIR    writes nothing; exit 1 when one of them is not what would be written

Commands: each of the seven cases of ISO 7816-3, 12.1.3 is one equation between the length of the command, its fifth byte and
its sixth and seventh. A command is good when exactly one holds. Objects: BER-TLV (ISO 8825-1, 8.1) as EMV Book 3, Annex B uses
it, read by recursion. Lists: EMV Book 3, 5.4.
"""

import json
import sys
from pathlib import Path

DEPTH_MAX = 8  # spec/98-limits.md, TLV_DEPTH_MAX
TAG_MAX = 3


class Malformed(Exception):
    """What is wrong, in a few words."""


# Commands.


def cases(command):
    """The cases that fit, each with data and Ne."""
    size = len(command)
    if size == 4:
        yield "1", b"", 0
    if size < 5:
        return
    c5 = command[4]
    if size == 5:
        yield "2S", b"", c5 or 256
    if c5 and size == 5 + c5:
        yield "3S", command[5:], 0
    if c5 and size == 6 + c5:
        yield "4S", command[5:-1], command[-1] or 256
    if c5 or size < 7:
        return
    b23 = int.from_bytes(command[5:7], "big")
    if size == 7:
        yield "2E", b"", b23 or 65536
    if b23 and size == 7 + b23:
        yield "3E", command[7:], 0
    if b23 and size == 9 + b23:
        yield "4E", command[7:-2], int.from_bytes(command[-2:], "big") or 65536


def command(name, text):
    raw = bytes.fromhex(text)
    fits = list(cases(raw))
    assert len(fits) <= 1, name
    test = {"id": f"apdu/{name}", "bytes": raw.hex()}
    if not fits:
        return test | {"result": "invalid"}
    case, data, expected = fits[0]
    return test | {"result": "valid", "case": case, "data": data.hex(), "ne": expected}


HEAD = "00a40400"
COMMANDS = {
    "nothing": "",
    "header/one-byte": "00",
    "header/two-bytes": "00a4",
    "header/three-bytes": "00a404",
    "1": HEAD,
    "2S/one": HEAD + "01",
    "2S/all": HEAD + "00",
    "2S/255": HEAD + "ff",
    "3S/one-byte": HEAD + "01aa",
    "3S/two-bytes": HEAD + "02aabb",
    "3S/255-bytes": HEAD + "ff" + "aa" * 255,
    "3S/a-byte-short": HEAD + "02aa",
    "3S/two-bytes-short": HEAD + "03aa",
    "3S/255-bytes-one-short": HEAD + "ff" + "aa" * 254,
    "4S/one-byte": HEAD + "01aa00",
    "4S/le-ff": HEAD + "01aaff",
    "4S/255-bytes": HEAD + "ff" + "aa" * 255 + "00",
    "4S/a-byte-more": HEAD + "01aa0000",
    "4S/extended-le": HEAD + "01aa000000",
    "2E/one": HEAD + "000001",
    "2E/all": HEAD + "000000",
    "2E/256": HEAD + "000100",
    "2E/65535": HEAD + "00ffff",
    "2E/a-byte-short": HEAD + "0000",
    "2E/a-byte-short-of-one": HEAD + "0001",
    "2E/a-byte-more": HEAD + "00000000",
    "2E/two-bytes-more": HEAD + "0000000000",
    "3E/one-byte": HEAD + "000001aa",
    "3E/255-bytes": HEAD + "0000ff" + "aa" * 255,
    "3E/256-bytes": HEAD + "000100" + "aa" * 256,
    "3E/a-byte-short": HEAD + "000002aa",
    "3E/256-bytes-one-short": HEAD + "000100" + "aa" * 255,
    "3E/no-data": HEAD + "000000aa",
    "3E/short-le": HEAD + "000001aa00",
    "4E/one-byte": HEAD + "000001aa0000",
    "4E/le-256": HEAD + "000001aa0100",
    "4E/le-65535": HEAD + "000001aaffff",
    "4E/256-bytes": HEAD + "000100" + "aa" * 256 + "0000",
    "4E/no-data": HEAD + "0000001234",
    "4E/le-of-three-bytes": HEAD + "000001aa000000",
    "4E/four-bytes-more": HEAD + "000001aa00000000",
    "4E/short-lc-extended-le": HEAD + "01aa0000",
    "bodies/00-and-a-byte": HEAD + "00aa",
    "class-ff": "ffca000000",
}


# Data objects.


def tag_of(raw):
    """The tag at the front and how long it is."""
    if raw[0] == 0:
        raise Malformed("a tag of 00")
    size = 1
    if raw[0] & 0x1F == 0x1F:
        while True:
            size += 1
            if size > len(raw):
                raise Malformed("the tag is cut off")
            if raw[size - 1] < 0x80:
                break
    if size > TAG_MAX:
        raise Malformed("a tag of more than three bytes")
    return raw[:size].hex(), size


def length_of(raw, minimal):
    """The length at the front and how long its field is."""
    if not raw:
        raise Malformed("no length")
    first = raw[0]
    if first < 0x80:
        return first, 1
    if first == 0x80:
        raise Malformed("the indefinite form")
    size = first - 0x80
    if size > 2:
        raise Malformed("a length of more than two bytes")
    if len(raw) < 1 + size:
        raise Malformed("the length is cut off")
    value = int.from_bytes(raw[1 : 1 + size], "big")
    least = 0x80 if size == 1 else 0x100
    if minimal and value < least:
        raise Malformed("a length in more bytes than it needs")
    return value, 1 + size


def tree(raw, minimal, depth=1):
    """Depth, tag and value of every object, parents first."""
    found = []
    while raw:
        if depth > DEPTH_MAX:
            raise Malformed("too deep")
        constructed = raw[0] & 0x20
        tag, size = tag_of(raw)
        length, more = length_of(raw[size:], minimal)
        value = raw[size + more : size + more + length]
        if len(value) < length:
            raise Malformed("the value ends beyond its parent" if depth > 1 else "the value is cut off")
        found.append([depth, tag, value.hex()])
        if constructed:
            found += tree(value, minimal, depth + 1)
        raw = raw[size + more + length :]
    return found


def nested(depth):
    """So many templates, one inside the other, the innermost empty."""
    raw = b""
    for _ in range(depth):
        raw = bytes([0x70, len(raw)]) + raw
    return raw.hex()


OBJECTS = {
    "nothing": "",
    "one/5a": "5a086299000000000011",
    "tag/9f02-is-not-82": "9f0206000000001250",
    "tag/9f10": "9f100706011203a00000",
    "tag/9f1a": "9f1a020156",
    "tag/9f1e": "9f1e083132333435363738",
    "tag/bf0c": "bf0c056103500141",
    "tag/dfff01-has-three-bytes": "dfff010155",
    "tag/7f8122": "7f81220350014b",
    "tag/of-four-bytes": "dfffff010155",
    "tag/cut-off": "9f",
    "tag/cut-off-after-two": "dfff",
    "tag/00": "000101",
    "tag/00-00-at-the-end": "50014b0000",
    "tag/ff-padding-at-the-end": "50014bff",
    "length/missing": "50",
    "length/0": "5000",
    "length/127": "507f" + "aa" * 127,
    "length/128": "508180" + "aa" * 128,
    "length/255": "5081ff" + "aa" * 255,
    "length/256": "50820100" + "aa" * 256,
    "length/81-of-1": "50810155",
    "length/81-of-127": "50817f" + "aa" * 127,
    "length/82-of-1": "5082000155",
    "length/82-of-255": "508200ff" + "aa" * 255,
    "length/83-of-1": "508300000155",
    "length/84-of-1": "50840000000155",
    "length/ff": "50ff0155",
    "length/81-cut-off": "5081",
    "length/82-cut-off": "508201",
    "length/82-greatest-cut-off": "5082ffff00",
    "length/indefinite": "708050014b0000",
    "length/indefinite-in-a-template": "7007708050014b0000",
    "length/indefinite-primitive": "5080014b0000",
    "value/cut-off": "5a0862990000",
    "value/missing": "5a01",
    "child/to-the-end": "700350014b",
    "child/beyond-its-parent": "700350024b4b",
    "child/beyond-its-parent-into-the-next": "7003500250500141",
    "child/beyond-its-parent-by-its-length": "70035081054b4b4b4b4b",
    "child/cut-off-tag": "70019f",
    "child/no-length": "700150",
    "child/of-a-primitive-is-not-read": "50025001",
    "child/long-form": "7004508101aa",
    "parent/long-form": "70810350014b",
    "parent/then-another": "700350014b5a0162",
    "depth/8": nested(8),
    "depth/9": nested(9),
    "depth/8-with-a-primitive": "70" + "".join(f"{2 * n + 1:02x}70" for n in range(7, 1, -1)) + "03500155",
    "depth/60": nested(60),
}


def objects(name, text):
    raw = bytes.fromhex(text)
    test = {"id": f"tlv/{name}", "bytes": raw.hex()}
    try:
        test |= {"result": "valid", "objects": tree(raw, False)}
    except Malformed as problem:
        return test | {"result": "invalid", "why": str(problem), "minimal": "invalid"}
    try:
        tree(raw, True)
        return test | {"minimal": "valid"}
    except Malformed as problem:
        return test | {"minimal": "invalid", "why": str(problem)}


# Lists.

CDOL1 = "9f02069f03069f1a0295055f2a029a039c019f3704"
LISTS = {
    "nothing": "",
    "cdol1": CDOL1,
    "cdol2": "8a02" + CDOL1,
    "pdol": "9f6604" + CDOL1,
    "twice-the-same-tag": "9f02069f0206",
    "a-length-of-0": "9f0200",
    "a-length-of-127": "957f",
    "a-length-of-128": "9580",
    "a-length-in-the-long-form": "958105",
    "a-tag-of-three-bytes": "dfff0101",
    "a-tag-of-four-bytes": "dfffff0101",
    "a-template": "7005",
    "no-length": "9f02",
    "no-length-at-the-end": "9f020695",
    "a-tag-cut-off": "9f02069f",
    "a-tag-of-00": "0005",
}


def entries(raw):
    found = []
    while raw:
        tag, size = tag_of(raw)
        if len(raw) == size:
            raise Malformed("no length")
        if raw[size] > 0x7F:
            raise Malformed("a length above 127")
        found.append([tag, raw[size]])
        raw = raw[size + 1 :]
    return found


def lists(name, text):
    raw = bytes.fromhex(text)
    test = {"id": f"dol/{name}", "bytes": raw.hex()}
    try:
        found = entries(raw)
    except Malformed as problem:
        return test | {"result": "invalid", "why": str(problem)}
    return test | {"result": "valid", "entries": found, "length": sum(length for _, length in found)}


FILES = {
    "apdu": (command, COMMANDS, "ISO/IEC 7816-3:2006, 12.1.3: the seven cases"),
    "tlv": (objects, OBJECTS, "ISO/IEC 8825-1, 8.1; EMV Book 3, Annex B; depth and sizes of spec/85-apdu.md"),
    "dol": (lists, LISTS, "EMV Book 3, 5.4"),
}


def document(name):
    work, inputs, source = FILES[name]
    head = {"format": 1, "suite": f"{name} by hand", "source": source, "by": "tests/clients/bytes.py"}
    tests = [json.dumps(work(*item)) for item in inputs.items()]
    front = json.dumps(head | {"numberOfTests": len(tests)}, indent=1)[:-2]
    return front + ',\n "tests": [\n  ' + ",\n  ".join(tests) + "\n ]\n}\n"


def main(words):
    check = words[:1] == ["--check"]
    folder, stale = Path(words[-1]), 0
    for name in FILES:
        path, text = folder / f"{name}.json", document(name)
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} is not what its rules give", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
