"""What survives a loss of power. The state is one immutable value; a commit puts another in its place, or does not."""

from dataclasses import dataclass, replace

from .limits import PIN_TRIES_MAX, SLOTS

STAGED, ACTIVE, SUSPENDED, DELETED = 0x03, 0x07, 0x83, 0xFF


@dataclass(frozen=True)
class Slot:
    """A token. A deleted one has neither keys nor PIN."""

    state: int
    token_ref: bytes
    number: bytes = b""
    expiry: bytes = b""
    psn: bytes = b""
    udk: bytes = b""
    pin: bytes | None = None
    cvn: int = 0
    receipt: bytes = b""
    atc: int = 0
    last_online: int = 0
    given: bool = False
    pin_tries: int = PIN_TRIES_MAX

    @property
    def selectable(self) -> bool:
        """Whether SELECT finds it."""
        return self.state in (ACTIVE, SUSPENDED)


@dataclass(frozen=True)
class State:
    """All that the chip keeps."""

    sequence: int = 0
    failures: int = 0
    slots: tuple[Slot | None, ...] = (None,) * SLOTS


class Memory:
    """Holds the state. Every `commit` is one write: all of it or nothing."""

    def __init__(self) -> None:
        self.state = State()

    def commit(self, **changes) -> None:
        """Replaces fields of the state."""
        self.state = replace(self.state, **changes)

    def slot(self, number: int) -> Slot | None:
        """The token in a slot, 1 to 4."""
        return self.state.slots[number - 1]

    def commit_slot(self, number: int, slot: Slot | None) -> None:
        """Replaces one slot."""
        slots = list(self.state.slots)
        slots[number - 1] = slot
        self.commit(slots=tuple(slots))

    def change_slot(self, number: int, **changes) -> None:
        """Replaces fields of the token in a slot."""
        self.commit_slot(number, replace(self.slot(number), **changes))
