//! What a phone's terminal meets: its person, who is in the trigger, a verifier and a chip. The runner is all of them.

use kaika_conformance::format::Key;
use kaika_model::Outcome;
use kaika_model::role::terminal::{Input, Kept, Output, Screen, State, Terminal};
use kaika_spec::{Refusal, limit};
use serde_json::{Value, json};

use crate::script::{Expected, Script, concat, digits, fresh, known, named, stranger};

/// The templates of the phone's terminal.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

/// How long the terminal is told to wait for an answer, ms, where one does not come.
const SHORT_MS: u64 = 800;
/// And where all come, so that a slow machine makes no silence.
const LONG_MS: u64 = 4_000;
/// How long it is told to wait before it says something again, ms.
const PAUSE_MS: u64 = 2;
const SHORT: &str = "patience(short)";
const LONG: &str = "patience(long)";
const PASSWORD: &str = "correct horse";
/// One for all tests: the runner derives a password once.
const SALT: &str = "4b61696b614b61696b614b61696b6121";
const AMOUNT: u64 = 1250;
const CURRENCY: &str = "156";
const AUTH_CODE: &str = "A1B2C3";
const ACTIONS: [&str; 3] = ["nod", "blink", "turn-left"];

impl Script for Templates {
    type M = Terminal;
    const ROLE: &'static str = "terminal";
    const REQUIREMENTS: &'static [&'static str] = &["PAY-14"];

    fn setup(inputs: &[Input]) -> Vec<String> {
        let patience = if inputs.contains(&Input::TimeOut) {
            SHORT
        } else {
            LONG
        };
        let mut parts = vec!["setup".to_owned(), patience.to_owned()];
        let mut lives = inputs.split(|input| *input == Input::Crash);
        let first = lives.next().unwrap_or_default();
        let was_asked = first
            .iter()
            .any(|input| matches!(input, Input::Otp | Input::OtpAnother));
        let first = typed(first, false);
        let later = lives.map(|life| typed(life, was_asked));
        let later = later.max_by_key(Vec::len).unwrap_or_default();
        for (name, typed) in [("codes", first), ("later", later)] {
            if typed.contains(&ANOTHER) {
                parts.push(format!("{name}/{}", typed.join(",")));
            }
        }
        parts
    }

    fn part(state: &State, input: &Input) -> String {
        let of_payment = matches!(state, State::Payment(_));
        let about = match (state, input) {
            (_, Input::Refused) => refusal(state).name(),
            (State::Ordering | State::Payment(Screen::Confirming), Input::Crash) => "order",
            (State::Opening, Input::Crash) => "open",
            (
                _,
                Input::ChipSigns
                | Input::TimeOut
                | Input::Cut
                | Input::InProgress
                | Input::ServerError
                | Input::TryLater
                | Input::Unreadable
                | Input::Gone
                | Input::Crash,
            ) if of_payment => "payment",
            (State::Consenting, Input::ChipSigns) => "consent",
            (State::Resending, Input::Otp) => "another",
            (State::Ordering | State::Opening, Input::Unreadable) => "made",
            (State::Resumed(_), Input::Unreadable) => "query",
            (State::Starting | State::Relaying, Input::Unreadable) => "relay",
            (State::Payment(Screen::Unknown), Input::ToldPaid) => "after all",
            // Whoever carries commands must not count on what they are.
            (State::Relaying, Input::Relay) => "more",
            (State::Resumed(kept), Input::Waits | Input::WentOn) => match kept {
                Kept::Name => "name",
                Kept::Code => "code",
                Kept::Photos => "photos",
                Kept::Frames | Kept::Match => "frames",
                Kept::Issue => "issue",
                Kept::Provision => "provision",
            },
            _ => return input.to_string(),
        };
        format!("{input}/{about}")
    }

    fn steps(part: &str) -> Vec<Value> {
        match part {
            "setup" => return setup(),
            SHORT => return vec![named("patience", json!(SHORT_MS))],
            LONG => return vec![named("patience", json!(LONG_MS))],
            _ => {}
        }
        let (name, about) = part.split_once('/').unwrap_or((part, ""));
        if ["codes", "later"].contains(&name) {
            let typed: Vec<&str> = about.split(',').collect();
            return vec![named(name, has_typed(&typed))];
        }
        Input::from_name(name).map_or_else(Vec::new, |input| said(input, about))
    }

    fn expected(_: &State, _: &Input, _: &Outcome<State, Output>) -> Expected {
        Expected::default()
    }

    /// What was answered is forgotten: a terminal that has paid is as new, and only that way shows it. What was said again is
    /// still under way, and a code that was asked for is a code as another is.
    fn detours() -> Vec<(&'static str, Vec<Input>)> {
        let paid = [Input::Pay, Input::Order, Input::ChipSigns];
        let then = |told: &[Input]| paid.iter().chain(told).copied().collect();
        let asked = [Input::Apply, Input::Opened, Input::Applicant];
        let named = |told: &[Input]| asked.iter().chain(told).copied().collect();
        vec![
            ("pay", then(&[Input::ToldPaid, Input::Pay])),
            ("pay", then(&[Input::ToldDeclined, Input::Pay])),
            ("pay", then(&[Input::Crash, Input::ToldPaid, Input::Pay])),
            ("apply", named(&[Input::Cut, Input::Photos])),
            ("apply", named(&[Input::Crash, Input::Waits, Input::Photos])),
            (
                "apply",
                named(&[Input::OtpAnother, Input::Otp, Input::OtpWrong]),
            ),
            (
                "apply",
                named(&[Input::OtpAnother, Input::Cut, Input::TooSoon]),
            ),
        ]
    }

    fn needs(input: &Input) -> Option<&'static str> {
        match input {
            Input::Pay | Input::Apply => Some("hook:trigger"),
            Input::Crash => Some("hook:crash"),
            _ => None,
        }
    }
}

