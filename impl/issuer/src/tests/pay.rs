//! Debits: once, by both surrogates, of a live card, and only by the evidence of its chip.

use kaika_crypto::digest;

use super::*;

fn debit(issued: &Value, debit: u8, amount: u64) -> Value {
    let ordered = json!({
        "debit_id": id(debit), "card_code": issued["card_code"], "agreement": issued["agreement"], "account_id": "alice",
        "payee": "shop", "amount_minor": amount, "currency": "156", "expires_at": NOW, "nonce": id(4),
    });
    authorised(ordered)
}

/// The same debit with digest and evidence of what it says.
fn authorised(mut debit: Value) -> Value {
    let text = |name: &str| debit[name].as_str().unwrap_or_default().to_owned();
    let order = digest::order(&digest::Order {
        order_id: &text("debit_id"),
        account_id: &text("account_id"),
        payee: &text("payee"),
        amount_minor: &debit["amount_minor"].to_string(),
        currency: &text("currency"),
        expires_at: &debit["expires_at"].to_string(),
        nonce: &text("nonce"),
    });
    let order = hex::encode(order);
    let over = digest::pay(&order, &text("card_code"));
    debit["order_digest"] = json!(order);
    debit["evidence"] = signed(SE_ID, Evidence::Payment, over);
    debit
}

#[test]
fn a_debit_is_exactly_once_and_needs_both_surrogates() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let good = debit(&issued, 1, 100);
    let with = |field: &str, value: &str| {
        let mut body = good.clone();
        body[field] = json!(value);
        body
    };
    assert_eq!(
        bench.verifier("/v1/debits", &with("card_code", "CAAAAAAAAAAAAAAAAAAAA")),
        Err(Refusal::UnknownCard)
    );
    let mut strange = with("agreement", "AAAAAAAAAAAAAAAAAAAAA");
    strange["debit_id"] = json!(id(9));
    for _ in 0..2 {
        assert_eq!(
            bench.verifier("/v1/debits", &strange),
            Err(Refusal::AgreementMismatch)
        );
    }
    let state = bench.get(&format!("/v1/debits/{}", id(9)));
    assert_eq!(state["state"], "declined");
    for number in ["6299000000000000", "6288000000000000"] {
        assert_eq!(
            bench.verifier("/v1/debits", &with("card_code", number)),
            Err(Refusal::Malformed)
        );
        assert_eq!(
            bench.verifier("/v1/debits", &with("agreement", number)),
            Err(Refusal::Malformed)
        );
    }
    let first = bench.verifier("/v1/debits", &good);
    assert_eq!(first.as_ref().map(|said| said.0), Ok(201));
    let rows = bench.rows.clone();
    assert_eq!(bench.verifier("/v1/debits", &good), first);
    assert_eq!(bench.rows, rows);
    assert_eq!(
        bench.verifier("/v1/debits", &with("payee", "other")),
        Err(Refusal::IdempotencyConflict)
    );
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 2, 99_999_999)),
        Err(Refusal::Insufficient)
    );
    assert_eq!(
        bench.get(&format!("/v1/debits/{}", id(2)))["state"],
        "declined"
    );
    let entries = bench.rows.table(rows::POSTINGS).count();
    assert_eq!(entries, 1);
}

#[test]
fn a_debit_in_another_currency_is_declined_and_stays_so() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let mut asked = debit(&issued, 1, 100);
    asked["currency"] = json!("840");
    let asked = authorised(asked);
    for _ in 0..2 {
        assert_eq!(
            bench.verifier("/v1/debits", &asked),
            Err(Refusal::DomainViolation)
        );
    }
    let state = bench.get(&format!("/v1/debits/{}", id(1)));
    assert_eq!(state["state"], "declined");
    assert_eq!(bench.rows.table(rows::POSTINGS).count(), 0);
}

