"""The issuer's security domain: opening a channel, the life of slots, evidence."""

from . import crypto, tlv
from .apdu import Command
from .channel import MAC_SIZE, Challenge, Channel, command_mac, derived
from .files import DOMAIN_AID, slot_aid
from .keys import DEFAULT_VERSION
from .limits import CHANNEL_TRIES_MAX, SEQUENCE_MAX, SLOTS
from .memory import ACTIVE, DELETED, STAGED, SUSPENDED, Slot
from .personalise import read_template
from .session import DOMAIN, Script
from .words import BLOCKED, DATA, DONE, MORE, NO_SPACE, NO_SUCH, SECURITY, STATE, WRONG, Refusal, require

#: Bytes of the blocks of one template together, and the highest number of a block.
SCRIPT_MAX, BLOCK_MAX = 255, 0xFE
COMMIT, ROLLBACK, SUSPEND, RESUME = 0x0F, 0x01, 0x80, 0x00
STATUSES = (COMMIT, ROLLBACK, SUSPEND, RESUME)
LABELS = {1: b"kaika/consent/1", 2: b"kaika/payment/1"}


def require_domain(card) -> None:
    """6985 unless the security domain is selected."""
    require(card.session.selected == DOMAIN, STATE)


# The channel


def initialize_update(card, command: Command) -> tuple[bytes, int]:
    """Draws a challenge; the counter is stored before it is used (PRO-3)."""
    memory, session = card.memory, card.session
    require_domain(card)
    sequence = memory.state.sequence + 1
    require(sequence <= SEQUENCE_MAX, STATE)
    version = command.p1 or DEFAULT_VERSION
    require(version in card.keys, NO_SUCH)
    require(memory.state.failures < CHANNEL_TRIES_MAX, BLOCKED)
    memory.commit(sequence=sequence)
    session.end_channel()
    keys, counter = card.keys[version], sequence.to_bytes(3)
    drawn = derived(keys.enc, 0x02, 64, counter + DOMAIN_AID)
    session.challenge = Challenge.make(keys, command.data, drawn)
    answer = bytes(2) + card.se_id + bytes([version, 0x03, 0x70]) + drawn
    return answer + session.challenge.card_cryptogram + counter, DONE


def external_authenticate(card, command: Command) -> tuple[bytes, int]:
    """Opens the channel. A try is counted before anything is compared (PRO-4)."""
    memory, session = card.memory, card.session
    challenge, session.challenge = session.challenge, None
    session.end_channel()
    require(challenge is not None, STATE)
    memory.commit(failures=memory.state.failures + 1)
    cryptogram, mac = command.data[:8], command.data[8:]
    header = bytes([0x84, 0x82, command.p1, command.p2])
    whole = command_mac(challenge.s_mac, bytes(16), header, cryptogram, command.extended)
    require(crypto.equal(whole[:MAC_SIZE], mac), SECURITY)
    require(crypto.equal(cryptogram, challenge.host_cryptogram), WRONG)
    memory.commit(failures=0)
    session.channel = Channel(challenge, command.p1, whole)
    return b"", DONE


# Personalisation


def store_data(card, command: Command) -> tuple[bytes, int]:
    """Takes a block; the last one stages a token in one write."""
    script, card.session.script = card.session.script or Script(), None
    require(command.p2 == script.following, STATE)
    whole = script.data + command.data
    require(len(whole) <= SCRIPT_MAX and command.p2 <= BLOCK_MAX, DATA)
    if not command.p1 & 0x80:
        card.session.script = Script(whole, script.following + 1)
        return b"", DONE
    slot = read_template(whole, card.session.channel.keys.dek, card.receipt_key, card.se_id)
    card.memory.commit_slot(free_slot(card, slot.token_ref), slot)
    return b"", DONE


def free_slot(card, token_ref: bytes) -> int:
    """Where a token is staged: where another one is, else in the first free slot."""
    slots = card.memory.state.slots
    held = (slot.token_ref for slot in slots if slot and slot.state != STAGED)
    require(token_ref not in held, STATE)
    number = staged(card)
    if number is not None:
        return number
    require(None in slots, NO_SPACE)
    return slots.index(None) + 1


def staged(card) -> int | None:
    """The slot that is staged."""
    for number, slot in enumerate(card.memory.state.slots, 1):
        if slot and slot.state == STAGED:
            return number
    return None


# The life of slots


def named_aid(data: bytes) -> bytes:
    """The AID of a lone 4F; 6A80 for anything else."""
    try:
        objects = tlv.parse(data)
    except tlv.Malformed:
        raise Refusal(DATA) from None
    require(len(objects) == 1 and objects[0].tag == 0x4F, DATA)
    return objects[0].value