/// What the verifier refuses with, in each state something that it would.
const fn refusal(state: &State) -> Refusal {
    match state {
        State::Payment(_) | State::Proving => Refusal::BadPassword,
        State::Naming => Refusal::Ineligible,
        State::Coding | State::Recoding => Refusal::OtpLocked,
        State::Resending => Refusal::RequestExpired,
        State::Photographing => Refusal::PolicyExpired,
        State::Filming => Refusal::MatchFailed,
        State::Issuing => Refusal::DuplicateCard,
        State::Starting | State::Relaying => Refusal::ReceiptInvalid,
        State::Resumed(_) => Refusal::UnknownRequest,
        State::Idle | State::Ordering | State::Opening | State::Consenting | State::Over => {
            Refusal::Malformed
        }
    }
}

/// In the place of a code: the person asks for another.
const ANOTHER: &str = "another";

/// What the person says when asked for a code, by the letters that ask, and whether a code was asked for in an earlier life:
/// the name of a code, or [`ANOTHER`].
fn typed(inputs: &[Input], was_asked: bool) -> Vec<&'static str> {
    let mut typed = Vec::new();
    for input in inputs {
        typed.push(match input {
            Input::Otp if typed.last() == Some(&ANOTHER) => "another_code",
            Input::TooSoon => "another_code",
            Input::Otp => "code",
            Input::Waits if was_asked => "code",
            Input::OtpWrong => "next_code",
            Input::OtpAnother | Input::OtpWrongAnother | Input::OtpExpired => ANOTHER,
            _ => continue,
        });
    }
    typed
}

fn has_typed(names: &[&str]) -> Value {
    let one = |name: &&str| match *name {
        ANOTHER => Value::Null,
        name => known(name),
    };
    names.iter().map(one).collect()
}

/// Texts that a test makes up.
fn made_up(names: &[(&str, Value)]) -> Vec<Value> {
    names
        .iter()
        .map(|(name, value)| named(name, value.clone()))
        .collect()
}

fn picture(of: &str) -> Value {
    json!({"$calc": {"fn": "base64", "args": {"text": concat(json!([of, digits(8)]))}}})
}

fn setup() -> Vec<Value> {
    let mut steps = made_up(&[
        ("terminal", concat(json!(["T", digits(9)]))),
        ("account", concat(json!(["a", digits(9)]))),
        ("device", concat(json!(["d", digits(9)]))),
        ("card", card_code()),
        ("applicant", stranger()),
        ("code", digits(6)),
        ("next_code", digits(6)),
        ("another_code", digits(6)),
        ("codes", has_typed(&["code", "next_code"])),
        ("later", has_typed(&["code", "next_code"])),
        ("front", picture("front ")),
        ("back", picture("back ")),
    ]);
    for action in ACTIONS {
        steps.push(named(action, picture(action)));
    }
    steps.extend([
        json!({"op": "verifier", "as": "verifier"}),
        json!({"op": "chip", "as": "chip"}),
    ]);
    steps
}

