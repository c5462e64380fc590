//! What the issuer is told: by the verifier, its operator, the shop, and through its identity system.

use kaika_model::role::issuer::{Card, Input, Issuer, Output, Posting, Request, Session, State};
use kaika_model::{Outcome, Verdict};
use kaika_spec::{Branch, Refusal, TokenState, limit};
use serde_json::{Value, json};

use crate::faults::{Fault, Flow, Race};
use crate::fields::{Bound, Message};
use crate::script::{
    Expected, Scene, Script, advance, bind, concat, digits, evidence, fields, fresh, get, known,
    named, post, stranger,
};

mod beside;
mod debit;
mod messages;
mod provision;
mod scenes;
mod tap;
mod unsigned;
mod upset;
mod vault;
mod wire;

use debit::debited;
use provision::provisioned;
use tap::tapped;

/// The templates of the issuer.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

const KNOWN: &str = "known-customer";
const FIRST: &str = "first-card";
/// What every debit and tap is over, minor units.
const AMOUNT: u64 = 1250;

impl Script for Templates {
    type M = Issuer;
    const ROLE: &'static str = "issuer";
    const REQUIREMENTS: &'static [&'static str] = &["WIR-9"];

    fn scenes() -> Vec<Scene> {
        scenes::scenes()
    }

    /// What is left of a card and its money after ways that end where shorter ones do.
    fn detours() -> Vec<(&'static str, Vec<Input>)> {
        let made = [Input::EligibilityKnown, Input::IssueOtp];
        let way = |rest: &[Input]| [&made[..], rest].concat();
        let tapped = |rest: &[Input]| {
            let active = [
                Input::ProvisionStart,
                Input::ProvisionAnswers,
                Input::ProvisionReceipt,
            ];
            [&made[..], &active, rest].concat()
        };
        let ends = [
            Input::CardQuery,
            Input::CardLost,
            Input::CardActive,
            Input::Debit,
        ];
        let mut all: Vec<(&'static str, Vec<Input>)> = ends
            .iter()
            .map(|end| ("pay", way(&[Input::Compensate, *end])))
            .collect();
        all.extend([
            (
                "issue",
                vec![
                    Input::EligibilityKnown,
                    Input::AdvanceEligibilityAlmost,
                    Input::IssueOtp,
                ],
            ),
            (
                "issue",
                vec![
                    Input::EligibilityKnown,
                    Input::BlockPerson,
                    Input::UnblockPerson,
                    Input::IssueOtp,
                ],
            ),
            ("pay", way(&[Input::CardClosed, Input::Debit])),
            (
                "pay",
                way(&[Input::CardLost, Input::Compensate, Input::CardLost]),
            ),
            (
                "pay",
                way(&[Input::Debit, Input::DebitAgain, Input::CardQuery]),
            ),
            (
                "pay",
                way(&[Input::Debit, Input::DebitRepeat, Input::CardQuery]),
            ),
            (
                "tap",
                tapped(&[Input::Tap, Input::TapRepeat, Input::CardQuery]),
            ),
        ]);
        all
    }

    fn setup(inputs: &[Input]) -> Vec<String> {
        let mut parts = vec!["setup".to_owned()];
        if inputs.contains(&Input::EligibilityKnown) {
            parts.push("customer".to_owned());
        }
        parts
    }

    fn flows() -> Vec<Flow<Input>> {
        upset::flows()
    }

    fn faults() -> &'static [Fault] {
        &[
            Fault::Lost,
            Fault::Both,
            Fault::Line,
            Fault::Restart,
            Fault::Late,
        ]
    }

    fn races() -> Vec<Race<Input>> {
        upset::races()
    }

    fn messages() -> Vec<Message<Input>> {
        messages::all()
    }

    fn bound() -> &'static [Bound] {
        messages::BOUND
    }

    /// Whether the person is a customer is arranged first.
    fn tells(input: &Input) -> bool {
        *input != Input::EligibilityKnown
    }

    /// Another card of the person, another amount, two taps: the machine knows of one card and one tap.
    fn leaves(way: &[Input], input: &Input) -> bool {
        let others = [
            Input::IssueQuotaFull,
            Input::IssueQuotaBlocked,
            Input::TapAtLimit,
        ];
        others.contains(input) || *input == Input::Tap && way.contains(input)
    }

    fn part(state: &State, input: &Input) -> String {
        let branch = match state.request {
            Request::Decided(Branch::FirstCard) | Request::Stale(Branch::FirstCard) => FIRST,
            _ => KNOWN,
        };
        match input {
            Input::IssueApplicantChanged
            | Input::IssueContextChanged
            | Input::IssueEligibilityUnknown
            | Input::IssueConsentWrong
            | Input::IssueEligibilityOther => format!("{input}/{branch}"),
            Input::IssueIdentity if branch == FIRST && !state.blocked => {
                format!("{input}/{branch}")
            }
            _ => input.to_string(),
        }
    }

    fn steps(part: &str) -> Vec<Value> {
        let (name, branch) = part.split_once('/').unwrap_or((part, KNOWN));
        match name {
            "setup" => setup(),
            "customer" => vec![customer("applicant", "phone")],
            _ => match Input::from_name(name) {
                Some(input) => said(input, branch),
                None => vault::said(name).unwrap_or_default(),
            },
        }
    }

    fn expected(state: &State, input: &Input, outcome: &Outcome<State, Output>) -> Expected {
        let iso = (Input::Tap..=Input::TapReverse).contains(input);
        let next = &outcome.next;
        match outcome.verdict {
            Verdict::Refuse(refusal) if iso => Expected {
                accept: fields(&declined(iso_code(refusal))),
                ..Expected::default()
            },
            Verdict::Refuse(refusal) => Expected {
                refuse: Some(refusal.name().to_owned()),
                ..Expected::default()
            },
            _ => Expected {
                accept: outcome
                    .out
                    .last()
                    .and_then(|out| told(state, next, input, *out)),
                ..Expected::default()
            },
        }
    }

    fn needs(input: &Input) -> Option<&'static str> {
        matches!(
            input,
            Input::AdvanceEligibility
                | Input::AdvanceEligibilityAlmost
                | Input::AdvanceInactive
                | Input::AdvanceInactiveAlmost
                | Input::AdvanceActive
        )
        .then_some("hook:clock")
    }
}

