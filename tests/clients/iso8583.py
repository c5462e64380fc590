"""ISO 8583 as pyiso8583 reads and writes it, with the field table of spec/90-wire.md and nothing of ours.

    iso8583.py            answers questions, one JSON object a line: {"decode": HEX} or {"encode": {"t": "0100", "2": …}}
    iso8583.py vectors    prints conformance/vectors/hand/iso8583.json

Field 55 is in upper-case hexadecimal, as pyiso8583 has it; everything else is text.
"""

import json
import sys
from importlib.metadata import version

# This file has the library's name: the folder that it stands in must not be searched.
sys.path.pop(0)

import iso8583  # noqa: E402


def text(max_len, len_type=0):
    return {
        "data_enc": "ascii",
        "len_enc": "ascii",
        "len_type": len_type,
        "max_len": max_len,
        "desc": "",
    }


SPEC = {
    "h": text(0),
    "t": text(4),
    "p": text(16),
    "1": text(16),
    "2": text(19, 2),
    "3": text(6),
    "4": text(12),
    "7": text(10),
    "11": text(6),
    "14": text(4),
    "22": text(3),
    "37": text(12),
    "38": text(6),
    "39": text(2),
    "41": text(8),
    "42": text(15),
    "49": text(3),
    "55": {"data_enc": "b", "len_enc": "ascii", "len_type": 3, "max_len": 255, "desc": ""},
    "70": text(3),
    "90": text(42),
}


def encode(fields):
    encoded, _ = iso8583.encode(dict(fields), SPEC)
    return bytes(encoded)


def decode(message):
    """The fields without the bitmaps, which say nothing of their own."""
    try:
        decoded, _ = iso8583.decode(message, SPEC)
    except KeyError as error:
        raise iso8583.DecodeError("no such field", message, {}, {}, 0, str(error)) from None
    return {name: value for name, value in decoded.items() if name not in ("h", "p", "1")}


def answered(question):
    try:
        if "decode" in question:
            return {"fields": decode(bytes.fromhex(question["decode"]))}
        return {"hex": encode(question["encode"]).hex()}
    except (iso8583.DecodeError, iso8583.EncodeError) as error:
        return {"error": str(error)}


# The vectors: what a message of each type is in bytes, and what is none.

NAMED = {
    "7": "1124120000",
    "11": "000042",
    "37": "000000000042",
    "41": "POS00001",
    "42": "NOODLE-BAR     ",
}
SALE = {"2": "6299000012345678", "3": "000000", "4": "000000001250", "49": "156", **NAMED}
CHIP = (
    "9F260801020304050607089F2701809F100706011203A000009F3704010203049F36020001950500000000009A032611249C01009F02"
    "06000000001250" + "5F2A020156820218009F1A0201569F03060000000000005F340101"
)
ASKED = {**SALE, "14": "3112", "22": "071", "55": CHIP}
PROOF = "9108" + "0102030400800000"
APPROVED = {**SALE, "38": "123456", "39": "00", "55": PROOF}
ORIGINAL = "0100" + "000042" + "1124120000" + "0" * 22

GOOD = [
    ("authorisation request", {"t": "0100", **ASKED}),
    ("authorisation answer", {"t": "0110", **APPROVED}),
    ("authorisation declined", {"t": "0110", **SALE, "39": "51"}),
    ("financial request", {"t": "0200", **ASKED}),
    ("financial answer", {"t": "0210", **APPROVED}),
    ("reversal", {"t": "0400", **SALE, "90": ORIGINAL}),
    ("repeat of a reversal", {"t": "0401", **SALE, "90": ORIGINAL}),
    ("reversal answer", {"t": "0410", **SALE, "39": "00"}),
    ("sign on", {"t": "0800", "7": "1124120000", "11": "000001", "70": "001"}),
    ("echo without a reason", {"t": "0800", "7": "1124120000", "11": "000002"}),
    ("echo answer", {"t": "0810", "7": "1124120000", "11": "000001", "39": "00", "70": "301"}),
    ("no fields", {"t": "0800"}),
    ("shortest token", {"t": "0100", "2": ""}),
    ("longest token", {"t": "0100", "2": "9" * 19}),
    ("no chip data", {"t": "0100", "55": ""}),
    ("longest chip data", {"t": "0100", "55": "A5" * 255}),
    ("every field", {"t": "0100", **ASKED, "38": "123456", "39": "00", "70": "301", "90": ORIGINAL}),
]


def bitmap(*fields):
    return f"{sum(1 << (64 - field) for field in fields):016X}".encode()