#[test]
fn a_reversal_is_exactly_once_and_may_come_first() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let path = |debit: u8| format!("/v1/debits/{}/reverse", id(debit));
    assert!(
        bench
            .verifier("/v1/debits", &debit(&issued, 1, 100))
            .is_ok()
    );
    assert_eq!(
        bench.verifier(&path(1), &json!({"amount_minor": 99})),
        Err(Refusal::ReversalMismatch)
    );
    assert_eq!(
        bench
            .verifier(&path(1), &json!({"amount_minor": 100}))
            .map(|said| said.1["state"].clone()),
        Ok(json!("reversed"))
    );
    assert_eq!(
        bench.verifier(&path(1), &json!({"amount_minor": 100})),
        Err(Refusal::AlreadyReversed)
    );
    assert_eq!(
        bench
            .verifier(&path(2), &json!({"amount_minor": 100}))
            .map(|said| said.1["state"].clone()),
        Ok(json!("tombstoned"))
    );
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 2, 100)),
        Err(Refusal::DebitTombstoned)
    );
    let posted: Vec<rows::Posting> = bench
        .rows
        .table(rows::POSTINGS)
        .filter_map(|(_, row)| serde_json::from_slice(row).ok())
        .collect();
    assert_eq!(posted.len(), 2);
    assert!(posted.iter().all(|posting| posting.currency == "156"));
    assert_eq!(posted[0].amount_minor, posted[1].amount_minor);
    let card = bench.get(&format!(
        "/v1/cards/{}",
        issued["card_code"].as_str().unwrap_or_default()
    ));
    assert_eq!(card["available_minor"], kaika_spec::limit::CARD_LIMIT_MINOR);
}

#[test]
fn blocked_lost_and_terminated_cards_are_not_debited() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let status = format!(
        "/v1/cards/{}/status",
        issued["card_code"].as_str().unwrap_or_default()
    );
    let set =
        |bench: &mut Bench, to: &str| bench.operator(&status, &json!({"status": to})).map(|_| ());
    assert_eq!(set(&mut bench, "blocked"), Ok(()));
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 1, 1)),
        Err(Refusal::CardNotActive)
    );
    assert_eq!(set(&mut bench, "active"), Ok(()));
    assert!(bench.verifier("/v1/debits", &debit(&issued, 2, 1)).is_ok());
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 1, 1)),
        Err(Refusal::CardNotActive),
        "declined stays declined"
    );
    let agreement = issued["agreement"].as_str().unwrap_or_default();
    assert!(
        bench
            .verifier(&format!("/v1/agreements/{agreement}/terminate"), &json!({}))
            .is_ok()
    );
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 3, 1)),
        Err(Refusal::AgreementTerminated)
    );
    assert_eq!(set(&mut bench, "lost"), Ok(()));
    assert_eq!(
        bench.verifier("/v1/debits", &debit(&issued, 4, 1)),
        Err(Refusal::CardNotActive)
    );
    for to in ["active", "blocked", "closed"] {
        assert_eq!(set(&mut bench, to), Err(Refusal::IllegalTransition), "{to}");
    }
}

#[test]
fn cards_and_debits_name_what_was_signed() {
    //= spec/40-issue.md#iss-22-a-card-names-its-consent
    //= type=test
    //# The issuer MUST store the consent with the outcome of the request that it made a card for.
    //= spec/70-pay.md#pay-18-a-debit-names-its-evidence
    //= type=test
    //# The issuer MUST store the evidence with every debit that it posts or declines.
    let mut bench = bench();
    let issued = bench.issued(1);
    let kept = |bench: &Bench| {
        let outcome: Option<rows::Outcome> =
            kaika_wire::core::read(&bench.rows, rows::OUTCOMES, &id(1));
        outcome.and_then(|outcome| outcome.consent)
    };
    assert_eq!(kept(&bench).map(Value::from), Some(consent(1)));
    for (number, amount) in [(1, 100), (2, 99_999_999)] {
        let asked = debit(&issued, number, amount);
        let posted = bench.verifier("/v1/debits", &asked).is_ok();
        assert_eq!(posted, number == 1);
        let row: Option<rows::Debit> =
            kaika_wire::core::read(&bench.rows, rows::DEBITS, &id(number));
        let evidence = row.and_then(|row| row.evidence).map(Value::from);
        assert_eq!(evidence.as_ref(), Some(&asked["evidence"]));
    }
    let undo = format!("/v1/issue/{}/compensate", id(1));
    assert!(bench.verifier(&undo, &json!({})).is_ok());
    assert_eq!(kept(&bench).map(Value::from), Some(consent(1)));
}