fn card_code() -> Value {
    concat(json!(["C", {"$fresh": {"type": "letters", "len": 20}}]))
}

/// The terminal begins: what its person wants, and what it is to do it with.
fn trigger(action: &str, wanted: Value) -> Value {
    let mut with = json!({
        "terminal": known("terminal"), "verifier": known("verifier"), "chip": known("chip.tcp"),
        "account_id": known("account"), "password": PASSWORD, "patience_ms": known("patience"), "pause_ms": PAUSE_MS,
    });
    if let (Some(with), Some(wanted)) = (with.as_object_mut(), wanted.as_object()) {
        with.extend(wanted.clone());
    }
    json!({"op": "trigger", "action": action, "with": with})
}

/// The person wants to pay, and the order that is asked for; of a key that is as new as the wish.
fn orders(key: Key) -> Vec<Value> {
    let body = json!({
        "account_id": known("account"), "payee": "corner-shop", "amount_minor": AMOUNT, "currency": CURRENCY,
    });
    let mut asked = asks(json!(["v1", "orders"]), body);
    if key != Key::New {
        asked["key"] = json!(key);
    }
    vec![pays(), asked]
}

fn pays() -> Value {
    trigger(
        "pay",
        json!({"card_code": known("card"), "payee": "corner-shop", "amount_minor": AMOUNT, "currency": CURRENCY}),
    )
}

/// The person wants a card, and types these codes.
fn applies(codes: &str) -> Value {
    let frames: Value = ACTIONS
        .iter()
        .map(|action| (*action, known(action)))
        .collect();
    trigger(
        "apply",
        json!({
            "device_id": known("device"), "se_id": known("chip.se_id"), "product": "debit", "tos_version": "1",
            "applicant": known("applicant"), "codes": known(codes),
            "front": known("front"), "back": known("back"), "frames": frames,
        }),
    )
}

/// A POST to the verifier.
fn asks(path: Value, body: Value) -> Value {
    json!({"op": "asks", "method": "POST", "path": path, "body": body})
}

/// A POST about the card request, under the session key.
fn asks_about(what: &str, body: Value, key: Key) -> Value {
    let mut path = vec![json!("v1"), json!("requests"), known("request_id")];
    path.extend(what.split('/').map(|part| json!(part)));
    let mut step = asks(json!(path), body);
    step["session"] = known("proved.session");
    if key != Key::New {
        step["key"] = json!(key);
    }
    step
}

fn answer(status: u16, body: Value) -> Value {
    json!({"op": "answer", "status": status, "body": body})
}

fn next(body: Value) -> Value {
    answer(200, body)
}

fn shown(expect: Value) -> Value {
    json!({"op": "shown", "expect": expect})
}

fn failed() -> Value {
    shown(json!({"result": "failed"}))
}

/// The path that asks what became of the order.
fn order_path() -> Value {
    json!(["v1", "orders", known("order_id")])
}

fn request_path() -> Value {
    json!(["v1", "requests", known("request_id")])
}

/// The same again; of a payment the query will do too.
fn again(about: &str) -> Value {
    if about == "payment" {
        json!({"op": "repeats", "query": order_path()})
    } else {
        json!({"op": "repeats"})
    }
}

fn challenge(m_kib: u32) -> Value {
    json!({"salt": SALT, "m_kib": m_kib, "t": limit::ARGON2_T, "p": limit::ARGON2_P, "nonce": known("challenge_nonce")})
}

fn proof(purpose: &str, subject: &str, digest: Value) -> Value {
    json!({"$calc": {"fn": "proof", "args": {
        "password": PASSWORD, "challenge": challenge(limit::ARGON2_M_KIB), "purpose": purpose,
        "subject": known(subject), "digest": digest,
    }}})
}

fn evidence(kind: &str, digest: &str) -> Value {
    json!({"$calc": {"fn": "evidence", "args": {"kind": kind, "se_id": known("chip.se_id"), "digest": known(digest)}}})
}