def bad():
    """Bytes that are no message, and why. Those without `lenient` are no message to pyiso8583 either."""
    request = encode(dict(GOOD[0][1]))
    echo = encode({"t": "0800", "7": "1124120000", "11": "000002"})
    for length in (0, 3, 4, 11, 19, 20, 21, 22, len(request) // 2, len(request) - 1):
        yield f"request cut to {length} bytes", request[:length], False
    yield "one byte too many", request + b"0", False
    yield "two messages", echo + echo, False
    yield "bitmap says a field less", b"0800" + bitmap(7) + echo[20:], False
    yield "bitmap says a field more", b"0800" + bitmap(7, 11, 14) + echo[20:], False
    yield "bitmap says an unknown field", b"0800" + bitmap(5, 7, 11) + echo[20:], False
    yield "bitmap says a second one that is not there", b"0800" + bitmap(1, 7, 11) + echo[20:], False
    yield "bitmap in letters that are no digits", b"0800" + b"0220000000000G00" + echo[20:], False
    yield "half a second bitmap", b"0800" + bitmap(1) + b"00000000", False
    yield "second bitmap says an unknown field", b"0800" + bitmap(1) + bitmap(64) + b"0" * 16, False
    yield "token length that is no number", b"0100" + bitmap(2) + b"1x" + b"9" * 16, False
    yield "token longer than any", b"0100" + bitmap(2) + b"20" + b"9" * 20, False
    yield "token length beyond the end", b"0100" + bitmap(2) + b"19" + b"9" * 18, False
    yield "token length short of the end", b"0100" + bitmap(2) + b"15" + b"9" * 16, False
    yield "chip data longer than any", b"0100" + bitmap(55) + b"256" + b"\xa5" * 256, False
    yield "chip data length beyond the end", b"0100" + bitmap(55) + b"255" + b"\xa5" * 254, False
    yield "chip data length that is no number", b"0100" + bitmap(55) + b"-01" + b"\xa5", False
    yield "bytes beyond ASCII in a text", b"0100" + bitmap(37) + b"\xff" * 12, False
    # A stricter reader's: pyiso8583 takes these, and writes them otherwise or not at all in this protocol.
    yield "bitmap in lower case", b"0100" + bitmap(37, 38, 39).lower() + b"0" * 20, True
    yield "second bitmap that says nothing", b"0800" + bitmap(1) + bitmap(), True
    yield "letters in an amount", b"0100" + bitmap(4) + b"00000000125x", True
    yield "letters in a token", b"0100" + bitmap(2) + b"04" + b"62x9", True
    yield "a control character in a name", b"0100" + bitmap(41) + b"POS\x0000001"[:8], True
    yield "letters in a message type", b"01x0" + bitmap(), True
    yield "longer than a message may be", b"0100" + bitmap() + b"0" * 2029, False


def framed(message, length=None):
    return (len(message) if length is None else length).to_bytes(2, "big") + message


def frames():
    """Bytes on a connection, the messages that are read from them, and how it ends: `between` messages, `within` one, or the
    receiver has `refused` a length and closed. The lengths are those of spec/90-wire.md."""
    echo = encode({"t": "0800", "7": "1124120000", "11": "000001"})
    answer = encode({"t": "0810", "7": "1124120000", "11": "000001", "39": "00"})
    yield "nothing", b"", [], "between"
    yield "one message", framed(echo), [echo], "between"
    yield "two messages in one piece", framed(echo) + framed(answer), [echo, answer], "between"
    yield "a message and half a length", framed(echo) + b"\x00", [echo], "within"
    yield "a message and a length", framed(echo) + b"\x00\x24", [echo], "within"
    yield "a length beyond the end", framed(echo, len(echo) + 1), [], "within"
    yield "a length short of the end", framed(echo, len(echo) - 1), [echo[:-1]], "within"
    yield "a little-endian length", len(echo).to_bytes(2, "little") + echo, [], "refused"
    yield "no length", framed(b""), [], "refused"
    yield "the longest length", framed(b"0" * 2048), [b"0" * 2048], "between"
    yield "one more than the longest", framed(b"0" * 2049), [], "refused"
    yield "the longest that two bytes say", b"\xff\xff", [], "refused"
    yield "text in the place of a length", b"GET / HTTP/1.1\r\n\r\n", [], "refused"


def vectors():
    tests = []
    for name, fields in GOOD:
        message = encode(dict(fields))
        tests.append(
            {"name": name, "bytes": message.hex(), "fields": {**fields}, "valid": True}
        )
    for name, message, stricter in bad():
        refused = True
        try:
            decode(message)
            refused = False
        except iso8583.DecodeError:
            pass
        if not stricter and not refused:
            raise SystemExit(f"{name}: pyiso8583 takes it")
        tests.append(
            {"name": name, "bytes": message.hex(), "valid": False, "refusedByPyiso8583": refused}
        )
    return {
        "format": 1,
        "suite": "ISO 8583 bytes",
        "source": f"pyiso8583 {version('pyiso8583')}, by tests/clients/iso8583.py; not by this project's code",
        "tests": tests,
        "frames": [
            {"name": name, "bytes": sent.hex(), "messages": [one.hex() for one in messages], "end": end}
            for name, sent, messages, end in frames()
        ],
    }


if sys.argv[1:] == ["vectors"]:
    print(json.dumps(vectors(), indent=1))
else:
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)
