//! No card without the consent of its chip.

use super::*;

#[test]
fn no_card_without_the_consent_of_its_chip_to_this_request() {
    //= spec/40-issue.md#iss-21-the-chip-consents
    //= type=test
    //# The issuer MUST refuse to issue unless the consent verifies, over the request context, under the receipt key of the
    //# chip that the message names.
    let other = [9; 8];
    for wrong in [
        json!(id(0)),
        consent(2),
        signed(SE_ID, Evidence::Payment, [1; 32]),
        signed(other, Evidence::Consent, [1; 32]),
    ] {
        check("/consent", wrong, Refusal::ConsentInvalid);
    }
    check("/se_id", json!(hex::encode(other)), Refusal::ConsentInvalid);
}

#[test]
fn consent_is_ranked_after_the_kind_and_before_the_proof() {
    let mut bench = bench();
    let mut message = bench.message(1);
    message["consent"] = json!(id(0));
    message["evidence"]["phone_version"] = json!(7);
    let said = bench.verifier("/v1/issue", &message);
    assert_eq!(said, Err(Refusal::ConsentInvalid));
    message["evidence"] = json!({"kind": "identity", "reference": id(7)});
    let said = bench.verifier("/v1/issue", &message);
    assert_eq!(said, Err(Refusal::EvidenceKindMismatch));
}

#[test]
fn without_consent_no_score_is_asked_for() {
    let mut bench = bench();
    let decision = bench.decided(1, "bob");
    let message = json!({
        "request_id": id(1), "request_context": context(1), "eligibility_id": decision["eligibility_id"],
        "applicant": who("bob"), "product": "debit", "account_id": "bob", "device_id": "phone", "se_id": hex::encode(SE_ID),
        "evidence": {"kind": "identity", "reference": id(7)}, "consent": consent(2),
    });
    let said = bench.verifier("/v1/issue", &message);
    assert_eq!(said, Err(Refusal::ConsentInvalid));
}