/// The verifier's answer to the wish to order, with one field changed; its digest is of what it says.
fn order(change: Option<(&str, Value)>) -> Vec<Value> {
    let mut said = json!({
        "order_id": known("order_id"), "account_id": known("account"), "payee": "corner-shop",
        "amount_minor": AMOUNT, "currency": CURRENCY, "nonce": known("order_nonce"), "expires_at": known("order_ends"),
        "order_digest": known("order_digest"), "challenge": challenge(limit::ARGON2_M_KIB),
    });
    if let Some((field, value)) = change {
        said[field] = value;
    }
    let text = |field: &str| concat(json!([said[field]]));
    let digest = json!({"$calc": {"fn": "order-digest", "args": {
        "order_id": said["order_id"], "account_id": said["account_id"], "payee": said["payee"],
        "amount_minor": text("amount_minor"), "currency": said["currency"], "expires_at": text("expires_at"),
        "nonce": said["nonce"],
    }}});
    let mut steps = made_up(&[
        ("order_id", fresh(16)),
        ("order_nonce", fresh(16)),
        ("order_ends", json!({"$now": limit::ORDER_TTL_MS})),
        ("challenge_nonce", fresh(32)),
        ("order_digest", digest),
    ]);
    steps.push(answer(201, said));
    steps
}

/// An order that is not the one: nothing is signed, and nothing paid.
fn order_refused(change: (&str, Value)) -> Vec<Value> {
    let mut steps = order(Some(change));
    steps.extend([failed(), json!({"op": "told", "ins": "2a", "times": 0})]);
    steps
}

fn order_shown() -> Vec<Value> {
    let digest = json!({"$calc": {"fn": "pay-digest", "args": {
        "order_digest": known("order_digest"), "card_code": known("card"),
    }}});
    let mut steps = order(None);
    steps.extend([
        named("pay_digest", digest),
        json!({"op": "sign", "kind": "payment", "digest": known("pay_digest")}),
    ]);
    steps
}

fn signs(about: &str) -> Vec<Value> {
    let signed = json!({"op": "signed", "will": "signs"});
    if about == "consent" {
        let body = json!({"consent": evidence("consent", "context")});
        return vec![signed, asks_about("issue", body, Key::Any)];
    }
    let body = json!({
        "account_id": known("account"), "card_code": known("card"), "order_digest": known("order_digest"),
        "proof": known("proved.proof"), "evidence": evidence("payment", "pay_digest"),
    });
    vec![
        signed,
        named("proved", proof("pay", "order_id", known("pay_digest"))),
        asks(json!(["v1", "orders", known("order_id"), "pay"]), body),
    ]
}

/// What became of the payment: in the answer to it, or to the query.
fn told(order: Value, result: &str) -> Value {
    let looked_up = json!({"order_id": order, "result": result});
    let mut body = looked_up.clone();
    if result == "paid" {
        body["auth_code"] = json!(AUTH_CODE);
    }
    json!({"op": "answer", "status": 200, "body": body, "query": looked_up})
}

fn no_answer(answer: Value, about: &str) -> Vec<Value> {
    vec![answer, again(about)]
}

/// A result that is none, of JSON all the same.
fn unreadable(about: &str) -> Value {
    match about {
        "payment" => told(known("order_id"), "perhaps"),
        "made" => answer(201, json!({"next": "perhaps"})),
        "query" => {
            next(json!({"request_id": known("request_id"), "state": "perhaps", "next": "perhaps"}))
        }
        "relay" => next(json!({"next": "relay", "session": fresh(16), "commands": ["perhaps"]})),
        _ => next(json!({"next": "perhaps"})),
    }
}

fn refuse(refusal: &str) -> Value {
    json!({"op": "answer", "refuse": refusal})
}

/// The code under which a peer sees a refusal.
fn seen(refusal: &str) -> &'static str {
    Refusal::from_name(refusal).map_or("", Refusal::seen)
}

fn opened(m_kib: u32) -> Vec<Value> {
    let mut steps = made_up(&[
        ("request_id", fresh(16)),
        ("verifier_nonce", fresh(16)),
        ("challenge_nonce", fresh(32)),
    ]);
    steps.push(answer(
        201,
        json!({
            "request_id": known("request_id"), "verifier_nonce": known("verifier_nonce"),
            "challenge": challenge(m_kib), "expires_at": {"$now": limit::REQUEST_TTL_MS},
        }),
    ));
    steps
}

