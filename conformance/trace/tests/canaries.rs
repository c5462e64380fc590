//! Roles that are wrong on purpose: each log begins well, and the last event must not be possible.

use std::io::Cursor;

use kaika_trace::{CAP, Checker, Report, Word};

/// Lines of one log, numbered as they come.
struct Log {
    role: &'static str,
    at: i64,
    lines: Vec<String>,
}

impl Log {
    fn of(role: &'static str) -> Self {
        let log = Self {
            role,
            at: 1_800_000_000_000,
            lines: vec![],
        };
        log.and("start", r#""verdict":"accepted""#)
    }

    /// One more event, a millisecond later.
    fn and(mut self, act: &str, rest: &str) -> Self {
        let (role, seq, at) = (self.role, self.lines.len() + 1, self.at);
        self.at += 1;
        let line = format!(
            r#"{{"v":1,"log":"00000000000000aa","seq":{seq},"at":{at},"role":"{role}","act":"{act}",{rest}}}"#
        );
        self.lines.push(line + "\n");
        self
    }

    fn after(self, ms: i64) -> Self {
        Self {
            at: self.at + ms,
            ..self
        }
    }

    fn report(&self) -> Report {
        let mut checker = Checker::new(CAP);
        if let Err(bad) = checker.read("a.ndjson", Cursor::new(self.lines.concat())) {
            panic!("{bad}")
        }
        checker.finish(&[])
    }

    /// Up to here all is well.
    fn well(self) -> Self {
        let report = self.report();
        assert_eq!(report.word(), Word::Conforms, "{}", report.text());
        self
    }

    /// The last event is the first that does not fit, and this requirement says so.
    fn wrong(self, requirement: &str) {
        let report = self.report();
        assert_eq!(report.word(), Word::Violates, "{}", report.text());
        let first = report.kept.first();
        let line = first.map(|first| first.place.line);
        assert_eq!(
            line,
            u64::try_from(self.lines.len()).ok(),
            "{}",
            report.text()
        );
        let named = first.map(|first| first.requirements()).unwrap_or_default();
        assert!(named.contains(&requirement), "{}", report.text());
    }
}

fn about(things: &[(&str, u64)]) -> String {
    let each: Vec<_> = things
        .iter()
        .map(|(kind, id)| format!(r#""{kind}":"{id:016x}""#))
        .collect();
    format!(r#""about":{{{}}}"#, each.join(","))
}

fn heard(from: &str, kind: &str) -> String {
    format!(r#""in":{{"from":"{from}","kind":"{kind}"}}"#)
}

fn said(to: &str, msg: &str, verdict: &str) -> String {
    let refusal = verdict.strip_prefix("refused ");
    let why = refusal.map_or(String::new(), |refusal| {
        format!(r#","refusal":"{refusal}""#)
    });
    let verdict = verdict.split(' ').next().unwrap_or_default();
    format!(r#""out":[{{"to":"{to}","msg":"{msg}"}}],"verdict":"{verdict}"{why}"#)
}

/// An event about things, of a request or an answer, with its answer or call.
fn rest(things: &[(&str, u64)], from: (&str, &str), to: (&str, &str), verdict: &str) -> String {
    [
        about(things),
        heard(from.0, from.1),
        said(to.0, to.1, verdict),
    ]
    .join(",")
}

const ASKS: (&str, &str) = ("terminal", "request");
const OTP: &str = "POST /v1/requests/{id}/otp";

/// A verifier's log in which account 1 was enrolled.
fn enrolled() -> Log {
    let by = ("operator", "request");
    Log::of("verifier").and(
        "POST /v1/accounts",
        &rest(&[("account", 1)], by, ("operator", "done"), "accepted"),
    )
}

/// A request of account 1 up to its code.
fn with_code() -> Log {
    let request = [("account", 1), ("request", 2)];
    let applicant = "POST /v1/requests/{id}/applicant";
    enrolled()
        .and(
            "POST /v1/requests",
            &rest(&request, ASKS, ("terminal", "done"), "accepted"),
        )
        .and(
            "POST /v1/requests/{id}/password",
            &rest(&request, ASKS, ("terminal", "applicant"), "accepted"),
        )
        .and(
            applicant,
            &rest(
                &request,
                ASKS,
                ("issuer", "POST /v1/eligibility"),
                "waiting",
            ),
        )
        .and(
            applicant,
            &rest(
                &request,
                ("issuer", "answer"),
                ("sms", "POST /v1/messages"),
                "waiting",
            ),
        )
        .and(
            applicant,
            &rest(&request, ("sms", "answer"), ("terminal", "otp"), "accepted"),
        )
        .well()
}

fn wrong_code(log: Log) -> Log {
    log.and(
        OTP,
        &rest(
            &[("request", 2)],
            ASKS,
            ("terminal", "otp-wrong"),
            "refused otp-wrong",
        ),
    )
}

fn right_code(log: Log) -> Log {
    log.and(
        OTP,
        &rest(&[("request", 2)], ASKS, ("terminal", "issue"), "accepted"),
    )
}

#[test]
fn a_code_is_taken_after_the_lock_out() {
    let locked = (0..5).fold(with_code(), |log, _| wrong_code(log)).well();
    right_code(locked).wrong("PRV-6");
}

#[test]
fn a_code_is_taken_when_it_is_too_old() {
    right_code(with_code().after(600_000 - 2)).well();
    right_code(with_code().after(600_001)).wrong("PRV-5");
}

#[test]
fn the_budget_of_guesses_is_shared_by_an_account() {
    let mut log = (0..5).fold(with_code(), |log, _| wrong_code(log));
    let other = [("account", 1), ("request", 3)];
    let applicant = "POST /v1/requests/{id}/applicant";
    log = log
        .and(
            "POST /v1/requests",
            &rest(&other, ASKS, ("terminal", "done"), "accepted"),
        )
        .and(
            "POST /v1/requests/{id}/password",
            &rest(&other, ASKS, ("terminal", "applicant"), "accepted"),
        )
        .and(
            applicant,
            &rest(&other, ASKS, ("issuer", "POST /v1/eligibility"), "waiting"),
        )
        .and(
            applicant,
            &rest(
                &other,
                ("issuer", "answer"),
                ("sms", "POST /v1/messages"),
                "waiting",
            ),
        );
    let guess = |log: Log| {
        log.and(
            OTP,
            &rest(
                &[("request", 3)],
                ASKS,
                ("terminal", "otp-wrong"),
                "refused otp-wrong",
            ),
        )
    };
    let log = (0..5).fold(log, |log, _| guess(log)).well();
    let resend = "POST /v1/requests/{id}/otp/resend";
    let log = log
        .after(60_000)
        .and(
            resend,
            &rest(
                &[("request", 3)],
                ASKS,
                ("sms", "POST /v1/messages"),
                "waiting",
            ),
        )
        .well();
    guess(log).wrong("PRV-9");
}

#[test]
fn a_password_of_nobody_is_taken() {
    let request = [("account", 7), ("request", 2)];
    enrolled()
        .and(
            "POST /v1/requests",
            &rest(&request, ASKS, ("terminal", "done"), "accepted"),
        )
        .well()
        .and(
            "POST /v1/requests/{id}/password",
            &rest(&request, ASKS, ("terminal", "applicant"), "accepted"),
        )
        .wrong("APP-1");
}

#[test]
fn a_request_is_issued_without_a_proof() {
    let log = enrolled()
        .and(
            "POST /v1/requests",
            &rest(
                &[("account", 1), ("request", 2)],
                ASKS,
                ("terminal", "done"),
                "accepted",
            ),
        )
        .and(
            "POST /v1/requests/{id}/password",
            &rest(
                &[("request", 2)],
                ASKS,
                ("terminal", "applicant"),
                "accepted",
            ),
        )
        .well();
    log.and(
        "POST /v1/requests/{id}/issue",
        &rest(
            &[("request", 2)],
            ASKS,
            ("issuer", "POST /v1/issue"),
            "waiting",
        ),
    )
    .wrong("APP-1");
}

const BY_VERIFIER: (&str, &str) = ("verifier", "request");

/// A card, its token inactive.
fn issued() -> Log {
    let made = [("request", 2), ("card", 3), ("token", 4), ("agreement", 5)];
    Log::of("issuer")
        .and(
            "POST /v1/eligibility",
            &rest(
                &[("request", 2)],
                BY_VERIFIER,
                ("verifier", "known-customer"),
                "accepted",
            ),
        )
        .and(
            "POST /v1/issue",
            &rest(&made, BY_VERIFIER, ("verifier", "inactive"), "accepted"),
        )
        .well()
}

fn active() -> Log {
    let provision = "POST /v1/tokens/{token_ref}/provision";
    let round = |log: Log, word| {
        log.and(
            provision,
            &rest(&[("token", 4)], BY_VERIFIER, ("verifier", word), "accepted"),
        )
    };
    round(round(round(issued(), "inactive"), "inactive"), "active").well()
}

fn tapped(log: Log, tap: u64, counter: u16, amount: &str, verdict: &str) -> Log {
    let code = if verdict == "accepted" { "00" } else { "82" };
    let args = format!(r#""args":{{"atc":"{counter}","amount":"{amount}"}},"#);
    log.and(
        "0100",
        &(args
            + &rest(
                &[("token", 4), ("tap", tap)],
                ("pos", "request"),
                ("pos", code),
                verdict,
            )),
    )
}

#[test]
fn a_request_is_issued_twice() {
    let again = [("request", 2), ("card", 6), ("token", 7)];
    issued()
        .and(
            "POST /v1/issue",
            &rest(&again, BY_VERIFIER, ("verifier", "inactive"), "accepted"),
        )
        .wrong("ISS-10");
}

#[test]
fn a_token_is_active_without_a_receipt() {
    issued()
        .and(
            "POST /v1/tokens/{token_ref}/provision",
            &rest(
                &[("token", 4)],
                BY_VERIFIER,
                ("verifier", "active"),
                "accepted",
            ),
        )
        .wrong("PRO-1");
}

#[test]
fn a_cryptogram_is_taken_twice() {
    let log = tapped(active(), 8, 1, "within-limit", "accepted").well();
    let log = tapped(log, 9, 1, "within-limit", "refused atc-replay").well();
    tapped(log, 10, 1, "within-limit", "accepted").wrong("TAP-3");
}

#[test]
fn a_tap_above_the_limit_is_approved() {
    let log = tapped(active(), 8, 1, "over-limit", "refused limit-exceeded").well();
    tapped(log, 9, 2, "over-limit", "accepted").wrong("TAP-9");
}

#[test]
fn a_lost_card_pays() {
    let lost = r#""post":{"card":"lost"},"#;
    let log = active()
        .and(
            "POST /v1/cards/{card_code}/status",
            &(lost.to_owned()
                + &rest(
                    &[("card", 3)],
                    ("operator", "request"),
                    ("operator", "lost"),
                    "accepted",
                )),
        )
        .well();
    tapped(log, 8, 1, "within-limit", "accepted").wrong("MNG-5");
}

#[test]
fn a_debit_is_posted_after_its_reversal() {
    let reversed = issued()
        .and(
            "POST /v1/debits/{debit_id}/reverse",
            &rest(
                &[("debit", 9)],
                BY_VERIFIER,
                ("verifier", "tombstoned"),
                "accepted",
            ),
        )
        .well();
    reversed
        .and(
            "POST /v1/debits",
            &rest(
                &[("debit", 9), ("card", 3)],
                BY_VERIFIER,
                ("verifier", "posted"),
                "accepted",
            ),
        )
        .wrong("PAY-12");
}

#[test]
fn a_score_is_given_twice() {
    let score = |log: Log| {
        log.and(
            "POST /v1/scores",
            &rest(
                &[("reference", 2)],
                ("issuer", "request"),
                ("issuer", "done"),
                "accepted",
            ),
        )
    };
    let log = Log::of("identity").and(
        "POST /v1/matches",
        &rest(
            &[("reference", 2)],
            BY_VERIFIER,
            ("verifier", "scored"),
            "accepted",
        ),
    );
    score(score(log).well()).wrong("PRV-17");
}

#[test]
fn a_shop_shows_an_approval_that_nobody_gave() {
    let tap = about(&[("tap", 2)]);
    Log::of("pos")
        .and("card", &format!(r#"{tap},"out":[{{"to":"issuer","msg":"request"}}],"verdict":"accepted","post":{{"tap":"asked"}}"#))
        .and("time-out", &format!(r#"{tap},"in":{{"from":"issuer","kind":"silence"}},"out":[{{"to":"issuer","msg":"reversal"}}],"verdict":"accepted","post":{{"tap":"reversing"}}"#))
        .well()
        .and("answer", &format!(r#"{tap},"verdict":"accepted","post":{{"tap":"approved"}}"#))
        .wrong("TAP-11");
}

#[test]
fn a_payment_without_an_answer_is_shown_as_failed() {
    let order = about(&[("order", 2)]);
    Log::of("terminal")
        .and("pay show-order", &format!(r#"{order},"verdict":"accepted","post":{{"order":"confirming"}}"#))
        .and(
            "pay authorise",
            &format!(r#"{order},"out":[{{"to":"verifier","msg":"POST /v1/orders/{{id}}/pay"}}],"verdict":"accepted","post":{{"order":"waiting"}}"#),
        )
        .well()
        .and(
            "pay time-out",
            &format!(r#"{order},"in":{{"from":"verifier","kind":"silence"}},"verdict":"accepted","post":{{"order":"failed"}}"#),
        )
        .wrong("PAY-14");
}

#[test]
fn an_act_that_no_role_has_is_not_possible() {
    Log::of("issuer")
        .and("POST /v1/gifts", r#""verdict":"accepted""#)
        .wrong("LOG-3");
}

#[test]
fn a_message_that_was_taken_is_taken_again() {
    let event = |mid: &str| {
        let heard = format!(r#""in":{{"from":"verifier","kind":"request","mid":"{mid}"}}"#);
        [
            about(&[("request", 2)]),
            heard,
            said("verifier", "known-customer", "accepted"),
        ]
        .join(",")
    };
    let one = event("00000000000000b1");
    Log::of("issuer")
        .and("POST /v1/eligibility", &one)
        .and("POST /v1/eligibility", &event("00000000000000b2"))
        .well()
        .and("POST /v1/eligibility", &one)
        .wrong("LOG-5");
}
