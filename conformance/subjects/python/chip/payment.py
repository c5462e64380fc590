"""A payment: counter, PIN, cryptograms and the issuer's proof."""

from . import cryptogram, tlv
from .apdu import Command
from .crypto import equal
from .files import CDOL1, CDOL2, PDOL
from .limits import ATC_MAX, PIN_TRIES_MAX
from .memory import ACTIVE, Slot
from .personalise import CVN_18, is_pin_block
from .session import Payment
from .words import BLOCKED, DATA, DONE, LENGTH, NO_REFERENCE_DATA, STATE, WRONG, Refusal, require

PROFILE = bytes.fromhex("1C00")
LOCATOR = bytes.fromhex("08010200")
ARQC, TC, AAC = 0x80, 0x40, 0x00
APPROVED = b"00"


def lengths(dol: bytes) -> list[tuple[int, int]]:
    """Tags and lengths of a data object list."""
    found = []
    while dol:
        size = 2 if dol[0] & 0x1F == 0x1F else 1
        found.append((int.from_bytes(dol[:size]), dol[size]))
        dol = dol[size + 1 :]
    return found


def total(dol: bytes) -> int:
    """How long the answer to a list is."""
    return sum(length for _, length in lengths(dol))


def selected_slot(card) -> Slot:
    """The token that is selected; 6985 when none is."""
    require(isinstance(card.session.selected, int), STATE)
    return card.memory.slot(card.session.selected)


def get_processing_options(card, command: Command) -> tuple[bytes, int]:
    """Begins a payment; the counter is stored before the answer (TAP-4)."""
    require_options(command.data)
    slot = selected_slot(card)
    require(slot.state == ACTIVE or card.wrong == "suspended", STATE)
    require(slot.atc < ATC_MAX, STATE)
    card.memory.change_slot(card.session.selected, atc=slot.atc + 1, given=False)
    card.session.payment = Payment()
    return tlv.encode(0x77, tlv.encode(0x82, PROFILE) + tlv.encode(0x94, LOCATOR)), DONE


def require_options(data: bytes) -> None:
    """83 with as many bytes as the list asks for, or with none."""
    try:
        objects = tlv.parse(data)
    except tlv.Malformed:
        raise Refusal(DATA) from None
    require(len(objects) == 1 and objects[0].tag == 0x83, DATA)
    require(len(objects[0].value) in (0, total(PDOL)), DATA)


def current(card) -> Payment:
    """The payment in progress."""
    require(card.session.payment is not None, STATE)
    return card.session.payment


# VERIFY


def verify(card, command: Command) -> tuple[bytes, int]:
    """Checks a PIN. The try is used up before the comparison (APD-11)."""
    pay = current(card)
    require(pay.first is None, STATE)
    slot, number = selected_slot(card), card.session.selected
    require(slot.pin is not None, NO_REFERENCE_DATA)
    require(slot.pin_tries > 0, BLOCKED)
    require(is_pin_block(command.data), DATA)
    card.memory.change_slot(number, pin_tries=slot.pin_tries - 1)
    pay.pin_checked, pay.pin_wrong = True, not equal(command.data, slot.pin)
    require(not pay.pin_wrong, 0x63C0 | slot.pin_tries - 1)
    card.memory.change_slot(number, pin_tries=PIN_TRIES_MAX)
    return b"", DONE


# GENERATE AC


def generate_ac(card, command: Command) -> tuple[bytes, int]:
    """The first cryptogram of a payment, or the second."""
    pay = current(card)
    if pay.first is None:
        return first(card, pay, command)
    return second(card, pay, command)


def first(card, pay: Payment, command: Command) -> tuple[bytes, int]:
    """That it is given is stored before it is computed (TAP-5)."""
    require(not selected_slot(card).given, STATE)
    require(len(command.data) == total(CDOL1), LENGTH)
    kind = AAC if command.p1 == AAC else ARQC
    card.memory.change_slot(card.session.selected, given=True)
    pay.first = kind
    answer, mac = give(card, pay, kind, command.data)
    if kind == ARQC:
        pay.request = mac
    return answer, DONE


def second(card, pay: Payment, command: Command) -> tuple[bytes, int]:
    """Approves only when it is asked to, and the issuer has not spoken against it (APD-13)."""
    require(pay.first == ARQC and pay.second is None and command.p1 != ARQC, STATE)
    require(len(command.data) == total(CDOL2), LENGTH)
    refused = (pay.proof_wrong or pay.declined) and card.wrong != "approve"
    pay.second = TC if command.p1 == TC and not refused else AAC
    card.memory.change_slot(card.session.selected, last_online=selected_slot(card).atc)
    answer, _ = give(card, pay, pay.second, command.data[2:])
    return answer, DONE


def give(card, pay: Payment, kind: int, asked: bytes) -> tuple[bytes, bytes]:
    """The answer to GENERATE AC, and the cryptogram in it."""
    slot = selected_slot(card)
    counter, issuer_data = slot.atc.to_bytes(2), application_data(slot, pay)
    mac = cryptogram.application(slot, fields_of(asked), PROFILE, counter, issuer_data)
    parts = {0x9F27: bytes([kind]), 0x9F36: counter, 0x9F26: mac, 0x9F10: issuer_data}
    return tlv.encode(0x77, b"".join(tlv.encode(tag, value) for tag, value in parts.items())), mac


def fields_of(asked: bytes) -> dict[int, bytes]:
    """The values that CDOL1 asks for, by tag."""
    fields = {}
    for tag, length in lengths(CDOL1):
        fields[tag], asked = asked[:length], asked[length:]
    return fields


def application_data(slot: Slot, pay: Payment) -> bytes:
    """9F10 with the card verification results (APD-12)."""
    second_bits = {None: 0x80, TC: 0x40, AAC: 0x00}[pay.second]
    first_bits = 0x20 if pay.first == ARQC else 0x00
    results = second_bits | first_bits | pay.proof_wrong << 3 | pay.pin_checked << 2 | pay.pin_wrong << 1
    blocked = 0x40 if slot.pin is not None and slot.pin_tries == 0 else 0
    return bytes([0x06, 0x01, slot.cvn, 0x03, results, blocked, 0x00])


# EXTERNAL AUTHENTICATE


def external_authenticate(card, command: Command) -> tuple[bytes, int]:
    """Takes the issuer's proof, once."""
    pay = current(card)
    require(pay.request is not None and not pay.answered and pay.second is None, STATE)
    slot, data = selected_slot(card), command.data
    require(len(data) == (8 if slot.cvn == CVN_18 else 10), LENGTH)
    pay.answered = True
    if slot.cvn == CVN_18:
        proof, decision = data[:4], data[4:]
        good = equal(proof, cryptogram.response_method_2(slot, pay.request, decision))
        approved = bool(decision[1] & 0x80)
    else:
        proof, decision = data[:8], data[8:]
        good = equal(proof, cryptogram.response_method_1(slot, pay.request, decision))
        approved = decision == APPROVED
    pay.proof_wrong, pay.declined = not good, good and not approved
    require(good, WRONG)
    return b"", DONE
