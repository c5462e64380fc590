"""Who the issuer knows, and which proof a card request needs (20-apply)."""

from .digests import applicant_digest
from .issuer import fresh_code, fresh_id, person_of
from .limits import ELIGIBILITY_TTL_MS
from .refusals import Refusal
from .store import Customer, Decision


def enrol(issuer, call):
    customers = issuer.store.customers
    person = person_of(call.body["applicant"])
    if person in customers:
        raise Refusal("already-enrolled")
    customer_id = fresh_code("U", ())
    customers[person] = Customer(customer_id, call.body["applicant"], call.body["phone"])
    return 201, {"customer_id": customer_id}


def change_phone(issuer, call):
    """A new version of the phone voids what was decided on the one before (MNG-10, ISS-4)."""
    customer = issuer.store.customers.get(person_of(call.body))
    if customer is None:
        raise Refusal("unknown-customer")
    customer.phone = call.body["phone"]
    customer.phone_version += 1
    return 200, {"phone_version": customer.phone_version}


def block(issuer, call):
    blocked = issuer.store.blocked
    (blocked.add if call.body["blocked"] else blocked.discard)(person_of(call.body))
    return 200, {"blocked": call.body["blocked"]}


def decide(issuer, call):
    """APP-9: the branch comes from the customer file and the applicant, and from nothing else."""
    body, store = call.body, issuer.store
    outcome = store.outcomes.get(body["request_id"])
    if outcome is not None:
        raise Refusal("request-tombstoned" if outcome.state == "tombstoned" else "wrong-order")
    customer = store.customers.get(person_of(body["applicant"]))
    if person_of(body["applicant"]) in store.blocked:
        raise Refusal("ineligible")
    if customer is not None and customer.applicant != body["applicant"]:
        raise Refusal("ineligible")
    decision = Decision(
        fresh_id(), body["request_id"], body["request_context"], applicant_digest(body["applicant"]), body["product"],
        "known-customer" if customer else "first-card",
        customer and customer.customer_id, customer and customer.phone_version,
        issuer.clock.now() + ELIGIBILITY_TTL_MS)
    store.decisions[decision.eligibility_id] = decision
    answer = {"branch": decision.branch, "eligibility_id": decision.eligibility_id, "expires_at": decision.expires_at}
    if customer:
        answer |= {"phone": customer.phone, "phone_version": customer.phone_version}
    return 200, answer


def preverify(issuer, applicant):
    """The issuer's own checks of a person (ISS-8)."""
    if person_of(applicant) in issuer.store.blocked:
        raise Refusal("preverify-failed")