const fn iso_code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownToken => "14",
        Refusal::Malformed => "30",
        Refusal::Insufficient => "51",
        Refusal::TokenExpired => "54",
        Refusal::DomainViolation => "57",
        Refusal::LimitExceeded => "61",
        Refusal::CardNotActive | Refusal::TokenNotActive => "62",
        Refusal::CryptogramBad | Refusal::AtcReplay => "82",
        Refusal::IdempotencyConflict => "94",
        _ => "05",
    }
}

/// The answer to a tap that is declined: with a proof when the cryptogram was verified, and else without.
fn declined(code: &str) -> Value {
    let proof = match code {
        "51" | "61" => known("tap.decline"),
        _ => json!({"$absent": null}),
    };
    json!({"39": code, "55": proof})
}

/// The fields of an answer that depend on the state; nothing when the part says it.
fn told(
    state: &State,
    next: &State,
    input: &Input,
    out: Output,
) -> Option<std::collections::BTreeMap<String, Value>> {
    let value = match (input, out) {
        (Input::Query, Output::OutcomeNone) => json!({"outcome": "none", "card_code": null}),
        (Input::Query, Output::OutcomeTombstoned) => json!({"outcome": "tombstoned"}),
        (Input::Query, _) => json!({
            "outcome": "issued", "card_code": known("card_code"), "agreement": known("agreement"),
            "token_ref": known("token_ref"), "token_state": state.token.map(TokenState::name),
        }),
        (Input::Compensate, Output::Deleted) => json!({"outcome": "deleted"}),
        (Input::Compensate, _) => json!({"outcome": "tombstoned"}),
        (
            Input::ProvisionStart | Input::ProvisionAnswers | Input::ProvisionReceipt,
            Output::TokenActive,
        ) if state.session != Session::Scripted => {
            json!({"state": "active", "session": null, "commands": []})
        }
        (Input::DebitQuery, Output::DebitPosted) => {
            json!({"state": "posted", "auth_code": known("auth_code")})
        }
        (Input::DebitQuery, Output::DebitReversed) => json!({"state": "reversed"}),
        (Input::DebitQuery, _) => json!({"state": debit_state(out), "auth_code": null}),
        (Input::CardQuery, _) => json!({
            "card_code": known("card_code"), "status": card_status(state.card), "available_minor": available(state),
        }),
        (Input::Reverse, Output::Reversed) => json!({"state": "reversed"}),
        (Input::Reverse, _) => json!({"state": "tombstoned"}),
        (
            Input::SuspendUser
            | Input::SuspendIssuer
            | Input::ResumeUser
            | Input::ResumeIssuer
            | Input::TokenQuery,
            _,
        ) => json!({
            "token_ref": known("token_ref"), "state": next.token.map(TokenState::name), "suspended_by": suspenders(next),
        }),
        _ => return None,
    };
    fields(&value)
}

