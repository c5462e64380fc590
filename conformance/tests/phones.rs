//! Phones that pay and apply, by real sockets: those that are right, in two ways each, pass, and each that is wrong in one thing
//! fails there.

mod phone;
mod subjects;

use std::sync::Arc;
use std::time::Duration;

use kaika_conformance::format::File;
use kaika_conformance::manifest::{Carrier, Endpoint, Hooks, Implementation, Manifest};
use kaika_conformance::play::Runner;
use kaika_conformance::suite::{Filter, run};
use kaika_conformance::verdict::{Failure, Verdict};
use phone::{Kind, Shop, apply, pay};
use subjects::{listening, suites};

const PATIENCE: Duration = Duration::from_secs(2);

fn runner(kind: Kind) -> Runner {
    let shop = Arc::new(Shop::new(kind));
    let at = listening(move |stream| shop.control(stream));
    let manifest = Manifest {
        implementation: Implementation {
            name: format!("{kind:?}"),
            version: "0".to_owned(),
        },
        roles: [("terminal".to_owned(), Endpoint::default())].into(),
        hooks: Hooks {
            control: Some(Carrier::Http(format!("http://{at}"))),
            offers: Some(vec!["trigger".to_owned(), "crash".to_owned()]),
        },
        ..Manifest::default()
    };
    Runner::new(manifest, PATIENCE)
}

fn suite() -> &'static File {
    let found = suites().iter().find(|file| file.suite == "terminal");
    found.unwrap_or_else(|| panic!("no suite of the terminal"))
}

/// Every test of a chapter passes.
fn passes(kind: Kind, chapter: &str, least: usize) {
    let only = Filter {
        only: vec![format!("terminal/{chapter}/")],
        ..Filter::default()
    };
    let outcome = run(&runner(kind), suite(), &only, 8, &|_, _, _| {});
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    let bad = outcome
        .played
        .iter()
        .find(|played| played.verdict != Verdict::Pass);
    assert!(bad.is_none(), "{kind:?}: {bad:?}");
    assert!(outcome.played.len() > least, "{}", outcome.played.len());
}

#[test]
fn who_pays_right_passes_in_either_way() {
    for manner in [pay::Manner::Repeats, pay::Manner::LooksUp] {
        passes(Kind::Pays(manner), "pay", 45);
    }
}

#[test]
fn who_applies_right_passes_in_either_way() {
    for manner in [apply::Manner::AsksAgain, apply::Manner::SaysAgain] {
        passes(Kind::Applies(manner), "apply", 180);
    }
}

/// The failure of one test.
fn failure(kind: Kind, id: &str) -> Failure {
    let test = suite().tests.iter().find(|test| test.id == id);
    let test = test.unwrap_or_else(|| panic!("no {id}"));
    match runner(kind).play(suite(), test).verdict {
        Verdict::Fail(failure) => failure,
        other => panic!("{kind:?}: {other:?}"),
    }
}

/// A phone of this kind fails this test, at this step, where this is seen.
fn fails(kind: Kind, id: &str, what: &str, seen: &str) {
    let failure = failure(kind, id);
    assert_eq!(failure.what, what, "{kind:?}: {failure:?}");
    assert!(failure.seen.starts_with(seen), "{kind:?}: {failure:?}");
}

/// A phone, a test, the step at which it fails and what is seen there.
type Case = (Kind, String, String, &'static str);

/// All of them, at the same time: many fail by what does not come.
fn all_fail(cases: &[Case]) {
    std::thread::scope(|scope| {
        for (kind, id, what, seen) in cases {
            scope.spawn(|| fails(*kind, id, what, seen));
        }
    });
}

#[test]
fn who_pays_wrong_fails_where_it_is_wrong() {
    let mut cases = Vec::new();
    for (manner, way, what, seen) in [
        (
            pay::Manner::GivesUp,
            "pay order(ok) chip(signs) time-out",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            pay::Manner::NewKeys,
            "pay order(ok) chip(signs) answer(cut)",
            "subject -> verifier : the same again",
            "POST",
        ),
        (
            pay::Manner::SignsAll,
            "pay order(other-amount)",
            "subject -> runner : what is shown",
            "SIGN EVIDENCE",
        ),
        (
            pay::Manner::Trusts,
            "pay order(other-digest)",
            "subject -> runner : what is shown",
            "SIGN EVIDENCE",
        ),
        (
            pay::Manner::Believes,
            "pay order(ok) chip(signs) told(other-order)",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            pay::Manner::Forgets,
            "pay order(ok) chip(signs) crash",
            "subject -> verifier : the same again",
            "POST /v1/orders, key",
        ),
        (
            pay::Manner::NewKeys,
            "pay order(ok) chip(signs) crash",
            "subject -> verifier : the same again",
            "POST",
        ),
        (
            pay::Manner::Hurries,
            "pay order(ok) chip(signs) answer(cut) answer(open)",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            pay::Manner::Hoards,
            "pay order(ok) chip(signs) told(paid) pay",
            "subject -> verifier : POST /v1/orders",
            "POST /v1/orders/",
        ),
    ] {
        let id = format!("terminal/pay/{way}");
        cases.push((Kind::Pays(manner), id, what.to_owned(), seen));
    }
    all_fail(&cases);
}

#[test]
fn who_applies_wrong_fails_where_it_is_wrong() {
    let mut cases = Vec::new();
    const AGAIN: &str = "subject -> verifier : the same again";
    let asks = |what: &str| format!("subject -> verifier : POST /v1/requests/{{..}}/{what}");
    for (manner, way, what, seen) in [
        (
            apply::Manner::Forgets,
            "next(otp) crash",
            "subject -> verifier : GET /v1/requests/{..}".to_owned(),
            "POST /v1/requests, key",
        ),
        (
            apply::Manner::NewPhotos,
            "next(id-photos) crash request(went-on)",
            asks("id-photos"),
            "POST",
        ),
        (
            apply::Manner::Films,
            "next(id-photos) next(frames) crash request(matching)",
            AGAIN.to_owned(),
            "POST",
        ),
        (
            apply::Manner::GivesUp,
            "next(otp) answer(unreadable)",
            AGAIN.to_owned(),
            "nothing",
        ),
        (
            apply::Manner::Believes,
            "next(otp) answer(try-later)",
            AGAIN.to_owned(),
            "nothing",
        ),
        (
            apply::Manner::NewKeys,
            "next(otp) answer(cut)",
            AGAIN.to_owned(),
            "POST",
        ),
        (
            apply::Manner::SameKey,
            "next(otp,another) next(otp,another)",
            asks("otp/resend"),
            "POST",
        ),
        (
            apply::Manner::FirstCode,
            "next(otp,another) next(otp)",
            asks("otp"),
            "",
        ),
        (apply::Manner::Resends, "next(otp)", asks("otp"), "POST"),
        (
            apply::Manner::Consents,
            "next(otp) next(issue)",
            "subject -> chip : sign a consent".to_owned(),
            "",
        ),
    ] {
        let id = format!("terminal/apply/apply opened(ok) next(applicant) {way}");
        cases.push((Kind::Applies(manner), id, what, seen));
    }
    all_fail(&cases);
}
