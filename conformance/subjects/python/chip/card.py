"""The order of checks (APD-2): length, class, logical channel, instruction, secure messaging, P1-P2, data length, state."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import data, domain, files, payment
from .apdu import Command, parse
from .channel import ENCRYPTION, LEVELS
from .keys import derive
from .limits import DATA_MAX
from .memory import Memory
from .session import Chain, Session
from .words import (
    CLASS,
    DONE,
    INSTRUCTION,
    LAST_EXPECTED,
    LENGTH,
    LOGICAL_CHANNEL,
    NO_CHAINING,
    P1P2,
    SECURITY,
    STATE,
    Refusal,
    require,
)

ATR = bytes.fromhex("3B6B00008073C001C0554B41494B41")
CHAINING = 0x10
SELECT, STORE_DATA, EXTERNAL_AUTHENTICATE, GET_RESPONSE, GET_DATA = 0xA4, 0xE2, 0x82, 0xC0, 0xCA
MANAGEMENT = (STORE_DATA, 0xE4, 0xF0, 0xF2)


@dataclass(frozen=True)
class Row:
    """One line of the table of commands. `lengths` are those of the data field, None for any."""

    params: Callable[[int, int], bool]
    lengths: tuple[int, ...] | None
    run: Callable[["Card", Command], tuple[bytes, int]]


class Card:
    """A chip with its memory and its session. `wrong` names a rule that it breaks, for the canary; a good one breaks none."""

    def __init__(self, se_id: bytes, master: bytes, wrong: str = ""):
        self.se_id = se_id
        self.keys, self.receipt_key = derive(master, se_id)
        self.memory = Memory()
        self.session = Session()
        self.wrong = wrong

    def reset(self) -> None:
        """Power was lost, or the reset line went down."""
        self.session = Session()

    def process(self, raw: bytes) -> bytes:
        """The answer to one command, with its status word."""
        command = None
        try:
            command = parse(raw)
            answer, sw = self._answer(command)
        except Refusal as refusal:
            self._refused(command, refusal.sw)
            answer, sw = b"", refusal.sw
        return answer + sw.to_bytes(2)

    def _answer(self, command: Command) -> tuple[bytes, int]:
        row = find_row(command)
        if command.ins != SELECT:
            self._goes_on(command)
        if command.chained:
            return self._collect(command)
        command, secured = self._open(self._whole(command))
        if command.ins != GET_RESPONSE:
            self.session.pending = None
        require(row.params(command.p1, command.p2), P1P2)
        if command.ins == GET_RESPONSE:
            return self._get_response(command)
        require(row.lengths is None or len(command.data) in row.lengths, LENGTH)
        answer, sw = row.run(self, command)
        if secured:
            answer = self.session.channel.wrap(answer, sw)
        return self._cut(answer, sw, command.ne)

    def _refused(self, command: Command | None, sw: int) -> None:
        """A refusal drops the chain; some end channel and challenge."""
        session = self.session
        session.chain = None
        if command is None:
            return
        if command.ins == STORE_DATA and sw == P1P2:
            session.script = None
        opening = (command.cla, command.ins) == (0x84, EXTERNAL_AUTHENTICATE)
        unsecured = command.cla & ~CHAINING == 0x80 and command.ins in MANAGEMENT
        if sw == SECURITY or (opening and sw != LAST_EXPECTED) or (unsecured and sw == LAST_EXPECTED):
            session.end_channel()
            session.challenge = None

    # Chains

    def _goes_on(self, command: Command) -> None:
        chain = self.session.chain
        require(chain is None or chain.head == head(command), LAST_EXPECTED)

    def _collect(self, command: Command) -> tuple[bytes, int]:
        """Takes an APDU of a chain that is not the last."""
        channel = self.session.channel
        require(command.cla == 0x94 and channel is not None and bool(channel.level & ENCRYPTION), SECURITY)
        chain = self.session.chain or Chain(head(command))
        require(len(chain.data) + len(command.data) <= DATA_MAX, LENGTH)
        self.session.pending = None
        chain.data += command.data
        self.session.chain = chain
        return b"", DONE

    def _whole(self, command: Command) -> Command:
        """The one command that a chain is, when this is its last APDU."""
        chain, self.session.chain = self.session.chain, None
        if chain is None or command.ins == SELECT:
            return command
        whole = chain.data + command.data
        require(len(whole) <= DATA_MAX, LENGTH)
        return replace(command, data=whole, extended=len(whole) > 255)

    # Secure messaging

    def _open(self, command: Command) -> tuple[Command, bool]:
        """The command without its secure messaging, and whether it had any."""
        if command.ins in MANAGEMENT:
            require(command.cla == 0x84, SECURITY)
        if command.cla != 0x84 or command.ins == EXTERNAL_AUTHENTICATE:
            return command, False
        channel = self.session.channel
        require(channel is not None, SECURITY)
        header = bytes([command.cla, command.ins, command.p1, command.p2])
        plain = channel.unwrap(header, command.data, command.extended)
        require(command.ins != STORE_DATA or bool(channel.level & ENCRYPTION), SECURITY)
        return replace(command, data=plain), True

    # Answers

    def _cut(self, answer: bytes, sw: int, ne: int) -> tuple[bytes, int]:
        """As much of an answer as is wanted; the rest waits."""
        if len(answer) <= ne:
            return answer, sw
        rest = answer[ne:]
        self.session.pending = rest, sw
        return answer[:ne], 0x6100 | min(len(rest), 256) & 0xFF

    def _get_response(self, command: Command) -> tuple[bytes, int]:
        require(self.session.pending is not None, STATE)
        answer, sw = self.session.pending
        require(command.any_le or command.ne <= len(answer), 0x6C00 | len(answer) & 0xFF)
        self.session.pending = None
        return self._cut(answer, sw, command.ne)


def head(command: Command) -> tuple[int, int, int, int]:
    """What the APDUs of one chain have in common."""
    return command.cla & ~CHAINING, command.ins, command.p1, command.p2


def find_row(command: Command) -> Row:
    """Class, logical channel and instruction; the row of the table."""
    base = command.cla & ~0x13
    require(base in (0x00, 0x80, 0x84), CLASS)
    require(command.cla & 3 == 0, LOGICAL_CHANNEL)
    require(not command.chained or command.ins == STORE_DATA, NO_CHAINING)
    if (base, command.ins) in ROWS:
        return ROWS[base, command.ins]
    if base == 0x80 and command.ins in MANAGEMENT:
        return ROWS[0x84, command.ins]
    known = any(ins == command.ins for _, ins in ROWS)
    raise Refusal(CLASS if known else INSTRUCTION)


def exactly(p1: int, p2: int) -> Callable[[int, int], bool]:
    """Only these two."""
    return lambda a, b: (a, b) == (p1, p2)


_GET_DATA = Row(lambda a, b: True, None, data.get_data)

#: By class without chaining and channel, and instruction.
ROWS = {
    (0x00, SELECT): Row(lambda a, b: a == 4 and b in (0, 2, 4), None, files.select),
    (0x80, 0x50): Row(lambda a, b: b == 0, (8,), domain.initialize_update),
    (0x84, EXTERNAL_AUTHENTICATE): Row(lambda a, b: a in LEVELS and b == 0, (16,), domain.external_authenticate),
    (0x84, STORE_DATA): Row(lambda a, b: a in (0x00, 0x10, 0x80, 0x90), None, domain.store_data),
    (0x84, 0xF0): Row(lambda a, b: a == 0x40 and b in domain.STATUSES, None, domain.set_status),
    (0x84, 0xE4): Row(exactly(0, 0), None, domain.delete),
    (0x84, 0xF2): Row(lambda a, b: a in (0x80, 0x40, 0x20, 0x10) and b in (2, 3), None, domain.get_status),
    (0x80, GET_DATA): _GET_DATA,
    (0x84, GET_DATA): _GET_DATA,
    (0x80, 0xA8): Row(exactly(0, 0), None, payment.get_processing_options),
    (0x00, 0xB2): Row(lambda a, b: a > 0 and b & 7 == 4, None, files.read_record),
    (0x00, 0x20): Row(exactly(0, 0x80), (8,), payment.verify),
    (0x80, 0xAE): Row(lambda a, b: a in (0x80, 0x00, 0x40) and b == 0, None, payment.generate_ac),
    (0x00, EXTERNAL_AUTHENTICATE): Row(exactly(0, 0), (8, 10), payment.external_authenticate),
    (0x80, 0x2A): Row(lambda a, b: a in (1, 2) and b == 0, (32,), domain.sign_evidence),
    (0x00, GET_RESPONSE): Row(exactly(0, 0), None, lambda card, command: (b"", DONE)),
}
