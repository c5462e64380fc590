"""What the issuer remembers. In memory, behind one thread: whatever runs between two awaits is one transaction."""

import time
from dataclasses import dataclass, field


class Clock:
    """Milliseconds since 1970, and what the control channel has added to them."""

    def __init__(self):
        self.ahead_ms = 0

    def now(self):
        return time.time_ns() // 1_000_000 + self.ahead_ms


@dataclass
class Customer:
    customer_id: str
    applicant: dict
    phone: str
    phone_version: int = 1


@dataclass
class Decision:
    """An eligibility decision (APP-10)."""

    eligibility_id: str
    request_id: str
    request_context: str
    applicant_digest: str
    product: str
    branch: str
    customer_id: str | None
    phone_version: int | None
    expires_at: int


@dataclass
class Outcome:
    """What became of a card request: `issued` or `tombstoned`; the consent stays with it (ISS-22)."""

    state: str
    card_code: str | None = None
    agreement: str | None = None
    token_ref: str | None = None
    consent: str | None = None
    undone: str | None = None  # what compensation answered


@dataclass
class Card:
    card_code: str
    par: str
    person: tuple
    product: str
    se_id: str
    account_id: str
    device_id: str
    status: str = "active"


@dataclass
class Token:
    """A token and what the chip is to hold of it. `expiry` is YYMMDD."""

    token_ref: str
    number: str
    card_code: str
    par: str
    se_id: str
    requestor: str
    assurance: str
    request_context: str
    consent: str
    created_at: int
    expires_at: int
    expiry: str
    psn: str = "01"
    version: int = 1
    state: str = "inactive"
    suspended_by: set = field(default_factory=set)
    binding_id: str | None = None
    counter: int = 0
    session: object = None


@dataclass
class Debit:
    """A debit by its id. `asked` is the message that posted or declined it, evidence included (PAY-18); a posted one keeps
    its code when it is reversed."""

    state: str
    asked: dict | None = None
    auth_code: str | None = None
    posting: tuple | None = None
    refusal: str | None = None


@dataclass
class Tap:
    """A shop's transaction by (41, 42, 37). `asked` are the fields of its request, `answer` those of its answer."""

    state: str
    asked: dict | None = None
    answer: dict | None = None
    posting: tuple | None = None


class Store:
    def __init__(self):
        self.customers = {}  # person -> Customer; a person is (id_type, id_no)
        self.blocked = set()
        self.decisions = {}  # eligibility_id -> Decision
        self.outcomes = {}  # request_id -> Outcome
        self.cards = {}  # card_code -> Card
        self.cards_of = {}  # (person, product) -> card codes
        self.agreements = {}  # agreement -> [card_code, "current" or "terminated"]
        self.tokens = {}  # token_ref -> Token
        self.token_numbers = {}  # number -> token_ref
        self.token_uses = {}  # (card_code, requestor, se_id) -> token_ref, the last that was minted for it
        self.references_used = set()
        self.debits = {}
        self.taps = {}
        self.balances = {}  # ledger account -> minor units
        self.postings = []

    def post(self, debit, credit, amount_minor):
        """One balanced double entry (PAY-15); answers it, to be given back."""
        entry = debit, credit, amount_minor
        self.postings.append(entry)
        self.balances[debit] = self.balances.get(debit, 0) - amount_minor
        self.balances[credit] = self.balances.get(credit, 0) + amount_minor
        return entry

    def give_back(self, entry):
        debit, credit, amount_minor = entry
        self.post(credit, debit, amount_minor)
