//! Where a limit begins and ends, to the millisecond and to the try; and which budget counts what.

use super::*;

#[test]
fn a_code_is_good_until_its_last_millisecond() {
    let mut bench = bench();
    let (otp_id, code) = bench.with_code();
    bench.now += limit::OTP_TTL_MS;
    assert_eq!(bench.otp(&otp_id, &code), Ok(json!({"next": "issue"})));
}

#[test]
fn a_code_is_sent_again_after_the_whole_pause() {
    let mut bench = bench();
    bench.with_code();
    let path = bench.at("otp/resend");
    bench.now += limit::OTP_RESEND_MS - 1;
    assert_eq!(bench.post(&path, &json!({})), Err(Refusal::RateLimited));
    bench.now += 1;
    assert!(bench.post(&path, &json!({})).is_ok());
}

#[test]
fn a_lock_lasts_to_its_last_millisecond() {
    let mut bench = bench();
    for _ in 0..limit::PASSWORD_TRIES_MAX {
        let said = bench.password("alice", "apply", &SaltedPassword::new([8; 32]));
        assert_eq!(said, Err(Refusal::BadPassword));
    }
    bench.now += limit::PASSWORD_LOCK_MS - 1;
    assert_eq!(
        bench.password("alice", "apply", &salted()),
        Err(Refusal::AccountLocked)
    );
}

#[test]
fn only_wrong_passwords_in_a_row_lock() {
    let mut bench = bench();
    for _ in 0..2 {
        for _ in 1..limit::PASSWORD_TRIES_MAX {
            let said = bench.password("alice", "apply", &SaltedPassword::new([8; 32]));
            assert_eq!(said, Err(Refusal::BadPassword));
        }
        assert!(bench.password("alice", "apply", &salted()).is_ok());
    }
}

#[test]
fn a_request_and_an_order_live_to_their_last_millisecond() {
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered(&mut bench, &salted());
    bench.now += limit::ORDER_TTL_MS - 1;
    assert!(bench.post(&format!("{order}/pay"), &payment).is_ok());

    bench.now = NOW;
    bench.with_code();
    bench.now += limit::REQUEST_TTL_MS - 1;
    let said = bench.post(&bench.at("cancel"), &json!({}));
    assert_eq!(said, Ok(json!({"next": "cancelled"})));
}

#[test]
fn a_policy_is_good_until_its_last_millisecond() {
    let mut bench = bench();
    let policy = with_policy(&mut bench);
    bench.now += limit::POLICY_TTL_MS - 1;
    let said = bench.post(&bench.at("frames"), &video(&policy));
    assert_eq!(said, Ok(json!({"next": "issue"})));
}

#[test]
fn every_earlier_code_is_superseded() {
    let mut bench = bench();
    let (first, code) = bench.with_code();
    for _ in 1..limit::OTP_SENDS_MAX {
        bench.now += limit::OTP_RESEND_MS;
        assert!(bench.post(&bench.at("otp/resend"), &json!({})).is_ok());
    }
    let before = bench.rows.clone();
    assert_eq!(bench.otp(&first, &code), Err(Refusal::OtpSuperseded));
    assert_eq!(bench.rows, before);
}

/// Marks one budget as spent by others.
fn spent(bench: &mut Bench, budget: &str, count: u32) {
    let at = vec![bench.now; count as usize];
    let row = Write::put(rows::GUESSES, budget, &rows::Guesses { at });
    bench.rows.apply(&[row]);
}

#[test]
fn phone_account_and_person_have_a_budget_each() {
    let budgets = [
        format!("phone {PHONE}"),
        "account alice".into(),
        "person resident-id/1".into(),
    ];
    for budget in budgets {
        let mut bench = bench();
        let (otp_id, code) = bench.with_code();
        spent(&mut bench, &budget, limit::GUESS_BUDGET);
        assert_eq!(
            bench.otp(&otp_id, &code),
            Err(Refusal::OtpLocked),
            "{budget}"
        );
        spent(&mut bench, &budget, limit::GUESS_BUDGET - 1);
        assert!(bench.otp(&otp_id, &code).is_ok(), "{budget}");
    }
}

#[test]
fn a_wrong_code_counts_for_phone_account_and_person() {
    let mut bench = bench();
    let (otp_id, code) = bench.with_code();
    assert_eq!(bench.otp(&otp_id, &wrong(&code)), Err(Refusal::OtpWrong));
    for budget in [
        &format!("phone {PHONE}"),
        "account alice",
        "person resident-id/1",
    ] {
        let counted: rows::Guesses = read(&bench.rows, rows::GUESSES, budget).unwrap_or_default();
        assert_eq!(counted.at, [NOW], "{budget}");
    }
}

#[test]
fn a_video_has_its_actions_and_no_more_pictures_than_may_be() {
    let mut bench = bench();
    let policy = with_policy(&mut bench);
    let good = video(&policy);
    let actions = policy["actions"].as_array().cloned().unwrap_or_default();
    let different: std::collections::BTreeSet<_> = actions.iter().map(Value::to_string).collect();
    assert_eq!(different.len(), 3, "{actions:?}");
    let path = bench.at("frames");
    let frames = good["frames"].as_array().cloned().unwrap_or_default();
    for (frames, want) in [
        (frames[..2].to_vec(), Refusal::PolicyMismatch),
        (
            [&frames[..], &frames[..1]].concat(),
            Refusal::PolicyMismatch,
        ),
        (
            vec![frames[0].clone(); limit::FRAMES_MAX + 1],
            Refusal::Malformed,
        ),
    ] {
        let mut other = good.clone();
        other["frames"] = json!(frames);
        assert_eq!(bench.post(&path, &other), Err(want));
    }
    let mut other = good.clone();
    other["policy_id"] = json!(id(1));
    assert_eq!(bench.post(&path, &other), Err(Refusal::PolicyMismatch));
}

#[test]
fn an_account_is_enrolled_once() {
    let mut bench = bench();
    let body = json!({"account_id": "alice", "applicant": who(), "salt": id(9), "stored_key": hex::encode([9; 32])});
    assert_eq!(
        bench.post("/v1/accounts", &body),
        Err(Refusal::AlreadyEnrolled)
    );
    assert!(bench.password("alice", "apply", &salted()).is_ok());
}

#[test]
fn the_text_names_purpose_product_and_a_masked_account() {
    let mut bench = bench();
    let (_, code) = bench.with_code();
    let text = &bench.last_text;
    for part in ["apply", "debit", "***ce", &code] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("alice"), "{text}");
}

#[test]
fn the_terminal_sees_a_masked_phone() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let said = bench.post(&bench.at("applicant"), &json!({"applicant": who()}));
    let mask = said.map(|said| said["otp"]["phone_mask"].clone());
    assert_eq!(mask, Ok(json!("************01")));
}