#[test]
fn a_debit_that_the_chip_did_not_sign_is_declined_and_stays_so() {
    //= spec/70-pay.md#pay-17-the-chip-authorises
    //= type=test
    //# The issuer MUST refuse a debit unless its evidence verifies, over the card code and the order digest that the issuer
    //# computed from the debit itself, under the receipt key of the card's chip.
    let mut bench = bench();
    let issued = bench.issued(1);
    let good = debit(&issued, 1, 100);
    let spoilt = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let order: [u8; 32] = hex::decode(good["order_digest"].as_str().unwrap_or_default())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_default();
    let card = issued["card_code"].as_str().unwrap_or_default();
    let over = digest::pay(&hex::encode(order), card);
    let elsewhere = digest::pay(&hex::encode(order), "CAAAAAAAAAAAAAAAAAAAA");
    let another = debit(&issued, 2, 100);
    let mut dearer = spoilt("amount_minor", json!(101));
    dearer["order_digest"] = debit(&issued, 1, 101)["order_digest"].clone();
    for (what, wrong) in [
        ("nothing", spoilt("evidence", json!(id(0)))),
        (
            "another order's",
            spoilt("evidence", another["evidence"].clone()),
        ),
        (
            "the order alone",
            spoilt("evidence", signed(SE_ID, Evidence::Payment, order)),
        ),
        (
            "a consent",
            spoilt("evidence", signed(SE_ID, Evidence::Consent, over)),
        ),
        (
            "another chip's",
            spoilt("evidence", signed([9; 8], Evidence::Payment, over)),
        ),
        (
            "another card's",
            spoilt("evidence", signed(SE_ID, Evidence::Payment, elsewhere)),
        ),
        (
            "a digest of another order",
            spoilt("order_digest", another["order_digest"].clone()),
        ),
        ("another amount", spoilt("amount_minor", json!(101))),
        ("another amount and its digest", dearer),
        ("another payee", spoilt("payee", json!("elsewhere"))),
        ("another account", spoilt("account_id", json!("bob"))),
        ("another end", spoilt("expires_at", json!(NOW + 1))),
        ("another nonce", spoilt("nonce", json!(id(5)))),
        ("another id", spoilt("debit_id", json!(id(7)))),
    ] {
        let mut bench = Bench {
            issuer: Issuer::new(config()),
            rows: bench.rows.clone(),
            dice: Dice::new([6; 32]),
            now: NOW,
        };
        let said = bench.verifier("/v1/debits", &wrong);
        assert_eq!(said, Err(Refusal::PaymentEvidenceInvalid), "{what}");
        let path = format!(
            "/v1/debits/{}",
            wrong["debit_id"].as_str().unwrap_or_default()
        );
        assert_eq!(bench.get(&path)["state"], "declined", "{what}");
        assert_eq!(bench.rows.table(rows::POSTINGS).count(), 0, "{what}");
        assert_eq!(
            bench.verifier("/v1/debits", &wrong),
            Err(Refusal::PaymentEvidenceInvalid),
            "{what}"
        );
    }
    // Before the balance: what the card has left is not told to whoever has no chip.
    let mut dear = debit(&issued, 3, 99_999_999);
    dear["evidence"] = json!(id(0));
    let said = bench.verifier("/v1/debits", &dear);
    assert_eq!(said, Err(Refusal::PaymentEvidenceInvalid));
    assert_eq!(
        bench.verifier("/v1/debits", &good).map(|said| said.0),
        Ok(201)
    );
}
