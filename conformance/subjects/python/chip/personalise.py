"""Token data: the template that STORE DATA brings, checked whole before anything of it is kept."""

from hashlib import sha256

from . import crypto, tlv
from .memory import STAGED, Slot
from .words import DATA, Refusal, require

#: Tags of the template in their order, with their lengths; the last two may be missing.
FIELDS = {0xDF22: 16, 0x5A: 8, 0x5F24: 3, 0x5F34: 1, 0xDF31: 16, 0xDF33: 1, 0xDF35: 32}
OPTIONAL = {0xDF36: 16, 0xDF37: 1}
CVN_18, CVN_10 = 0x12, 0x0A


def read_template(data: bytes, dek: bytes, receipt_key: bytes, se_id: bytes) -> Slot:
    """The token to be staged; 6A80 when anything is wrong."""
    fields = read_fields(data)
    clear = dict(fields)
    for tag in (0xDF31, 0xDF36):
        if tag in clear:
            clear[tag] = crypto.aes_cbc_decrypt(dek, crypto.ZERO_BLOCK, clear[tag])
    pin = read_pin(clear[0xDF36]) if 0xDF36 in clear else None
    cvn = clear.get(0xDF37, bytes([CVN_18]))[0]
    require(cvn in (CVN_18, CVN_10), DATA)
    return Slot(
        state=STAGED,
        token_ref=clear[0xDF22],
        number=clear[0x5A],
        expiry=clear[0x5F24],
        psn=clear[0x5F34],
        udk=clear[0xDF31],
        pin=pin,
        cvn=cvn,
        receipt=make_receipt(clear, receipt_key, se_id),
    )


def read_fields(data: bytes) -> dict[int, bytes]:
    """The objects of one E1, each with its length, in their order."""
    try:
        objects = tlv.parse(data)
        require(tlv.is_shortest(data), DATA)
    except tlv.Malformed:
        raise Refusal(DATA) from None
    require(len(objects) == 1 and objects[0].tag == 0xE1, DATA)
    inside = objects[0].children
    fields = {found.tag: found.value for found in inside}
    known = FIELDS | OPTIONAL
    expected = [tag for tag in known if tag in FIELDS or tag in fields]
    require([found.tag for found in inside] == expected, DATA)
    require(all(len(value) == known[tag] for tag, value in fields.items()), DATA)
    return fields


def make_receipt(clear: dict[int, bytes], key: bytes, se_id: bytes) -> bytes:
    """The receipt over what is stored (PRO-7)."""
    value = b"".join(tlv.encode(tag, clear[tag]) for tag in clear)
    digest = sha256(value).digest()
    message = b"kaika/receipt/1" + se_id + clear[0xDF22] + clear[0xDF35] + clear[0xDF33] + digest
    return crypto.aes_cmac(key, message)


def read_pin(clear: bytes) -> bytes:
    """The PIN block of DF36."""
    block = clear[:8]
    require(clear[8:] == b"\x80" + bytes(7) and is_pin_block(block), DATA)
    return block


def is_pin_block(block: bytes) -> bool:
    """Whether 8 bytes are a PIN block of format 2: 2N, 4 to 12 digits, F."""
    text = block.hex()
    size = int(text[1], 16)
    digits, rest = text[2 : 2 + size], text[2 + size :]
    return text[0] == "2" and 4 <= size <= 12 and digits.isdecimal() and rest == "f" * len(rest)
