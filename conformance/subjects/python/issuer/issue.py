"""From evidence to a card: one transaction, all or none (40-issue). Start at [`issue`]."""

import calendar
import datetime

from .apply import preverify
from .chipcrypto import evidence_holds
from .digests import applicant_digest, phone_digest
from .issuer import fresh_code, fresh_id, person_of
from .limits import (CARD_LIMIT_MINOR, CARDS_PER_PRODUCT, INACTIVE_TOKEN_TTL_MS, REQUESTOR_ID, SCORE_MIN,
                     TOKEN_LIFE_MS)
from .refusals import Refusal
from .store import Card, Outcome, Token

LIVE = ("active", "blocked")  # what counts as a live card
_NEEDED = {"known-customer": "otp", "first-card": "identity"}
ACCOUNT_VERIFIED, ONE_FACTOR, ISSUER_ASSERTED = "10", "11", "14"


def issue(issuer, call):
    """A card on a code at once; on a reference after the identity system has answered."""
    body = call.body
    _judge_request(issuer, body)
    if body["evidence"]["kind"] == "identity":
        return _issue_on_reference(issuer, body)
    _judge_code(issuer, body)
    return _make(issuer, body, ONE_FACTOR)


async def _issue_on_reference(issuer, body):
    """Between question and answer anything may have happened, so everything is judged again."""
    reference, wanted = body["evidence"]["reference"], applicant_digest(body["applicant"])
    if reference in issuer.store.references_used:
        raise Refusal("reference-used")
    score = await issuer.identity.score(body["request_id"], reference, body["request_context"], wanted)
    _judge_request(issuer, body)
    if reference in issuer.store.references_used:
        raise Refusal("reference-used")
    if (score["reference"], score["request_context"], score["applicant_digest"]) != (
            reference, body["request_context"], wanted):
        raise Refusal("reference-mismatch")
    if min(score["live_record"], score["photo_record"], score["text_record"]) < SCORE_MIN:
        raise Refusal("score-low")
    return _make(issuer, body, ISSUER_ASSERTED)


def _judge_request(issuer, body):
    """The message against the issuer's own decision, by rank (ISS-1 to ISS-3, ISS-18, ISS-21)."""
    outcome = issuer.store.outcomes.get(body["request_id"])
    if outcome is not None:
        raise Refusal("request-tombstoned" if outcome.state == "tombstoned" else "wrong-order")
    decision = issuer.store.decisions.get(body["eligibility_id"])
    if decision is None or decision.request_id != body["request_id"]:
        raise Refusal("eligibility-unknown")
    if issuer.clock.now() > decision.expires_at or not _ground_holds(issuer, decision, body):
        raise Refusal("eligibility-stale")
    if decision.request_context != body["request_context"] or decision.product != body["product"]:
        raise Refusal("context-mismatch")
    if decision.applicant_digest != applicant_digest(body["applicant"]):
        raise Refusal("applicant-mismatch")
    if _NEEDED[decision.branch] != body["evidence"]["kind"]:
        raise Refusal("evidence-kind-mismatch")
    se_id = bytes.fromhex(body["se_id"])
    if not evidence_holds(issuer.keys.chip_master, "consent", se_id, body["request_context"], body["consent"]):
        raise Refusal("consent-invalid")


def _ground_holds(issuer, decision, body):
    """Whether the customer file still says what it said when the decision was made (MNG-10)."""
    customer = issuer.store.customers.get(person_of(body["applicant"]))
    known = (customer.customer_id, customer.phone_version) if customer else (None, None)
    return known == (decision.customer_id, decision.phone_version)


def _judge_code(issuer, body):
    """ISS-4: the code went to the phone that is the customer's at this moment."""
    evidence = body["evidence"]
    customer = issuer.store.customers[person_of(body["applicant"])]
    if (evidence["phone_digest"], evidence["phone_version"]) != (phone_digest(customer.phone), customer.phone_version):
        raise Refusal("evidence-mismatch")


def _make(issuer, body, assurance):
    """Pre-verification, quota and draws, then all changes at once."""
    store, person = issuer.store, person_of(body["applicant"])
    preverify(issuer, body["applicant"])
    same = store.cards_of.setdefault((person, body["product"]), [])
    if sum(store.cards[code].status in LIVE for code in same) >= CARDS_PER_PRODUCT:
        raise Refusal("duplicate-card")
    number, = issuer.vault.draw_tokens(1)
    pan = issuer.vault.draw_pan()
    card_code, agreement = fresh_code("C", store.cards), fresh_code("A", store.agreements)

    card = Card(card_code, issuer.vault.open_account(pan), person, body["product"], body["se_id"], body["account_id"],
                body["device_id"])
    store.cards[card_code] = card
    same.append(card_code)
    store.agreements[agreement] = [card_code, "current"]
    store.balances["card " + card.par] = CARD_LIMIT_MINOR
    token = mint(issuer, number, card, body["se_id"], body["request_context"], body["consent"], assurance)
    store.outcomes[body["request_id"]] = Outcome("issued", card_code, agreement, token.token_ref, body["consent"])
    if body["evidence"]["kind"] == "identity":
        store.references_used.add(body["evidence"]["reference"])
    return 201, {"request_id": body["request_id"], "card_code": card_code, "agreement": agreement,
                 "token_ref": token.token_ref, "token_state": "inactive"}


def mint(issuer, number, card, se_id, request_context, consent, assurance):
    """Stores an inactive token with a number that was drawn (ISS-13, ISS-39)."""
    now = issuer.clock.now()
    ends = now + TOKEN_LIFE_MS
    month = datetime.datetime.fromtimestamp(ends / 1000, datetime.UTC)
    expiry = month.strftime("%y%m") + str(calendar.monthrange(month.year, month.month)[1])
    token = Token(fresh_id(), number, card.card_code, card.par, se_id, REQUESTOR_ID, assurance, request_context, consent,
                  now, ends, expiry)
    issuer.vault.give_token(number)
    issuer.store.tokens[token.token_ref] = token
    issuer.store.token_numbers[number] = token.token_ref
    issuer.store.token_uses[card.card_code, REQUESTOR_ID, se_id] = token.token_ref
    return token


def show(issuer, call):
    request_id = call.parameters["request_id"]
    outcome = issuer.store.outcomes.get(request_id) or Outcome("none")
    token = issuer.store.tokens.get(outcome.token_ref)
    return 200, {"request_id": request_id, "outcome": outcome.state, "card_code": outcome.card_code,
                 "agreement": outcome.agreement, "token_ref": outcome.token_ref,
                 "token_state": token and state_of(issuer, token)}


def compensate(issuer, call):
    """ISS-19: undoes a card, or leaves a tombstone where there is none; repeated, the same again."""
    store, request_id = issuer.store, call.parameters["request_id"]
    outcome = store.outcomes.get(request_id)
    if outcome is None:
        outcome = store.outcomes[request_id] = Outcome("tombstoned", undone="tombstoned")
    elif outcome.state == "issued":
        kill(store.tokens[outcome.token_ref])
        store.agreements[outcome.agreement][1] = "terminated"
        card = store.cards[outcome.card_code]
        if card.status in LIVE:
            card.status = "closed"
        outcome.state, outcome.undone = "tombstoned", "deleted"
    return 200, {"outcome": outcome.undone}


def state_of(issuer, token):
    """The state of a token; one that was inactive for too long counts as deleted (PRO-14)."""
    if token.state == "inactive" and issuer.clock.now() - token.created_at > INACTIVE_TOKEN_TTL_MS:
        return "deleted"
    return token.state


def kill(token):
    token.state, token.session = "deleted", None
    token.suspended_by.clear()
