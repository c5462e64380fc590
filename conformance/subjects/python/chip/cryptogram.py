"""Cryptograms of CVN 18 and CVN 10, and the issuer's answers to them (EMV Book 2, 8)."""

from . import crypto
from .memory import Slot
from .personalise import CVN_18

COVERED = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)


def session_key(slot: Slot) -> bytes:
    """EMV CSK from the token's key and the counter."""
    counter = slot.atc.to_bytes(2)
    halves = (counter + bytes([x]) + bytes(5) for x in (0xF0, 0x0F))
    return b"".join(crypto.des3(slot.udk, half) for half in halves)


def application(slot: Slot, fields: dict[int, bytes], profile: bytes, counter: bytes, issuer_data: bytes) -> bytes:
    """The application cryptogram, 8 bytes."""
    covered = b"".join(fields[tag] for tag in COVERED) + profile + counter
    if slot.cvn == CVN_18:
        return crypto.retail_mac(session_key(slot), crypto.pad(covered + issuer_data, 8))
    covered += issuer_data[-4:]
    return crypto.retail_mac(slot.udk, covered + bytes(-len(covered) % 8))


def response_method_2(slot: Slot, request: bytes, update: bytes) -> bytes:
    """ARPC of CVN 18, 4 bytes, over request cryptogram and card status update."""
    return crypto.retail_mac(session_key(slot), crypto.pad(request + update, 8))[:4]


def response_method_1(slot: Slot, request: bytes, code: bytes) -> bytes:
    """ARPC of CVN 10, 8 bytes: the request cryptogram with the response code added to its first two bytes."""
    mixed = bytes(a ^ b for a, b in zip(request, code + bytes(6)))
    return crypto.des3(slot.udk, mixed)
