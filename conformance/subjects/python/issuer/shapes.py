"""The forms of the bodies (90-wire, openapi/issuer.yaml): what is missing, unknown, repeated or wrongly typed is `malformed`."""

import datetime
import json
import re

from .limits import AMOUNT_MAX_MINOR, APDU_MAX, BULK_MINT_MAX, SAFE_INTEGER_MAX
from .refusals import Refusal


def _malformed(where, what):
    return Refusal("malformed", f"{where}: {what}")


def _once(pairs):
    body = {}
    for name, value in pairs:
        if name in body:
            raise _malformed(name, "repeated")
        body[name] = value
    return body


def _no_constant(name):
    raise _malformed("body", f"{name} is not JSON")


def read_body(data, form):
    """The JSON object in `data`, when it has the form `form`."""
    try:
        body = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _malformed("body", "not a JSON object") from None
    form(body, "body")
    return body


def text(pattern):
    """A string that matches `pattern` from end to end."""
    compiled = re.compile(pattern)

    def check(value, where):
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise _malformed(where, "not of its form")
    return check


def integer(least, most):
    def check(value, where):
        if type(value) is not int or not least <= value <= most:
            raise _malformed(where, "not an integer in its bounds")
    return check


def boolean(value, where):
    if type(value) is not bool:
        raise _malformed(where, "not true or false")


def nullable(form):
    def check(value, where):
        if value is not None:
            form(value, where)
    return check


def array(form, most=None):
    def check(value, where):
        if not isinstance(value, list):
            raise _malformed(where, "not an array")
        if most is not None and len(value) > most:
            raise _malformed(where, f"more than {most}")
        for index, item in enumerate(value):
            form(item, f"{where}[{index}]")
    return check


def fields(**forms):
    """An object with exactly these fields."""
    def check(value, where):
        if not isinstance(value, dict):
            raise _malformed(where, "not an object")
        for name in value:
            if name not in forms:
                raise _malformed(name, "unknown field")
        for name, form in forms.items():
            if name not in value:
                raise _malformed(name, "missing")
            form(value[name], name)
    return check


def tagged(tag, **forms):
    """An object whose field `tag` says which of these forms it has."""
    def check(value, where):
        if not isinstance(value, dict):
            raise _malformed(where, "not an object")
        kind = value.get(tag)
        if not isinstance(kind, str) or kind not in forms:
            raise _malformed(tag, "none of " + ", ".join(forms))
        forms[kind](value, where)
    return check


def _date(value, where):
    _DATE_FORM(value, where)
    year, month, day = (int(part) for part in value.split("-"))
    try:
        datetime.date(year % 400 + 2000, month, day)  # The calendar repeats after 400 years, and has a year 0.
    except ValueError:
        raise _malformed(where, "no such day") from None


_DATE_FORM = text("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"

hex16 = text("[0-9a-f]{32}")
hex32 = text("[0-9a-f]{64}")
identifier = hex16
se_id = text("[0-9a-f]{16}")
name64 = text("[A-Za-z0-9._-]{1,64}")
card_code = text("C[A-Z2-7]{20}")
agreement = text("A[A-Z2-7]{20}")
currency = text("[0-9]{3}")
phone = text(r"\+?[0-9]{5,20}")
id_type = text("resident-id|passport")
id_no = text(_PRINTABLE + "{1,32}")
millis = integer(0, SAFE_INTEGER_MAX)
amount = integer(1, AMOUNT_MAX_MINOR)
suspender = text("user|wallet|issuer|fraud")
apdu = text("(?:[0-9a-f]{2}){0,%d}" % APDU_MAX)

applicant = fields(name=text(_PRINTABLE + "{1,64}"), id_type=id_type, id_no=id_no, id_valid_to=_date)
empty = fields()
customer_enrol = fields(applicant=applicant, phone=phone)
phone_change = fields(id_type=id_type, id_no=id_no, phone=phone)
block = fields(id_type=id_type, id_no=id_no, blocked=boolean)
eligibility_ask = fields(request_id=identifier, request_context=hex32, applicant=applicant, product=name64)
evidence = tagged(
    "kind",
    otp=fields(kind=text("otp"), otp_id=hex16, phone_digest=hex32, phone_version=millis, verified_at=millis),
    identity=fields(kind=text("identity"), reference=hex16),
)
issue_ask = fields(request_id=identifier, request_context=hex32, eligibility_id=identifier, applicant=applicant,
                   product=name64, account_id=name64, device_id=name64, se_id=se_id, evidence=evidence, consent=hex16)
token_provision = fields(binding_id=nullable(identifier), se_id=se_id, session=nullable(identifier),
                         responses=array(apdu))
token_wanted = fields(card_code=card_code, se_id=se_id, request_context=hex32, consent=hex16)
tokens_ask = fields(tokens=array(token_wanted, BULK_MINT_MAX))
token_by = fields(by=suspender)
debit_ask = fields(debit_id=identifier, card_code=card_code, agreement=agreement, account_id=name64, payee=name64,
                   amount_minor=amount, currency=currency, expires_at=millis, nonce=hex16, order_digest=hex32,
                   evidence=hex16)
reverse_ask = fields(amount_minor=amount)
card_status = fields(status=text("active|blocked|lost|stolen|closed"))
score = integer(0, 1000)
scored = fields(reference=hex16, request_context=hex32, applicant_digest=hex32, live_record=score,
                photo_record=score, text_record=score, decided_at=millis)