/// What both sides know of the request by now.
fn request() -> Value {
    json!({
        "request_id": known("request_id"), "account_id": known("account"), "device_id": known("device"),
        "se_id": known("chip.se_id"), "product": "debit", "tos_version": "1",
        "terminal_nonce": known("terminal_nonce"), "verifier_nonce": known("verifier_nonce"),
        "applicant_digest": {"$calc": {"fn": "applicant-digest", "args": known("applicant")}},
    })
}

fn proves() -> Vec<Value> {
    let digest = json!({"$calc": {"fn": "open-digest", "args": request()}});
    let mut steps = opened(limit::ARGON2_M_KIB);
    steps.push(named("proved", proof("apply", "request_id", digest)));
    let path = json!(["v1", "requests", known("request_id"), "password"]);
    steps.push(asks(path, json!({"proof": known("proved.proof")})));
    steps
}

/// A request is opened, under a key that is as new as the wish.
fn opens(key: Key) -> Value {
    let body = json!({
        "account_id": known("account"), "device_id": known("device"), "se_id": known("chip.se_id"),
        "product": "debit", "tos_version": "1",
        "terminal_nonce": {"$bind": {"as": "terminal_nonce", "match": {"$hex": {"len": 16}}}},
    });
    let mut asked = asks(json!(["v1", "requests"]), body);
    if key != Key::New {
        asked["key"] = json!(key);
    }
    asked
}

fn says_applicant(key: Key) -> Value {
    asks_about("applicant", json!({"applicant": known("applicant")}), key)
}

/// A code is sent, and the terminal is told of it.
fn told_of_code() -> Vec<Value> {
    let otp = json!({
        "otp_id": known("otp_id"), "phone_mask": "*******4321", "expires_at": {"$now": limit::OTP_TTL_MS},
        "tries_left": limit::OTP_TRIES_MAX, "sends_left": limit::OTP_SENDS_MAX - 1,
    });
    vec![
        named("otp_id", fresh(16)),
        next(json!({"next": "otp", "otp": otp})),
    ]
}

fn asks_another() -> Value {
    asks_about("otp/resend", json!({}), Key::New)
}

fn sends_code(code: &str, key: Key) -> Value {
    let body = json!({"otp_id": known("otp_id"), "code": known(code)});
    asks_about("otp", body, key)
}

/// The person types a code again, or what was typed last goes out again.
fn sends_code_again() -> Value {
    let codes = json!([known("code"), known("next_code"), known("another_code")]);
    let body = json!({"otp_id": known("otp_id"), "code": {"$oneOf": codes}});
    asks_about("otp", body, Key::Any)
}

fn sends_photos(key: Key) -> Value {
    let body =
        json!({"policy_id": known("policy_id"), "front": known("front"), "back": known("back")});
    asks_about("id-photos", body, key)
}

fn sends_frames(key: Key) -> Value {
    let frames = ACTIONS.map(|action| json!({"action": action, "image": known(action)}));
    let body =
        json!({"policy_id": known("policy_id"), "nonce": known("policy_nonce"), "frames": frames});
    asks_about("frames", body, key)
}

/// The chip is asked to consent, to what the terminal knows itself.
fn consents() -> Vec<Value> {
    let context = json!({"$calc": {"fn": "request-context", "args": request()}});
    vec![
        named("context", context),
        json!({"op": "sign", "kind": "consent", "digest": known("context")}),
    ]
}

fn starts() -> Value {
    let body = json!({"session": null, "responses": []});
    asks_about("provision", body, Key::New)
}

fn names_card() -> Vec<Value> {
    made_up(&[("card_made", card_code()), ("token_ref", fresh(16))])
}

/// Commands for the chip: the first rounds are as 60-provision has them, with a status that is no good one among the answers.
fn commands(about: &str) -> Vec<Value> {
    let initialize = concat(json!(["8050000008", known("host_challenge"), "00"]));
    let commands = match about {
        "more" => json!([initialize, "80cadf2100"]),
        _ => json!(["00a4040007f04b41494b410000", "80cadf2100", initialize]),
    };
    let mut steps = made_up(&[
        ("session", fresh(16)),
        ("host_challenge", fresh(8)),
        ("commands", commands),
    ]);
    steps.push(next(json!({
        "next": "relay", "session": known("session"), "commands": known("commands"),
    })));
    steps
}

