"""What can be selected and read: the security domain, two directories, and the tokens."""

from . import tlv
from .apdu import Command
from .limits import SLOTS
from .memory import ACTIVE, SUSPENDED, Slot
from .session import DOMAIN, Session
from .words import DONE, NO_RECORD, NOT_FOUND, STATE, SUSPENDED as SUSPENDED_WORD, require

DOMAIN_AID = bytes.fromhex("F04B41494B4100")
PPSE, PSE = b"2PAY.SYS.DDF01", b"1PAY.SYS.DDF01"
DIRECTORIES = (PPSE, PSE)
PARTIAL_MIN = 5
LABEL = b"KAIKA"
PDOL = bytes.fromhex("9F66049F02069F03069F1A0295055F2A029A039C019F3704")
CDOL1 = bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F3704")
CDOL2 = bytes.fromhex("8A02") + CDOL1
COUNTRY = bytes.fromhex("0156")
NO_CVM, PIN_CVM = bytes.fromhex("1F00"), bytes.fromhex("4103")


def slot_aid(number: int) -> bytes:
    """The AID of a payment slot."""
    return bytes.fromhex("F04B41494B4101") + bytes([number])


# SELECT


def select(card, command: Command) -> tuple[bytes, int]:
    """Finds what is named, and ends all that was under way (APD-4)."""
    chosen = find(card, command.data, following=command.p2 == 0x02)
    require(chosen is not None, NOT_FOUND)
    card.session = Session(selected=chosen)
    if chosen in DIRECTORIES:
        return directory_fci(card, chosen), DONE
    if chosen == DOMAIN:
        return domain_fci(), DONE
    suspended = card.memory.slot(chosen).state == SUSPENDED
    return slot_fci(card, chosen), SUSPENDED_WORD if suspended else DONE


def find(card, name: bytes, following: bool) -> int | str | bytes | None:
    """What SELECT finds, the first or the next after what is selected."""
    if name in DIRECTORIES:
        return None if following else name
    if not name and not following:
        return DOMAIN
    candidates = [DOMAIN, *(n for n in range(1, SLOTS + 1) if is_found(card, n))]
    if following:
        candidates = after(candidates, card.session.selected)
    for candidate in candidates:
        if matches(candidate, name):
            return candidate
    return None


def is_found(card, number: int) -> bool:
    """Whether a slot is there for SELECT."""
    slot = card.memory.slot(number)
    return slot is not None and slot.selectable


def after(candidates: list, selected) -> list:
    """Those that come after the selected one; all of them after a directory, or when nothing is selected."""
    return candidates[candidates.index(selected) + 1 :] if selected in candidates else candidates


def matches(candidate: int | str, name: bytes) -> bool:
    """Whether an AID is named in full, or by its first five bytes or more."""
    aid = DOMAIN_AID if candidate == DOMAIN else slot_aid(candidate)
    return aid == name or (len(name) >= PARTIAL_MIN and aid.startswith(name))


# File control information


def fci(name: bytes, proprietary: bytes) -> bytes:
    return tlv.encode(0x6F, tlv.encode(0x84, name) + tlv.encode(0xA5, proprietary))


def domain_fci() -> bytes:
    return fci(DOMAIN_AID, bytes.fromhex("9F6501FF"))


def slot_fci(card, number: int) -> bytes:
    inside = tlv.encode(0x50, LABEL) + tlv.encode(0x87, bytes([number])) + tlv.encode(0x9F38, PDOL)
    return fci(slot_aid(number), inside)


def directory_fci(card, name: bytes) -> bytes:
    if name == PSE:
        return fci(name, tlv.encode(0x88, b"\x01"))
    return fci(name, tlv.encode(0xBF0C, b"".join(directory_entry(n) for n in active(card))))


def active(card) -> list[int]:
    """The slots that pay."""
    return [n for n in range(1, SLOTS + 1) if (slot := card.memory.slot(n)) and slot.state == ACTIVE]


def directory_entry(number: int) -> bytes:
    inside = tlv.encode(0x4F, slot_aid(number)) + tlv.encode(0x50, LABEL) + tlv.encode(0x87, bytes([number]))
    return tlv.encode(0x61, inside)


# READ RECORD


def read_record(card, command: Command) -> tuple[bytes, int]:
    """One record of the directory or of a token."""
    selected = card.session.selected
    require(selected == PSE or isinstance(selected, int), STATE)
    require(command.p2 >> 3 == 1, NOT_FOUND)
    records = directory_records(card) if selected == PSE else slot_records(card.memory.slot(selected))
    require(1 <= command.p1 <= len(records), NO_RECORD)
    return tlv.encode(0x70, records[command.p1 - 1]), DONE


def directory_records(card) -> list[bytes]:
    return [directory_entry(n) for n in active(card)]


def slot_records(slot: Slot) -> list[bytes]:
    track = bytes.fromhex(slot.number.hex() + "d" + slot.expiry.hex()[:4] + "201")
    first = {0x57: track, 0x5A: slot.number, 0x5F24: slot.expiry, 0x5F34: slot.psn, 0x5F28: COUNTRY}
    second = {
        0x8C: CDOL1,
        0x8D: CDOL2,
        0x8E: bytes(8) + (PIN_CVM if slot.pin else b"") + NO_CVM,
        0x9F07: bytes.fromhex("FF00"),
        0x9F08: bytes.fromhex("0001"),
        0x9F0D: bytes.fromhex("FFFFFFFFFF"),
        0x9F0E: bytes(5),
        0x9F0F: bytes.fromhex("FFFFFFFFFF"),
    }
    return [b"".join(tlv.encode(tag, value) for tag, value in record.items()) for record in (first, second)]
