"""What does not survive: the selection, the channel, and whatever is half done."""

from dataclasses import dataclass

from .channel import Challenge, Channel

DOMAIN = "domain"


@dataclass
class Chain:
    """A chain in progress: what all its APDUs have in common, and the data so far."""

    head: tuple[int, int, int, int]
    data: bytes = b""


@dataclass
class Script:
    """The blocks of STORE DATA so far."""

    data: bytes = b""
    following: int = 0


@dataclass
class Payment:
    """A payment between GET PROCESSING OPTIONS and its last cryptogram."""

    first: int | None = None
    second: int | None = None
    request: bytes | None = None
    pin_checked: bool = False
    pin_wrong: bool = False
    answered: bool = False
    proof_wrong: bool = False
    declined: bool = False


@dataclass
class Session:
    """From SELECT or reset to the next. `selected` is a slot's number, `DOMAIN`, a directory's name or None."""

    selected: int | str | bytes | None = None
    challenge: Challenge | None = None
    channel: Channel | None = None
    chain: Chain | None = None
    script: Script | None = None
    listing: int | None = None
    pending: tuple[bytes, int] | None = None
    payment: Payment | None = None

    def end_channel(self) -> None:
        """The channel and what was begun in it are gone."""
        self.channel = self.script = self.listing = None
