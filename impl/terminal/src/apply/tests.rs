//! What the terminal does about each answer, and after a restart.

use super::*;

fn profile() -> Profile {
    let applicant = json!({"name": "Li Lei", "id_type": "resident-id", "id_no": "1", "id_valid_to": "2030-01-01"});
    let Ok(applicant) = serde_json::from_value(applicant) else {
        panic!("an applicant")
    };
    Profile {
        account_id: "a".into(),
        password: "p".into(),
        device_id: "d".into(),
        se_id: "00".repeat(8),
        product: "debit".into(),
        tos_version: "1".into(),
        applicant,
    }
}

/// The chip is asked to consent to the context of the profile and of what was kept, computed with Python's `hashlib`.
const CONSENT: &str =
    "sign 802a0100207afdbaff24471cade08fcfb1241479ff96e13f65b2cb3821cb322ddd6b73d57400";

fn kept(asked: Option<Asked>) -> Kept {
    Kept {
        request_id: "r".into(),
        session_key: "11".repeat(32),
        terminal_nonce: "22".repeat(16),
        verifier_nonce: "33".repeat(16),
        asked,
    }
}

fn path(effect: &Effect) -> String {
    match effect {
        Effect::Send(http) => format!("{} {} {}", http.method, http.path, http.key.is_some()),
        Effect::Sign(commands) => {
            let last = commands.last().map(hex::encode).unwrap_or_default();
            format!("sign {last}")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_restart_asks_and_never_opens_anew() {
    let kept = kept(None);
    for (next, want) in [
        ("applicant", "POST /v1/requests/r/applicant true"),
        ("otp", "POST /v1/requests/r/otp/resend true"),
        ("issue", CONSENT),
        ("provision", "POST /v1/requests/r/provision true"),
    ] {
        let mut apply = Apply::resume(profile(), kept.clone());
        assert_eq!(
            path(&apply.handle(Input::Start)),
            "GET /v1/requests/r false"
        );
        let body = json!({"request_id": "r", "state": "await-otp", "next": next});
        assert_eq!(
            path(&apply.handle(Input::Answer { status: 200, body })),
            want
        );
    }
}

#[test]
fn a_restart_answers_what_was_asked_before() {
    //= spec/30-prove.md#prv-20-a-restart-goes-on
    //= type=test
    //# A terminal that is started again MUST answer what its person was asked before, as long as the verifier says that the
    //# request waits for it.
    let id = "00".repeat(16);
    let code = Asked::Code {
        otp_id: id.clone(),
        phone_mask: "**01".into(),
    };
    let photos = Asked::Photos {
        policy_id: id.clone(),
    };
    let frames = Asked::Frames {
        policy_id: id.clone(),
        nonce: id,
        actions: vec!["nod".into()],
    };
    let resume = |asked: &Asked, state: &str, next: &str| {
        let kept = kept(Some(asked.clone()));
        let mut apply = Apply::resume(profile(), kept);
        apply.handle(Input::Start);
        let body = json!({"request_id": "r", "state": state, "next": next});
        let effect = apply.handle(Input::Answer {
            status: 200,
            body: body.clone(),
        });
        (apply, effect, body)
    };
    let (mut apply, effect, _) = resume(&code, "await-otp", "otp");
    let phone_mask = "**01".into();
    assert_eq!(effect, Effect::AskCode { phone_mask });
    assert_eq!(
        path(&apply.handle(Input::Code("012345".into()))),
        "POST /v1/requests/r/otp true"
    );
    let (mut apply, effect, _) = resume(&photos, "await-photos", "id-photos");
    assert_eq!(effect, Effect::AskPhotos);
    assert_eq!(
        path(&apply.handle(Input::Photos(vec![1], vec![2]))),
        "POST /v1/requests/r/id-photos true"
    );
    let (mut apply, effect, _) = resume(&frames, "await-frames", "frames");
    let actions = vec!["nod".to_owned()];
    assert_eq!(effect, Effect::AskFrames { actions });
    assert_eq!(
        path(&apply.handle(Input::Frames(vec![vec![1]]))),
        "POST /v1/requests/r/frames true"
    );
    // The photos were sent and their answer was not heard: they are sent again, under the same key.
    let sent = |(mut apply, effect, _): (Apply, Effect, Value)| {
        assert_eq!(effect, Effect::AskPhotos);
        match apply.handle(Input::Photos(vec![1], vec![2])) {
            Effect::Send(message) => message.again,
            other => panic!("{other:?}"),
        }
    };
    let first = sent(resume(&photos, "await-photos", "id-photos"));
    let second = sent(resume(&photos, "await-frames", "frames"));
    assert!(first.is_some());
    assert_eq!(first, second);
    assert_eq!(path(&resume(&code, "await-issue", "issue").1), CONSENT);
    //= spec/30-prove.md#prv-22-a-match-under-way-is-waited-for
    //= type=test
    //# A terminal that is started again MUST ask for the request again before it sends frames, when the verifier says that a
    //# match is under way.
    let (mut apply, mut effect, body) = resume(&frames, "await-match", "frames");
    for _ in 0..WAITS_MAX {
        assert_eq!(effect, Effect::SendAgain);
        let body = body.clone();
        effect = apply.handle(Input::Answer { status: 200, body });
    }
    assert!(matches!(effect, Effect::AskFrames { .. }));
}

#[test]
fn what_is_typed_goes_under_the_newest_code() {
    //= spec/30-prove.md#prv-21-the-newest-code
    //= type=test
    //# The terminal MUST send what its person types under the id of the last code that it was told of.
    let (first, second) = ("11".repeat(16), "22".repeat(16));
    let kept = kept(None);
    let mut apply = Apply::resume(profile(), kept);
    assert_eq!(
        Apply::new(profile(), [0; 16]).handle(Input::AnotherCode),
        Effect::Failed(Failure::Unexpected)
    );
    apply.handle(Input::Start);
    let is_waiting = json!({"request_id": "r", "state": "await-otp", "next": "otp"});
    let sent = apply.handle(Input::Answer {
        status: 200,
        body: is_waiting,
    });
    assert_eq!(path(&sent), "POST /v1/requests/r/otp/resend true");
    let told = |otp_id: &str| Input::Answer {
        status: 200,
        body: json!({"next": "otp", "otp": {
            "otp_id": otp_id, "phone_mask": "**01", "expires_at": 1, "tries_left": 5, "sends_left": 1,
        }}),
    };
    let asks = Effect::AskCode {
        phone_mask: "**01".into(),
    };
    let typed = |apply: &mut Apply| match apply.handle(Input::Code("012345".into())) {
        Effect::Send(message) => message.body["otp_id"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(apply.handle(told(&first)), asks);
    assert_eq!(typed(&mut apply), first);
    let refused = |code: &str| Input::Answer {
        status: 403,
        body: json!({"code": code, "class": "challenge"}),
    };
    // None is sent: the one before counts.
    for code in ["otp-wrong", "otp-expired"] {
        assert!(matches!(
            apply.handle(refused(code)),
            Effect::AskCode { .. }
        ));
        let sent = path(&apply.handle(Input::AnotherCode));
        assert_eq!(sent, "POST /v1/requests/r/otp/resend true");
        let none = apply.handle(refused("rate-limited"));
        assert!(matches!(none, Effect::AskCode { .. }));
        assert_eq!(typed(&mut apply), first);
    }
    apply.handle(refused("otp-wrong"));
    apply.handle(Input::AnotherCode);
    assert_eq!(apply.handle(told(&second)), asks);
    assert_eq!(typed(&mut apply), second);
}

#[test]
fn the_chips_consent_goes_with_the_wish_to_issue() {
    //= spec/20-apply.md#app-16-the-terminal-consents-to-what-it-knows
    //= type=test
    //# The terminal MUST have its chip consent to the request context that it computed itself, and to no digest that it was
    //# told.
    let asked = || {
        let kept = kept(None);
        let mut apply = Apply::resume(profile(), kept);
        apply.handle(Input::Start);
        // A context that the verifier names is not looked at.
        let body = json!({"state": "await-issue", "next": "issue", "request_context": "00"});
        let effect = apply.handle(Input::Answer { status: 200, body });
        assert_eq!(path(&effect), CONSENT);
        apply
    };
    let signed = [&[7; 16][..], &[0x90, 0x00]].concat();
    let Effect::Send(sent) = asked().handle(Input::Chip(vec![vec![0x90, 0x00], signed])) else {
        panic!("the consent is sent")
    };
    assert_eq!(sent.path, "/v1/requests/r/issue");
    assert_eq!(sent.body, json!({"consent": "07".repeat(16)}));
    assert!(sent.key.is_some());
    let refused = vec![vec![0x90, 0x00], vec![0x69, 0x85]];
    assert_eq!(
        asked().handle(Input::Chip(refused)),
        Effect::Failed(Failure::Unsigned)
    );
}

#[test]
fn what_is_kept_shows_no_key() {
    let kept = kept(None);
    assert_eq!(format!("{kept:?}"), "Kept");
}

#[test]
fn a_challenge_with_weaker_parameters_is_not_answered() {
    let mut apply = Apply::new(profile(), [0; 16]);
    apply.handle(Input::Start);
    let challenge =
        json!({"salt": "00".repeat(16), "m_kib": 8, "t": 1, "p": 1, "nonce": "00".repeat(32)});
    let body = json!({"request_id": "00".repeat(16), "verifier_nonce": "00".repeat(16), "challenge": challenge, "expires_at": 1});
    assert_eq!(
        apply.handle(Input::Answer { status: 201, body }),
        Effect::Failed(Failure::Password)
    );
}

#[test]
fn silence_repeats_under_the_same_key() {
    let mut apply = Apply::new(profile(), [0; 16]);
    apply.handle(Input::Start);
    assert_eq!(apply.handle(Input::Silence), Effect::SendAgain);
    //= spec/90-wire.md#wir-17-what-was-not-answered-is-said-again
    //= type=test
    //# The terminal MUST repeat a message that was not answered, a payment excepted, under the same route, key and body.
    let none = [
        (409, json!({"code": "in-progress", "class": "retry"})),
        (503, json!({"code": "try-later", "class": "retry"})),
        (500, json!("oops")),
        (404, json!("not found")),
        (200, json!({"next": "perhaps"})),
        (
            200,
            json!({"next": "relay", "session": "00", "commands": ["perhaps"]}),
        ),
        (201, json!({"request_id": "perhaps"})),
    ];
    for (status, body) in none.clone() {
        assert_eq!(
            apply.handle(Input::Answer { status, body }),
            Effect::SendAgain
        );
    }
    let mut apply = Apply::resume(profile(), kept(None));
    apply.handle(Input::Start);
    for (status, body) in none {
        let again = apply.handle(Input::Answer { status, body });
        assert_eq!(again, Effect::SendAgain);
    }
    let body = json!({"state": "await-issue", "next": "issue"});
    let effect = apply.handle(Input::Answer { status: 200, body });
    assert_eq!(path(&effect), CONSENT);
}

#[test]
fn what_comes_out_of_turn_ends_it() {
    for input in [
        Input::Code("1".into()),
        Input::Chip(vec![]),
        Input::Photos(vec![], vec![]),
        Input::Frames(vec![]),
    ] {
        let mut apply = Apply::new(profile(), [0; 16]);
        assert_eq!(apply.handle(input), Effect::Failed(Failure::Unexpected));
    }
}
