"""The refusals that an issuer gives (95-refusals), and the problem documents that show them (WIR-8)."""

import json

# refusal: (class, status, seen by the peer, meaning)
_TABLE = {
    "too-large": ("fatal", 413, "too-large", "The message is longer than the limit."),
    "malformed": ("fatal", 400, "malformed", "The message cannot be read as what it claims to be."),
    "unknown-route": ("fatal", 404, "unknown-route", "No such resource."),
    "method-not-allowed": ("fatal", 405, "method-not-allowed", "The resource does not take this method."),
    "unsupported-media-type": ("fatal", 415, "unsupported-media-type", "The body is not application/json."),
    "bad-signature": ("fatal", 401, "bad-signature", "The message is not from whom it says."),
    "stale-time": ("retry", 400, "stale-time", "The time of the message is outside the window."),
    "idempotency-key-missing": ("fatal", 400, "idempotency-key-missing",
                                "A message that changes something has no idempotency key."),
    "idempotency-conflict": ("conflict", 422, "idempotency-conflict",
                             "The idempotency key was used for another message."),
    "in-progress": ("retry", 409, "in-progress", "The same message is still being worked on."),
    "unknown-request": ("fatal", 404, "unknown-request", "No such card request."),
    "unknown-customer": ("fatal", 404, "unknown-customer", "No such person."),
    "already-enrolled": ("conflict", 409, "already-enrolled", "The account or person exists already."),
    "request-tombstoned": ("fatal", 410, "request-closed", "The card request was undone and stays so."),
    "wrong-order": ("conflict", 409, "wrong-order", "The message does not fit the state."),
    "ineligible": ("fatal", 403, "ineligible", "The issuer does not offer this person this product."),
    "eligibility-unknown": ("fatal", 409, "evidence-refused", ""),
    "eligibility-stale": ("fatal", 409, "evidence-refused", ""),
    "context-mismatch": ("fatal", 409, "evidence-refused", ""),
    "applicant-mismatch": ("fatal", 409, "evidence-refused", ""),
    "evidence-kind-mismatch": ("fatal", 409, "evidence-refused", ""),
    "consent-invalid": ("fatal", 409, "evidence-refused", ""),
    "evidence-mismatch": ("fatal", 409, "evidence-refused", ""),
    "reference-unknown": ("fatal", 409, "evidence-refused", ""),
    "reference-used": ("fatal", 409, "evidence-refused", ""),
    "reference-mismatch": ("fatal", 409, "evidence-refused", ""),
    "score-low": ("fatal", 403, "declined", ""),
    "preverify-failed": ("fatal", 403, "declined", ""),
    "duplicate-card": ("fatal", 403, "declined", ""),
    "range-exhausted": ("retry", 503, "try-later", ""),
    "vault-unavailable": ("retry", 503, "try-later", ""),
    "unknown-token": ("fatal", 404, "unknown-token", "No such token."),
    "not-bound": ("fatal", 409, "not-bound", "The card is not bound to the account."),
    "personalisation-failed": ("retry", 409, "personalisation-failed", "The chip's answers do not fit the script."),
    "receipt-invalid": ("fatal", 403, "receipt-invalid", "The chip's receipt does not hold."),
    "unknown-debit": ("fatal", 404, "unknown-debit", "No such debit."),
    "unknown-card": ("fatal", 404, "unknown-card", "No such card."),
    "agreement-mismatch": ("fatal", 403, "declined", ""),
    "debit-tombstoned": ("fatal", 403, "declined", ""),
    "already-reversed": ("conflict", 409, "already-reversed", "The debit was reversed by another reversal."),
    "reversal-mismatch": ("fatal", 409, "reversal-mismatch", "The reversal does not name the debit's amount."),
    "card-not-active": ("fatal", 403, "declined", ""),
    "agreement-terminated": ("fatal", 403, "declined", ""),
    "token-not-active": ("fatal", 403, "declined", ""),
    "token-expired": ("fatal", 403, "declined", ""),
    "domain-violation": ("fatal", 403, "declined", ""),
    "cryptogram-bad": ("fatal", 403, "declined", ""),
    "payment-evidence-invalid": ("fatal", 403, "declined", ""),
    "atc-replay": ("fatal", 403, "declined", ""),
    "limit-exceeded": ("fatal", 403, "declined", ""),
    "insufficient": ("fatal", 403, "declined", ""),
    "illegal-transition": ("conflict", 409, "illegal-transition", "The lifecycle does not allow this change."),
}

# What looks alike has one body (95-refusals, What a peer sees), so these titles belong to what is seen.
_SHARED_TITLES = {
    "evidence-refused": "The evidence does not prove this request.",
    "declined": "The issuer declines.",
    "request-closed": "The card request is closed.",
    "try-later": "The issuer cannot do this now.",
}

# Answers that are not kept under an idempotency key (90-wire, Headers).
_NOT_STORED = {"malformed", "stale-time", "bad-signature", "in-progress", "try-later"}


class Refusal(Exception):
    """A "no" with a name. Whoever raises it has changed nothing yet."""

    def __init__(self, name, detail=None):
        super().__init__(name)
        self.name = name
        self.seen = _TABLE[name][2]
        self.status = _TABLE[name][1]
        self.detail = detail

    @property
    def is_stored(self):
        """Whether a repeat of the message gets this very answer."""
        return self.status < 500 and self.seen not in _NOT_STORED

    @property
    def is_declined(self):
        """Whether it settles a debit or a tap for good."""
        return self.seen == "declined"

    def problem(self):
        """Status and body of the problem document."""
        cls, status, seen, meaning = _TABLE[self.name]
        document = {
            "type": f"urn:kaika:problem:{seen}",
            "title": _SHARED_TITLES.get(seen, meaning),
            "status": status,
            "code": seen,
            "class": cls,
        }
        if self.detail and seen not in _SHARED_TITLES:
            document["detail"] = self.detail
        return status, json.dumps(document).encode()