fn suspenders(state: &State) -> Vec<&'static str> {
    let all = [(state.by_user, "user"), (state.by_issuer, "issuer")];
    all.into_iter()
        .filter_map(|(suspends, name)| suspends.then_some(name))
        .collect()
}

const fn card_status(card: Card) -> &'static str {
    match card {
        Card::None | Card::Active => "active",
        Card::Blocked => "blocked",
        Card::Lost => "lost",
        Card::Closed => "closed",
    }
}

/// What may still be spent: no shortest way debits or taps twice.
fn available(state: &State) -> u64 {
    let taken = |posting: Posting| {
        if posting == Posting::Posted {
            AMOUNT
        } else {
            0
        }
    };
    limit::CARD_LIMIT_MINOR - taken(state.debit) - taken(state.tap)
}

const fn debit_state(out: Output) -> &'static str {
    match out {
        Output::DebitPosted => "posted",
        Output::DebitDeclined => "declined",
        Output::DebitReversed => "reversed",
        Output::DebitTombstoned => "tombstoned",
        _ => "none",
    }
}

fn phone() -> Value {
    concat(json!(["+861", digits(10)]))
}

fn setup() -> Vec<Value> {
    let code = |first: &str| json!(format!("{first}AAAAAAAAAAAAAAAAAAAA"));
    let mut steps = vec![named("applicant", stranger()), named("phone", phone())];
    for (name, len) in [
        ("request_id", 16),
        ("request_context", 32),
        ("eligibility_id", 16),
        ("token_ref", 16),
        ("binding_id", 16),
        ("debit_id", 16),
        ("order_digest", 32),
        ("order_nonce", 16),
        ("se_id", 8),
        ("otp_id", 16),
        ("session", 16),
    ] {
        steps.push(named(name, fresh(len)));
    }
    steps.extend([
        named("verified_at", json!({"$now": null})),
        named("consent", evidence("consent", known("request_context"))),
        named("phone_version", json!(1)),
        named("commands", json!([])),
        named("auth_code", json!("")),
        named("card_code", code("C")),
        named("agreement", code("A")),
        named("tap_rrn", digits(12)),
        named("tap_stan", digits(6)),
        named("amount", json!("000000001250")),
        named("tap_amount", known("amount")),
    ]);
    steps
}

fn customer(who: &str, phone: &str) -> Value {
    let body = json!({"applicant": known(who), "phone": known(phone)});
    post(
        "operator",
        "issuer",
        json!(["v1", "customers"]),
        body,
        json!({"customer_id": {"$any": null}}),
    )
}

fn eligibility(request: &str, context: &str, who: &str, accept: Value) -> Value {
    let body = json!({
        "request_id": known(request), "request_context": known(context), "applicant": known(who), "product": "gold",
    });
    post(
        "verifier",
        "issuer",
        json!(["v1", "eligibility"]),
        body,
        accept,
    )
}

fn otp_evidence(phone: &str) -> Value {
    json!({
        "kind": "otp", "otp_id": known("otp_id"),
        "phone_digest": {"$calc": {"fn": "phone-digest", "args": {"phone": known(phone)}}},
        "phone_version": known("phone_version"), "verified_at": known("verified_at"),
    })
}

/// An identity system's answer about a reference, and the evidence that names it.
fn reference(answer: Value) -> Vec<Value> {
    let mut arranged = json!({
        "op": "arrange", "at": "identity", "path": ["v1", "scores"], "having": known("reference"),
    });
    if let (Some(step), Some(answer)) = (arranged.as_object_mut(), answer.as_object()) {
        step.extend(answer.clone());
    }
    vec![named("reference", fresh(16)), arranged]
}

/// What the identity system says about the reference: live, photo and text record.
fn score(context: Value, records: [u16; 3]) -> Value {
    let [live, photo, text] = records;
    json!({"body": {
        "reference": known("reference"), "request_context": context,
        "applicant_digest": {"$calc": {"fn": "applicant-digest", "args": known("applicant")}},
        "live_record": live, "photo_record": photo, "text_record": text, "decided_at": {"$now": null},
    }})
}

/// A score that is just enough.
const ENOUGH: [u16; 3] = [limit::SCORE_MIN; 3];

