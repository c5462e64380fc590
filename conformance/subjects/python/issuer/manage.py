"""The lifecycle of tokens, cards and agreements (80-manage), and the operator's work at the vault (40-issue)."""

from . import pay
from .chipcrypto import evidence_holds
from .issue import ACCOUNT_VERIFIED, kill, mint, state_of
from .limits import REQUESTOR_ID
from .refusals import Refusal

_SPEAKS_FOR = {"verifier": ("user", "wallet"), "operator": ("issuer", "fraud")}
_SUSPENDERS = ("user", "wallet", "issuer", "fraud")
_CARD_LEAVES = {
    "active": ("blocked", "lost", "stolen", "closed"),
    "blocked": ("active", "lost", "stolen", "closed"),
    "lost": (),
    "stolen": (),
    "closed": (),
}


def show_token(issuer, call):
    return _shown(issuer, _token(issuer, call))


def suspend(issuer, call):
    token = _token_to_change(issuer, call)
    token.suspended_by.add(call.body["by"])
    token.state = "suspended"
    return _shown(issuer, token)


def resume(issuer, call):
    """MNG-3, MNG-4: one takes back one's own, and the last one makes the token pay again."""
    token = _token_to_change(issuer, call)
    token.suspended_by.discard(call.body["by"])
    token.state = "suspended" if token.suspended_by else "active"
    return _shown(issuer, token)


def delete(issuer, call):
    token = _token(issuer, call)
    if state_of(issuer, token) == "deleted":
        raise Refusal("illegal-transition")
    kill(token)
    return _shown(issuer, token)


def _token(issuer, call):
    token = issuer.store.tokens.get(call.parameters["token_ref"])
    if token is None:
        raise Refusal("unknown-token")
    return token


def _token_to_change(issuer, call):
    if call.body["by"] not in _SPEAKS_FOR[call.caller]:
        raise Refusal("bad-signature")
    token = _token(issuer, call)
    if state_of(issuer, token) not in ("active", "suspended"):
        raise Refusal("illegal-transition")
    return token


def _shown(issuer, token):
    return 200, {"token_ref": token.token_ref, "state": state_of(issuer, token), 
                 "suspended_by": [by for by in _SUSPENDERS if by in token.suspended_by]}


def show_card(issuer, call):
    card = _card(issuer, call.parameters["card_code"])
    return 200, {"card_code": card.card_code, "status": card.status, "available_minor": pay.available(issuer, card)}


def set_status(issuer, call):
    card, status = _card(issuer, call.parameters["card_code"]), call.body["status"]
    if status != card.status and status not in _CARD_LEAVES[card.status]:
        raise Refusal("illegal-transition")
    card.status = status
    return 200, {"card_code": card.card_code, "status": status}


def _card(issuer, card_code):
    card = issuer.store.cards.get(card_code)
    if card is None:
        raise Refusal("unknown-card")
    return card


def terminate(issuer, call):
    agreement = issuer.store.agreements.get(call.parameters["agreement"])
    if agreement is None:
        raise Refusal("agreement-mismatch")
    agreement[1] = "terminated"
    return 200, {"agreement": call.parameters["agreement"], "state": "terminated"}


def replace(issuer, call):
    """ISS-32: another PAN under the same reference, card code and tokens."""
    card = _card(issuer, call.parameters["card_code"])
    if card.status in ("lost", "stolen", "closed"):
        raise Refusal("illegal-transition")
    issuer.vault.replace_pan(card.par, issuer.vault.draw_pan())
    return 200, {"card_code": card.card_code, "par": card.par}


def rotate(issuer, call):
    return 200, {"left": issuer.vault.rotate()}


def reseal(issuer, call):
    return 200, {"left": issuer.vault.reseal()}


def mint_tokens(issuer, call):
    """ISS-34, ISS-35, ISS-41: one token for one chip of a card, all that are asked for or none."""
    wanted = call.body["tokens"]
    for check in (_judge_consent, _judge_card):
        for ask in wanted:
            check(issuer, ask)
    missing = {_use(ask): ask for ask in reversed(wanted) if not _has_token(issuer, _use(ask))}
    for number, ask in zip(issuer.vault.draw_tokens(len(missing)), missing.values()):
        card = issuer.store.cards[ask["card_code"]]
        mint(issuer, number, card, ask["se_id"], ask["request_context"], ask["consent"], ACCOUNT_VERIFIED)
    return 201, {"token_refs": [issuer.store.token_uses[_use(ask)] for ask in wanted]}


def _use(ask):
    return ask["card_code"], REQUESTOR_ID, ask["se_id"]


def _has_token(issuer, use):
    token = issuer.store.tokens.get(issuer.store.token_uses.get(use))
    return token is not None and state_of(issuer, token) != "deleted"


def _judge_consent(issuer, ask):
    se_id = bytes.fromhex(ask["se_id"])
    if not evidence_holds(issuer.keys.chip_master, "consent", se_id, ask["request_context"], ask["consent"]):
        raise Refusal("consent-invalid")


def _judge_card(issuer, ask):
    card = issuer.store.cards.get(ask["card_code"])
    if card is None:
        raise Refusal("unknown-card")
    if card.status != "active":
        raise Refusal("card-not-active")
