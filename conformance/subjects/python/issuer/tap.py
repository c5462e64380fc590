"""What the issuer answers to a shop (75-tap, and the table of response codes in 90-wire). Start at [`answer`]."""

import hmac

from . import pay
from .chipcrypto import response_cryptogram, retail_mac, session_key, token_key
from .issue import state_of
from .iso8583 import Unreadable, read_objects
from .limits import ATC_WINDOW, CARD_CURRENCY, TAP_LIMIT_MINOR
from .refusals import Refusal
from .store import Tap

_REQUEST_FIELDS = (2, 3, 4, 7, 11, 14, 22, 37, 41, 42, 49, 55)
_REVERSAL_FIELDS = (2, 3, 4, 7, 11, 37, 41, 42, 49, 90)
_ECHOED = (2, 3, 4, 7, 11, 37, 41, 42, 49)
_OBJECTS = {"9F26": 8, "9F27": 1, "9F10": 7, "9F37": 4, "9F36": 2, "95": 5, "9A": 3, "9C": 1, "9F02": 6, "5F2A": 2,
            "82": 2, "9F1A": 2, "9F03": 6, "5F34": 1}
_COVERED = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "9F10")
_CONTACTLESS = "071"
_APPROVES, _DECLINES = bytes.fromhex("00800000"), bytes(4)

_CODES = {
    "unknown-token": "14", "malformed": "30", "insufficient": "51", "token-expired": "54", "domain-violation": "57",
    "limit-exceeded": "61", "card-not-active": "62", "token-not-active": "62", "reversal-mismatch": "64",
    "cryptogram-bad": "82", "atc-replay": "82", "vault-unavailable": "91", "idempotency-conflict": "94",
}


def answer(issuer, message):
    """The answer to one message; `Unreadable` when there is none to it."""
    kind = message["t"]
    if kind in ("0100", "0200"):
        return _answered(message, _REQUEST_FIELDS, _authorise, issuer)
    if kind in ("0400", "0401"):
        return _answered(message, _REVERSAL_FIELDS, _reverse, issuer)
    if kind == "0800":
        return _answered(message, (7, 11), _sign_on, issuer)
    raise Unreadable(kind)


def _answered(message, wanted, judge, issuer):
    reply = {"t": message["t"][:2] + "10"} | {number: message[number] for number in _ECHOED if number in message}
    if message["t"] == "0800":
        reply = {"t": "0810"} | {number: message[number] for number in (7, 11, 70) if number in message}
    try:
        if any(number not in message for number in wanted):
            raise Refusal("malformed")
        return reply | judge(issuer, message)
    except Refusal as refusal:
        return reply | {39: _CODES.get(refusal.name, "05")}


def _sign_on(issuer, message):
    return {39: "00"}


def _name(message):
    return message[41], message[42], message[37]


# Authorisation and financial request

class _Verified:
    """What a cryptogram that holds shows: the counter, and the key that answers it."""

    def __init__(self, token, objects, key):
        self.token = token
        self.counter = int.from_bytes(objects["9F36"], "big")
        self._request_cryptogram = objects["9F26"]
        self._key = key

    def response(self, approves):
        """Field 55 of the answer: tag 91 over the decision."""
        update = _APPROVES if approves else _DECLINES
        return b"\x91\x08" + response_cryptogram(self._key, self._request_cryptogram, update) + update


def _authorise(issuer, message):
    objects = _objects(message)
    known = issuer.store.taps.get(_name(message))
    if known is not None:
        return _again(message, known)
    verified = None
    try:
        token, card = _judge_standing(issuer, message)
        verified = _verify(issuer, message, objects, token)
        _judge_money(issuer, message, verified, card)
    except Refusal as refusal:
        return _declined(issuer, message, refusal, verified)
    return _approved(issuer, message, verified, card)


def _again(message, known):
    """TAP-13: the same answer to the same request, and no second debit."""
    if known.asked == message:
        return known.answer
    raise Refusal("debit-tombstoned" if known.state == "tombstoned" else "idempotency-conflict")


