"""GET DATA: what anybody may read."""

from collections.abc import Callable

from . import tlv
from .apdu import Command
from .keys import KEY_SIZES
from .memory import Slot
from .session import DOMAIN
from .words import DONE, NO_SUCH, require

RECOGNITION = bytes.fromhex(
    "732F06072A864886FC6B01600C060A2A864886FC6B0202030163090607"
    "2A864886FC6B03640B06092A864886FC6B040370"
)


def get_data(card, command: Command) -> tuple[bytes, int]:
    """One object; 6A88 when it is not there, or not while this is selected."""
    tag, selected = command.p1 << 8 | command.p2, card.session.selected
    value = None
    if tag in ALWAYS:
        value = ALWAYS[tag](card)
    elif tag in OF_DOMAIN and selected == DOMAIN:
        value = OF_DOMAIN[tag](card)
    elif tag in OF_SLOT and isinstance(selected, int):
        value = OF_SLOT[tag](card.memory.slot(selected))
    require(value is not None, NO_SUCH)
    return tlv.encode(tag, value), DONE


def receipts(card) -> bytes | None:
    """References and receipts of active and suspended tokens (PRO-13)."""
    held = [slot for slot in card.memory.state.slots if slot and slot.selectable]
    return b"".join(tlv.encode(0xDF22, s.token_ref) + tlv.encode(0xDF23, s.receipt) for s in held) or None


def key_information(card) -> bytes:
    """The nine channel keys."""
    return b"".join(
        tlv.encode(0xC0, bytes([identifier, version, 0x88, size]))
        for version, size in KEY_SIZES.items()
        for identifier in (1, 2, 3)
    )


def tries_left(slot: Slot) -> bytes | None:
    """PIN tries left, of a token that has a PIN."""
    return bytes([slot.pin_tries]) if slot.pin else None


ALWAYS: dict[int, Callable] = {0xDF21: receipts, 0x9F7F: lambda card: card.se_id}
OF_DOMAIN: dict[int, Callable] = {
    0x66: lambda card: RECOGNITION,
    0xE0: key_information,
    0xC1: lambda card: card.memory.state.sequence.to_bytes(3),
}
OF_SLOT: dict[int, Callable] = {
    0x9F36: lambda slot: slot.atc.to_bytes(2),
    0x9F13: lambda slot: slot.last_online.to_bytes(2),
    0x9F17: tries_left,
}