fn issue(changes: &[(&str, Value)]) -> Vec<Value> {
    let mut body = json!({
        "request_id": known("request_id"), "request_context": known("request_context"),
        "eligibility_id": known("eligibility_id"), "applicant": known("applicant"), "product": "gold",
        "account_id": "account-1", "device_id": "device-1", "se_id": known("se_id"),
        "consent": known("consent"),
    });
    for (field, value) in changes {
        body[*field] = value.clone();
    }
    let mut sent = post(
        "verifier",
        "issuer",
        json!(["v1", "issue"]),
        known("try_body"),
        json!({
            "request_id": known("request_id"), "card_code": bind("card_code"), "agreement": bind("agreement"),
            "token_ref": bind("token_ref"), "token_state": "inactive",
        }),
    );
    sent["headers"] = json!({"Idempotency-Key": known("try_key")});
    vec![
        named("try_key", fresh(16)),
        named("try_body", body),
        sent,
        named("issue_key", known("try_key")),
        named("issue_body", known("try_body")),
    ]
}

/// An issue message that is right for the branch but for what is changed.
fn spoilt(branch: &str, field: &str, value: Value) -> Vec<Value> {
    if branch == FIRST {
        let evidence = json!({"kind": "identity", "reference": known("reference")});
        let mut steps = reference(score(known("request_context"), ENOUGH));
        steps.extend(issue(&[("evidence", evidence), (field, value)]));
        steps
    } else {
        issue(&[("evidence", otp_evidence("phone")), (field, value)])
    }
}

fn by_reference(answer: Value) -> Vec<Value> {
    let mut steps = reference(answer);
    steps.extend(issue(&[(
        "evidence",
        json!({"kind": "identity", "reference": known("reference")}),
    )]));
    steps
}

/// That the issuer asked for the score of this reference, request and applicant.
fn looked_up() -> Vec<Value> {
    let digest = json!({"$calc": {"fn": "applicant-digest", "args": known("applicant")}});
    let asked = |having: &str| json!({"op": "asked", "at": "identity", "path": "/v1/scores", "having": known(having), "times": 1});
    vec![
        named("applicant_digest", digest),
        asked("reference"),
        asked("request_context"),
        asked("applicant_digest"),
    ]
}

fn again(body: Value) -> Vec<Value> {
    let mut sent = post(
        "verifier",
        "issuer",
        json!(["v1", "issue"]),
        body,
        json!({"card_code": known("card_code"), "agreement": known("agreement"), "token_ref": known("token_ref")}),
    );
    sent["headers"] = json!({"Idempotency-Key": known("issue_key")});
    vec![sent]
}

/// The whole alphabet.
fn said(input: Input, branch: &str) -> Vec<Value> {
    match input {
        Input::EligibilityKnown
        | Input::EligibilityFirst
        | Input::EligibilityBlocked
        | Input::PhoneChange
        | Input::BlockPerson
        | Input::UnblockPerson
        | Input::AdvanceEligibility => decided(input),
        Input::IssueOtp
        | Input::IssueIdentity
        | Input::IssueApplicantChanged
        | Input::IssueContextChanged
        | Input::IssueProductChanged
        | Input::IssueEligibilityUnknown
        | Input::IssueEligibilityOther
        | Input::IssuePhoneOther
        | Input::IssueScoreLow
        | Input::IssuePhotoScoreLow
        | Input::IssueTextScoreLow
        | Input::IssueReferenceUnknown
        | Input::IssueReferenceReused
        | Input::IssueReferenceOther
        | Input::IssueQuotaFull
        | Input::IssueScoreClaimed
        | Input::IssueRepeat
        | Input::IssueKeyConflict
        | Input::Query
        | Input::Compensate => issued(input, branch),
        Input::IssueConsentMissing
        | Input::IssueConsentWrong
        | Input::IssueConsentOther
        | Input::IssueConsentPayment
        | Input::IssueChipSwapped
        | Input::DebitEvidenceMissing
        | Input::DebitEvidenceWrong
        | Input::DebitEvidenceOtherOrder
        | Input::DebitEvidenceOtherCard
        | Input::DebitEvidenceConsent
        | Input::DebitEvidenceOtherAmount
        | Input::DebitDigestOther => unsigned::said(input, branch),
        Input::ProvisionStart
        | Input::ProvisionAnswers
        | Input::ProvisionAnswersReceipted
        | Input::ProvisionBadCryptogram
        | Input::ProvisionReceipt
        | Input::ProvisionBadReceipt
        | Input::ProvisionReceiptMissing
        | Input::ProvisionReceiptStatus
        | Input::ProvisionOtherSession
        | Input::ProvisionAnswersShort
        | Input::ProvisionAnswersStatus
        | Input::ProvisionOtherChip
        | Input::ProvisionUnbound
        | Input::ProvisionOtherChipUnbound
        | Input::AdvanceInactive => provisioned(input),
        Input::Debit
        | Input::DebitRepeat
        | Input::DebitAgain
        | Input::DebitConflict
        | Input::DebitAgreementWrong
        | Input::DebitTokenAsCode
        | Input::DebitTokenAsAgreement
        | Input::DebitUnderIssueKey
        | Input::DebitUnknownCard
        | Input::DebitOverBalance
        | Input::DebitOtherCurrency
        | Input::DebitQuery
        | Input::Reverse
        | Input::ReverseMore
        | Input::ReverseWrongAmount => debited(input),
        Input::Tap
        | Input::TapAtLimit
        | Input::TapReplayedAtc
        | Input::TapOlderAtc
        | Input::TapBadCryptogram
        | Input::TapAmountDiffers
        | Input::TapCurrencyDiffers
        | Input::TapNotOnline
        | Input::TapVerdict
        | Input::TapNameReused
        | Input::TapWrongEntryMode
        | Input::TapOverLimit
        | Input::TapUnknownToken
        | Input::TapRepeat
        | Input::TapTombstoned
        | Input::TapReverse => tapped(input),
        Input::SuspendUser
        | Input::SuspendIssuer
        | Input::SuspendForged
        | Input::ResumeUser
        | Input::ResumeIssuer
        | Input::Delete
        | Input::CardBlocked
        | Input::CardActive
        | Input::CardLost
        | Input::CardClosed
        | Input::Terminate => managed(input),
        _ if (Input::WireRoute..=Input::WireWidest).contains(&input) => wire::said(input),
        _ => beside::said(input),
    }
}

