"""Every resource of the issuer, who may call it, the form of its body, and where it is decided."""

from . import apply, issue, manage, pay, provision, shapes
from .front import OPERATOR, VERIFIER, Route

_BOTH = (VERIFIER, OPERATOR)
_BANK = (OPERATOR,)
_WALLET = (VERIFIER,)

ROUTES = [
    Route("POST", "/v1/customers", _BANK, shapes.customer_enrol, apply.enrol),
    Route("POST", "/v1/customers/phone", _BANK, shapes.phone_change, apply.change_phone),
    Route("POST", "/v1/blocks", _BANK, shapes.block, apply.block),
    Route("POST", "/v1/eligibility", _WALLET, shapes.eligibility_ask, apply.decide),
    Route("POST", "/v1/issue", _WALLET, shapes.issue_ask, issue.issue),
    Route("GET", "/v1/issue/{request_id}", _WALLET, None, issue.show),
    Route("POST", "/v1/issue/{request_id}/compensate", _WALLET, shapes.empty, issue.compensate),
    Route("POST", "/v1/tokens", _BANK, shapes.tokens_ask, manage.mint_tokens),
    Route("GET", "/v1/tokens/{token_ref}", _BOTH, None, manage.show_token),
    Route("POST", "/v1/tokens/{token_ref}/provision", _WALLET, shapes.token_provision, provision.provision),
    Route("POST", "/v1/tokens/{token_ref}/suspend", _BOTH, shapes.token_by, manage.suspend),
    Route("POST", "/v1/tokens/{token_ref}/resume", _BOTH, shapes.token_by, manage.resume),
    Route("POST", "/v1/tokens/{token_ref}/delete", _BOTH, shapes.empty, manage.delete),
    Route("POST", "/v1/debits", _WALLET, shapes.debit_ask, pay.debit),
    Route("GET", "/v1/debits/{debit_id}", _WALLET, None, pay.show),
    Route("POST", "/v1/debits/{debit_id}/reverse", _WALLET, shapes.reverse_ask, pay.reverse),
    Route("GET", "/v1/cards/{card_code}", _BOTH, None, manage.show_card),
    Route("POST", "/v1/cards/{card_code}/status", _BOTH, shapes.card_status, manage.set_status),
    Route("POST", "/v1/cards/{card_code}/replace", _BANK, shapes.empty, manage.replace),
    Route("POST", "/v1/vault/rotate", _BANK, shapes.empty, manage.rotate),
    Route("POST", "/v1/vault/reseal", _BANK, shapes.empty, manage.reseal),
    Route("POST", "/v1/agreements/{agreement}/terminate", _WALLET, shapes.empty, manage.terminate),
]