def find_slot(card, aid: bytes) -> int:
    """The slot with this AID that is not free; 6A88 when there is none."""
    for number in range(1, SLOTS + 1):
        if aid == slot_aid(number) and card.memory.slot(number):
            return number
    raise Refusal(NO_SUCH)


def find_staged(card) -> int:
    """The staged slot; 6985 when there are only others, 6A88 when there is none at all."""
    require(any(card.memory.state.slots), NO_SUCH)
    number = staged(card)
    require(number is not None, STATE)
    return number


def set_status(card, command: Command) -> tuple[bytes, int]:
    """COMMIT, ROLLBACK, SUSPEND and RESUME."""
    aid = named_aid(command.data)
    staging = command.p2 in (COMMIT, ROLLBACK)
    require(bool(aid) or staging, DATA)
    number = find_slot(card, aid) if aid else find_staged(card)
    state = card.memory.slot(number).state
    wanted = {COMMIT: STAGED, ROLLBACK: STAGED, SUSPEND: ACTIVE, RESUME: SUSPENDED}[command.p2]
    require(state == wanted, STATE)
    if command.p2 == ROLLBACK:
        card.memory.commit_slot(number, None)
        return b"", DONE
    card.memory.change_slot(number, state=SUSPENDED if command.p2 == SUSPEND else ACTIVE)
    answer = tlv.encode(0xDF23, card.memory.slot(number).receipt) if command.p2 == COMMIT else b""
    return answer, DONE


def delete(card, command: Command) -> tuple[bytes, int]:
    """Deletes a token and wipes its keys in one write (MNG-8)."""
    aid = named_aid(command.data)
    require(bool(aid), DATA)
    number = find_slot(card, aid)
    slot = card.memory.slot(number)
    require(slot.state != DELETED, NO_SUCH)
    card.memory.commit_slot(number, Slot(DELETED, slot.token_ref))
    return b"\x00", DONE


# GET STATUS


def get_status(card, command: Command) -> tuple[bytes, int]:
    """As many whole entries as fit; what is left is asked for with P2 03."""
    aid, wanted = status_query(command.data)
    following = command.p2 == 0x03
    require(not following or card.session.listing is not None, STATE)
    start = card.session.listing if following else 0
    found = [(place, fields) for place, fields in listed(card, command.p1) if place >= start]
    found = [(place, entry(fields, wanted)) for place, fields in found if fields[0x4F].startswith(aid)]
    require(bool(found), NO_SUCH)
    taken = fitting(card, [text for _, text in found], command.ne or 256)
    card.session.listing = found[taken][0] if taken < len(found) else None
    return b"".join(text for _, text in found[:taken]), DONE if taken == len(found) else MORE


def status_query(data: bytes) -> tuple[bytes, list[int] | None]:
    """The beginning of an AID, and the tags that are asked for, None for all."""
    try:
        objects = tlv.parse(data)
        require([found.tag for found in objects] in ([0x4F], [0x4F, 0x5C]), DATA)
        return objects[0].value, tlv.tags(objects[1].value) if len(objects) == 2 else None
    except tlv.Malformed:
        raise Refusal(DATA) from None


def listed(card, p1: int) -> list[tuple[int, dict[int, bytes]]]:
    """Place and fields of every entry of one kind."""
    if p1 == 0x80:
        return [(0, {0x4F: DOMAIN_AID, 0x9F70: b"\x0f", 0xC5: bytes.fromhex("800080")})]
    if p1 != 0x40:
        return []
    return [
        (number, {0x4F: slot_aid(number), 0x9F70: bytes([slot.state]), 0xC5: bytes(3), 0xDF22: slot.token_ref})
        for number, slot in enumerate(card.memory.state.slots, 1)
        if slot
    ]


def entry(fields: dict[int, bytes], wanted: list[int] | None) -> bytes:
    """One E3 with the fields that are wanted; 4F always."""
    chosen = ((tag, value) for tag, value in fields.items() if wanted is None or tag == 0x4F or tag in wanted)
    return tlv.encode(0xE3, b"".join(tlv.encode(tag, value) for tag, value in chosen))


def fitting(card, entries: list[bytes], ne: int) -> int:
    """How many entries fit, one at least."""
    size = taken = 0
    for found in entries:
        size += len(found)
        if taken and card.session.channel.wrapped_size(size) > ne:
            break
        taken += 1
    return taken


# Evidence


def sign_evidence(card, command: Command) -> tuple[bytes, int]:
    """Signs a digest of one of two kinds (APD-8)."""
    require_domain(card)
    message = LABELS[command.p1] + card.se_id + command.data
    return crypto.aes_cmac(card.receipt_key, message), DONE
