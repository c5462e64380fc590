"""Status words, and the exception that carries one."""

DONE = 0x9000
SUSPENDED = 0x6283
WRONG = 0x6300
MORE = 0x6310
LENGTH = 0x6700
LOGICAL_CHANNEL = 0x6881
LAST_EXPECTED = 0x6883
NO_CHAINING = 0x6884
SECURITY = 0x6982
BLOCKED = 0x6983
NO_REFERENCE_DATA = 0x6984
STATE = 0x6985
DATA = 0x6A80
NOT_FOUND = 0x6A82
NO_RECORD = 0x6A83
NO_SPACE = 0x6A84
P1P2 = 0x6A86
NO_SUCH = 0x6A88
INSTRUCTION = 0x6D00
CLASS = 0x6E00


class Refusal(Exception):
    """A command is refused with a status word."""

    def __init__(self, sw: int):
        super().__init__(f"{sw:04X}")
        self.sw = sw


def is_error(sw: int) -> bool:
    """Whether an answer with this word is one with an error: 62xx and 63xx are not."""
    return sw != DONE and sw >> 8 not in (0x61, 0x62, 0x63)


def require(holds: bool, sw: int) -> None:
    """Refuses with `sw` what does not hold."""
    if not holds:
        raise Refusal(sw)
