"""The digests and the message MAC of 90-wire."""

import hashlib
import hmac


def lv(text):
    """A two-byte big-endian length and the UTF-8 of `text`."""
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _digest(label, *parts):
    return hashlib.sha256(label + b"".join(lv(part) for part in parts)).hexdigest()


def applicant_digest(applicant):
    return _digest(b"kaika/applicant/1", applicant["name"], applicant["id_type"], applicant["id_no"],
                   applicant["id_valid_to"])


def order_digest(debit):
    """The issuer's own digest of the order behind a debit; the debit id is the order id."""
    return _digest(b"kaika/order/1", debit["debit_id"], debit["account_id"], debit["payee"],
                   str(debit["amount_minor"]), debit["currency"], str(debit["expires_at"]), debit["nonce"])


def phone_digest(phone):
    return _digest(b"kaika/phone/1", phone)


def pay_digest(order, card_code):
    return _digest(b"kaika/pay/1", order, card_code)


def message_mac(key, caller, method, path, time, idempotency_key, body):
    """`Kaika-Mac`: everything that says who asks for what, when and under which key, and the body."""
    head = "\n".join((caller, method, path, time, idempotency_key, "")).encode()
    return hmac.digest(key, head + body, "sha256").hex()