fn blocked(who: &str, blocked: bool) -> Value {
    let person = |field: &str| known(&format!("{who}.{field}"));
    let body = json!({"id_type": person("id_type"), "id_no": person("id_no"), "blocked": blocked});
    post(
        "operator",
        "issuer",
        json!(["v1", "blocks"]),
        body,
        json!({ "blocked": blocked }),
    )
}

fn decided(input: Input) -> Vec<Value> {
    let known_branch = json!({
        "branch": KNOWN, "eligibility_id": bind("eligibility_id"), "phone": known("phone"),
        "phone_version": bind("phone_version"), "expires_at": {"$any": null},
    });
    let first = json!({"branch": FIRST, "eligibility_id": bind("eligibility_id"), "expires_at": {"$any": null}});
    match input {
        Input::EligibilityKnown => vec![eligibility(
            "request_id",
            "request_context",
            "applicant",
            known_branch,
        )],
        Input::EligibilityFirst => vec![eligibility(
            "request_id",
            "request_context",
            "applicant",
            first,
        )],
        Input::EligibilityBlocked => vec![
            named("other", stranger()),
            blocked("other", true),
            named("other_request", fresh(16)),
            eligibility("other_request", "request_context", "other", json!({})),
        ],
        Input::PhoneChange => {
            let body = json!({
                "id_type": "resident-id", "id_no": known("applicant.id_no"), "phone": known("new_phone"),
            });
            let path = json!(["v1", "customers", "phone"]);
            let sent = post(
                "operator",
                "issuer",
                path,
                body,
                json!({"phone_version": {"$any": null}}),
            );
            vec![
                named("new_phone", phone()),
                sent,
                named("phone", known("new_phone")),
            ]
        }
        Input::BlockPerson => vec![blocked("applicant", true)],
        Input::UnblockPerson => vec![blocked("applicant", false)],
        _ => vec![advance(limit::ELIGIBILITY_TTL_MS + 1)],
    }
}