def _judge_standing(issuer, message):
    """Token and card as they are at this moment; by rank."""
    store = issuer.store
    token = store.tokens.get(store.token_numbers.get(message[2]))
    if token is None:
        raise Refusal("unknown-token")
    card = store.cards[token.card_code]
    if card.status != "active":
        raise Refusal("card-not-active")
    if state_of(issuer, token) != "active":
        raise Refusal("token-not-active")
    if issuer.clock.now() > token.expires_at or message[14] != token.expiry[:4]:
        raise Refusal("token-expired")
    if message[22] != _CONTACTLESS or message[49] != CARD_CURRENCY:
        raise Refusal("domain-violation")
    issuer.vault.pan(token.par)
    return token, card


def _verify(issuer, message, objects, token):
    """TAP-7, TAP-12: the cryptogram over the message's own data, as a request and of version 18."""
    udk = token_key(issuer.keys.token_master, token.number, objects["5F34"].hex())
    key = session_key(udk, objects["9F36"])
    wanted = retail_mac(key, b"".join(objects[tag] for tag in _COVERED))
    if not hmac.compare_digest(wanted, objects["9F26"]) or not _is_request(objects):
        raise Refusal("cryptogram-bad")
    if objects["9F02"].hex() != message[4] or objects["5F2A"].hex() != "0" + message[49]:
        raise Refusal("cryptogram-bad")
    return _Verified(token, objects, key)


def _is_request(objects):
    """The kind outside and inside (TAP-2): version 18, an ARQC, no second cryptogram, and no PIN, since no token has one."""
    return objects["9F27"] == b"\x80" and objects["9F10"][:5] == bytes.fromhex("06011203A0")


def _judge_money(issuer, message, verified, card):
    """Counter, limit and balance. From the counter on it is used up (TAP-3, TAP-14)."""
    last, amount = verified.token.counter, int(message[4])
    if not last < verified.counter <= last + ATC_WINDOW:
        raise Refusal("atc-replay")
    if amount > TAP_LIMIT_MINOR:
        raise Refusal("limit-exceeded")
    if amount > pay.available(issuer, card):
        raise Refusal("insufficient")


def _declined(issuer, message, refusal, verified):
    decision = {39: _CODES.get(refusal.name, "05")}
    if verified is not None and refusal.name != "atc-replay":
        decision[55] = verified.response(approves=False)
        verified.token.counter = verified.counter
    if refusal.is_declined:
        issuer.store.taps[_name(message)] = Tap("declined", message, decision)
    return decision


def _approved(issuer, message, verified, card):
    """TAP-16: a financial request pays the shop, an authorisation request the shop's hold."""
    shop = ("" if message["t"] == "0200" else "held ") + message[42]
    posting = issuer.store.post("card " + card.par, shop, int(message[4]))
    verified.token.counter = verified.counter
    decision = {38: pay.fresh_auth_code(), 39: "00", 55: verified.response(approves=True)}
    issuer.store.taps[_name(message)] = Tap("approved", message, decision, posting)
    return decision


def _objects(message):
    try:
        objects = read_objects(message[55])
    except Unreadable:
        raise Refusal("malformed") from None
    wanted = [(tag, value) for tag, value in objects if tag in _OBJECTS]
    if sorted((tag, len(value)) for tag, value in wanted) != sorted(_OBJECTS.items()):
        raise Refusal("malformed")
    return dict(wanted)


# Reversal

def _reverse(issuer, message):
    """TAP-18: what was approved goes back where it came from; what was not, or is unknown, never will be."""
    taps, name = issuer.store.taps, _name(message)
    known = taps.get(name)
    if known is not None and known.asked is not None and not _names(message, known.asked):
        raise Refusal("reversal-mismatch")
    if known is None or known.state == "declined":
        taps[name] = Tap("tombstoned", known and known.asked, known and known.answer)
    elif known.state == "approved":
        issuer.store.give_back(known.posting)
        known.state = "reversed"
    return {39: "00"}


def _names(reversal, request):
    original = request["t"] + request[11] + request[7] + "0" * 22
    return reversal[4] == request[4] and reversal[90] == original
