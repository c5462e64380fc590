"""Debits by card code and agreement, and their reversal (70-pay)."""

import secrets

from .chipcrypto import evidence_holds
from .digests import order_digest, pay_digest
from .limits import CARD_CURRENCY, CARD_LIMIT_MINOR
from .refusals import Refusal
from .store import Debit

_CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def fresh_auth_code():
    return "".join(secrets.choice(_CODE) for _ in range(6))


def debit(issuer, call):
    """PAY-7: a debit id is posted at most once, and a declined one stays declined."""
    body, debits = call.body, issuer.store.debits
    known = debits.get(body["debit_id"])
    if known is not None:
        return _again(body, known)
    try:
        card = _judge(issuer, body)
    except Refusal as refusal:
        if refusal.is_declined:
            debits[body["debit_id"]] = Debit("declined", body, refusal=refusal.name)
        raise
    posting = issuer.store.post("card " + card.par, "payee " + body["payee"], body["amount_minor"])
    made = debits[body["debit_id"]] = Debit("posted", body, fresh_auth_code(), posting)
    return _posted(body, made)


def _again(body, known):
    """What a debit id that is known answers, before anything else in the message is looked at."""
    if known.state == "tombstoned":
        raise Refusal("debit-tombstoned")
    if known.asked != body:
        raise Refusal("idempotency-conflict")
    if known.state == "declined":
        raise Refusal(known.refusal)
    return _posted(body, known)


def _posted(body, known):
    return 201, {"debit_id": body["debit_id"], "result": "posted", "auth_code": known.auth_code}


def _judge(issuer, body):
    """By rank, in the transaction that posts (PAY-8, PAY-9, PAY-17)."""
    store = issuer.store
    card = store.cards.get(body["card_code"])
    if card is None:
        raise Refusal("unknown-card")
    of_card, state = store.agreements.get(body["agreement"], (None, None))
    if of_card != card.card_code:
        raise Refusal("agreement-mismatch")
    if card.status != "active":
        raise Refusal("card-not-active")
    if state != "current":
        raise Refusal("agreement-terminated")
    if body["currency"] != CARD_CURRENCY:
        raise Refusal("domain-violation")
    if not _is_authorised(issuer, body, card):
        raise Refusal("payment-evidence-invalid")
    if body["amount_minor"] > CARD_LIMIT_MINOR:
        raise Refusal("limit-exceeded")
    if body["amount_minor"] > available(issuer, card):
        raise Refusal("insufficient")
    return card


def _is_authorised(issuer, body, card):
    """The chip of the card signed this very order; the digest is computed here, not taken from the message."""
    order = order_digest(body)
    if order != body["order_digest"]:
        return False
    signed = pay_digest(order, body["card_code"])
    return evidence_holds(issuer.keys.chip_master, "payment", bytes.fromhex(card.se_id), signed, body["evidence"])


def available(issuer, card):
    return issuer.store.balances["card " + card.par]


def show(issuer, call):
    known = issuer.store.debits.get(call.parameters["debit_id"]) or Debit("none")
    return 200, {"debit_id": call.parameters["debit_id"], "state": known.state, "auth_code": known.auth_code}


def reverse(issuer, call):
    """PAY-11 and PAY-12: back once and whole, or a tombstone for a debit that may still come."""
    debit_id, debits = call.parameters["debit_id"], issuer.store.debits
    known = debits.get(debit_id)
    if known is not None and known.state == "reversed":
        raise Refusal("already-reversed")
    if known is None or known.state != "posted":
        debits[debit_id] = Debit("tombstoned", known and known.asked)
    elif known.asked["amount_minor"] != call.body["amount_minor"]:
        raise Refusal("reversal-mismatch")
    else:
        issuer.store.give_back(known.posting)
        known.state = "reversed"
    return 200, {"debit_id": debit_id, "state": debits[debit_id].state}