fn relayed(about: &str) -> Vec<Value> {
    let answers = json!({"$calc": {"fn": "chip-answers", "args": {
        "se_id": known("chip.se_id"), "commands": known("commands"),
    }}});
    let mut steps = commands(about);
    steps.push(named("answers", answers));
    let body = json!({"session": known("session"), "responses": known("answers")});
    steps.push(asks_about("provision", body, Key::New));
    steps
}

/// The request is asked about.
fn queries() -> Value {
    json!({"op": "asks", "method": "GET", "path": request_path()})
}

/// What the verifier says of the request.
fn say(state: &str, next: &str) -> Value {
    answer(
        200,
        json!({"request_id": known("request_id"), "state": state, "next": next}),
    )
}

/// What it says, and what follows.
fn stands(waits: bool, about: &str) -> Vec<Value> {
    let mut steps = Vec::new();
    match (about, waits) {
        ("name", _) => steps.extend([
            say("await-applicant", "applicant"),
            says_applicant(Key::Any),
        ]),
        ("code", true) => steps.extend([say("await-otp", "otp"), sends_code_again()]),
        ("photos", true) => {
            steps.extend([say("await-photos", "id-photos"), sends_photos(Key::Old)]);
        }
        ("photos", false) => steps.extend([say("await-frames", "frames"), sends_photos(Key::Old)]),
        ("frames", true) => steps.extend([say("await-frames", "frames"), sends_frames(Key::Any)]),
        ("issue", true) | ("code" | "frames", false) => {
            steps.push(say("await-issue", "issue"));
            steps.extend(consents());
        }
        ("issue", false) => {
            steps.extend(names_card());
            steps.extend([say("await-provision", "provision"), starts()]);
        }
        (_, true) => steps.extend([say("await-provision", "provision"), starts()]),
        (_, false) => steps.extend([say("done", "done"), starts()]),
    }
    steps
}

fn said(input: Input, about: &str) -> Vec<Value> {
    match input {
        Input::Pay => orders(Key::New),
        Input::Order => order_shown(),
        Input::OrderAmount => order_refused(("amount_minor", json!(AMOUNT + 1))),
        Input::OrderPayee => order_refused(("payee", json!("other-shop"))),
        Input::OrderCurrency => order_refused(("currency", json!("840"))),
        Input::OrderAccount => order_refused(("account_id", json!("somebody-else"))),
        Input::OrderDigest => order_refused(("order_digest", fresh(32))),
        Input::OrderWeak => order_refused(("challenge", challenge(8))),
        Input::ChipSigns => signs(about),
        Input::ChipRefuses => vec![json!({"op": "signed", "will": "refuses"}), failed()],
        Input::ChipGone => vec![json!({"op": "signed", "will": "leaves"}), failed()],
        Input::ToldPaid => {
            let code = match about {
                "after all" => json!({"$optional": null}),
                _ => json!(AUTH_CODE),
            };
            vec![
                told(known("order_id"), "paid"),
                shown(json!({"result": "paid", "auth_code": code})),
            ]
        }
        Input::ToldDeclined => vec![
            told(known("order_id"), "declined"),
            shown(json!({"result": "declined"})),
        ],
        Input::TimeOut => vec![again(about)],
        Input::Cut => no_answer(json!({"op": "answer"}), about),
        Input::InProgress => {
            let mut busy = refuse("in-progress");
            if about == "payment" {
                busy["query"] = json!({"order_id": known("order_id"), "result": "pending"});
            }
            vec![busy, again(about)]
        }
        Input::Open => {
            let mut busy = refuse("in-progress");
            busy["query"] = json!({"order_id": known("order_id"), "result": "open"});
            no_answer(busy, "payment")
        }
        Input::ServerError => {
            no_answer(json!({"op": "answer", "status": 500, "raw": "oops"}), about)
        }
        Input::TryLater => no_answer(refuse("vault-unavailable"), about),
        Input::Unreadable => no_answer(unreadable(about), about),
        Input::OtherOrder => no_answer(told(fresh(16), "paid"), "payment"),
        Input::Expired => {
            let mut late = refuse("order-expired");
            late["query"] = json!({"order_id": known("order_id"), "result": "expired"});
            let code = seen("order-expired");
            vec![late, shown(json!({"result": "refused", "code": code}))]
        }
        Input::Crash if about == "payment" => {
            vec![json!({"op": "crash"}), pays(), again("payment")]
        }
        Input::Crash if about == "order" => {
            let mut steps = vec![json!({"op": "crash"})];
            steps.extend(orders(Key::Any));
            steps
        }
        Input::Refused => vec![
            refuse(about),
            shown(json!({"result": "refused", "code": seen(about)})),
        ],
        Input::Gone if about == "payment" => vec![
            json!({"op": "hush", "query": order_path()}),
            shown(json!({"result": "unknown"})),
        ],
        Input::Gone => vec![json!({"op": "hush"}), failed()],
        _ => applying(input, about),
    }
}