fn issued(input: Input, branch: &str) -> Vec<Value> {
    let request = |rest: &[Value]| {
        let head = [json!("v1"), json!("issue"), known("request_id")];
        Value::Array(head.into_iter().chain(rest.iter().cloned()).collect())
    };
    let problem = |name: &str| json!({ "refuse": name });
    let low = |records| by_reference(score(known("request_context"), records));
    match input {
        Input::IssueOtp => issue(&[("evidence", otp_evidence("phone"))]),
        Input::IssueIdentity => {
            let mut steps = by_reference(score(known("request_context"), ENOUGH));
            if branch == FIRST {
                steps.extend(looked_up());
            }
            steps
        }
        Input::IssueApplicantChanged => spoilt(branch, "applicant", stranger()),
        Input::IssueContextChanged => spoilt(branch, "request_context", fresh(32)),
        Input::IssueProductChanged => spoilt(branch, "product", json!("silver")),
        Input::IssueEligibilityUnknown => spoilt(branch, "eligibility_id", fresh(16)),
        Input::IssueEligibilityOther => {
            // Everything else fits: only the request of the decision is another.
            let other = json!({"eligibility_id": bind("other_decision")});
            let mut steps = vec![
                named("other_request", fresh(16)),
                eligibility("other_request", "request_context", "applicant", other),
            ];
            steps.extend(spoilt(branch, "eligibility_id", known("other_decision")));
            steps
        }
        Input::IssuePhoneOther => {
            let mut steps = vec![named("other_phone", phone())];
            steps.extend(issue(&[("evidence", otp_evidence("other_phone"))]));
            steps
        }
        Input::IssueScoreLow => low([limit::SCORE_MIN - 1, 1000, 1000]),
        Input::IssuePhotoScoreLow => low([1000, limit::SCORE_MIN - 1, 1000]),
        Input::IssueTextScoreLow => low([1000, 1000, limit::SCORE_MIN - 1]),
        Input::IssueReferenceUnknown => by_reference(problem("reference-unknown")),
        Input::IssueReferenceReused => by_reference(problem("reference-used")),
        Input::IssueReferenceOther => by_reference(score(fresh(32), ENOUGH)),
        Input::IssueScoreClaimed => {
            let evidence = json!({"kind": "identity", "reference": fresh(16), "live_record": 1000});
            issue(&[("evidence", evidence)])
        }
        Input::IssueQuotaFull => {
            let other = json!({"eligibility_id": bind("other_decision"), "branch": KNOWN});
            let mut steps = vec![
                named("other_request", fresh(16)),
                eligibility("other_request", "request_context", "applicant", other),
            ];
            let mut first = issue(&[
                ("evidence", otp_evidence("phone")),
                ("request_id", known("other_request")),
                ("eligibility_id", known("other_decision")),
            ]);
            first.truncate(3);
            first[2]["expect"] = json!({"accept": {"card_code": {"$any": null}}});
            steps.extend(first);
            steps.extend(issue(&[("evidence", otp_evidence("phone"))]));
            steps
        }
        Input::IssueRepeat => again(known("issue_body")),
        Input::IssueKeyConflict => {
            let mut steps = issue(&[
                ("evidence", otp_evidence("phone")),
                ("product", json!("silver")),
            ]);
            steps.truncate(2);
            steps.extend(again(known("try_body")));
            steps
        }
        Input::Query => vec![get("verifier", "issuer", request(&[]), json!({}))],
        _ => vec![post(
            "verifier",
            "issuer",
            request(&[json!("compensate")]),
            json!({}),
            json!({}),
        )],
    }
}

fn managed(input: Input) -> Vec<Value> {
    let token = |what: &str, from: &str, body: Value, accept: Value| {
        vec![post(
            from,
            "issuer",
            json!(["v1", "tokens", known("token_ref"), what]),
            body,
            accept,
        )]
    };
    let card = |status: &str| {
        let path = json!(["v1", "cards", known("card_code"), "status"]);
        vec![post(
            "operator",
            "issuer",
            path,
            json!({ "status": status }),
            json!({ "status": status }),
        )]
    };
    match input {
        Input::SuspendUser => token("suspend", "verifier", json!({"by": "user"}), json!({})),
        Input::SuspendForged => token("suspend", "verifier", json!({"by": "issuer"}), json!({})),
        Input::SuspendIssuer => token("suspend", "operator", json!({"by": "issuer"}), json!({})),
        Input::ResumeUser => token("resume", "verifier", json!({"by": "user"}), json!({})),
        Input::ResumeIssuer => token("resume", "operator", json!({"by": "issuer"}), json!({})),
        Input::Delete => token("delete", "verifier", json!({}), json!({"state": "deleted"})),
        Input::CardBlocked => card("blocked"),
        Input::CardActive => card("active"),
        Input::CardLost => card("lost"),
        Input::CardClosed => card("closed"),
        _ => {
            let path = json!(["v1", "agreements", known("agreement"), "terminate"]);
            vec![post(
                "verifier",
                "issuer",
                path,
                json!({}),
                json!({"state": "terminated"}),
            )]
        }
    }
}