fn applying(input: Input, about: &str) -> Vec<Value> {
    match input {
        Input::Apply => vec![applies("codes"), opens(Key::New)],
        Input::Opened => proves(),
        Input::OpenedWeak => {
            let mut steps = opened(8);
            steps.push(failed());
            steps
        }
        Input::Applicant => vec![next(json!({"next": "applicant"})), says_applicant(Key::New)],
        Input::Otp => {
            let code = if about == ANOTHER {
                "another_code"
            } else {
                "code"
            };
            let mut steps = told_of_code();
            steps.push(sends_code(code, Key::New));
            steps
        }
        Input::OtpAnother => {
            let mut steps = told_of_code();
            steps.push(asks_another());
            steps
        }
        Input::OtpWrongAnother => vec![refuse("otp-wrong"), asks_another()],
        Input::OtpExpired => vec![refuse("otp-expired"), asks_another()],
        Input::TooSoon => vec![refuse("rate-limited"), sends_code("another_code", Key::New)],
        Input::OtpWrong => vec![refuse("otp-wrong"), sends_code("next_code", Key::New)],
        Input::Photos => vec![
            named("policy_id", fresh(16)),
            next(json!({
                "next": "id-photos", "policy_id": known("policy_id"), "expires_at": {"$now": limit::POLICY_TTL_MS},
            })),
            sends_photos(Key::New),
        ],
        Input::Frames => vec![
            named("policy_id", fresh(16)),
            named("policy_nonce", fresh(16)),
            next(json!({
                "next": "frames", "policy_id": known("policy_id"), "nonce": known("policy_nonce"), "actions": ACTIONS,
                "expires_at": {"$now": limit::POLICY_TTL_MS},
            })),
            sends_frames(Key::New),
        ],
        Input::Issue => {
            let mut steps = vec![next(json!({"next": "issue"}))];
            steps.extend(consents());
            steps
        }
        Input::Provision => {
            let mut steps = names_card();
            steps.push(next(json!({
                "next": "provision", "card_code": known("card_made"), "token_ref": known("token_ref"),
            })));
            steps.push(starts());
            steps
        }
        Input::Relay => relayed(about),
        Input::RelayGone => {
            let mut steps = vec![json!({"op": "pull", "ins": "50"})];
            steps.extend(commands(about));
            steps.extend([failed(), applies("later"), queries()]);
            steps
        }
        Input::Done => vec![
            next(
                json!({"next": "done", "card_code": known("card_made"), "token_ref": known("token_ref")}),
            ),
            shown(json!({
                "result": "ready", "card_code": known("card_made"), "token_ref": known("token_ref"),
            })),
        ],
        Input::ScriptFailed => vec![refuse("personalisation-failed"), starts()],
        Input::Crash if about == "open" => {
            vec![json!({"op": "crash"}), applies("later"), opens(Key::Any)]
        }
        Input::Crash => vec![json!({"op": "crash"}), applies("later"), queries()],
        Input::Waits => stands(true, about),
        Input::WentOn => stands(false, about),
        Input::Matching => vec![say("await-match", "frames"), again(about)],
        Input::Ended => vec![say("refused", "none"), failed()],
        _ => Vec::new(),
    }
}
