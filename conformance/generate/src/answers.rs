//! Which fields a good answer has, by route (90-wire): what a template does not name may be anything, but must be there.
//!
//! The runner's patterns are strict, so a field that no pattern names is a failure. [`complete`] spares every template
//! the fields that do not matter to it.

use std::collections::{BTreeMap, BTreeSet};

use kaika_conformance::format::{Do, Expect, File, Send, Step};
use serde_json::{Value, json};

/// A route, and the fields of each of its answers.
type Answers = (&'static str, &'static [&'static [&'static str]]);

const TOKEN: &[&[&str]] = &[&["token_ref", "state", "suspended_by"]];
const OTP: &[&[&str]] = &[&["next", "otp"]];
const NEXT: &[&[&str]] = &[&["next"]];

const ANSWERS: &[Answers] = &[
    ("POST v1/accounts", &[&["account_id"]]),
    (
        "POST v1/requests",
        &[&["request_id", "verifier_nonce", "challenge", "expires_at"]],
    ),
    ("POST v1/requests/_/password", NEXT),
    (
        "POST v1/requests/_/applicant",
        &[&["next", "otp"], &["next", "policy_id", "expires_at"]],
    ),
    ("POST v1/requests/_/otp/resend", OTP),
    ("POST v1/requests/_/otp", NEXT),
    (
        "POST v1/requests/_/id-photos",
        &[&["next", "policy_id", "nonce", "actions", "expires_at"]],
    ),
    ("POST v1/requests/_/frames", NEXT),
    (
        "POST v1/requests/_/issue",
        &[&["next", "card_code", "token_ref"]],
    ),
    (
        "POST v1/requests/_/provision",
        &[
            &["next", "session", "commands"],
            &["next", "card_code", "token_ref"],
        ],
    ),
    ("GET v1/requests/_", &[&["request_id", "state", "next"]]),
    ("POST v1/requests/_/cancel", NEXT),
    (
        "POST v1/orders",
        &[&[
            "order_id",
            "account_id",
            "payee",
            "amount_minor",
            "currency",
            "nonce",
            "expires_at",
            "order_digest",
            "challenge",
        ]],
    ),
    (
        "POST v1/orders/_/pay",
        &[
            &["order_id", "result", "auth_code"],
            &["order_id", "result"],
        ],
    ),
    ("GET v1/orders/_", &[&["order_id", "result"]]),
    ("POST v1/customers", &[&["customer_id"]]),
    ("POST v1/customers/phone", &[&["phone_version"]]),
    ("POST v1/blocks", &[&["blocked"]]),
    (
        "POST v1/eligibility",
        &[
            &[
                "branch",
                "eligibility_id",
                "phone",
                "phone_version",
                "expires_at",
            ],
            &["branch", "eligibility_id", "expires_at"],
        ],
    ),
    (
        "POST v1/issue",
        &[&[
            "request_id",
            "card_code",
            "agreement",
            "token_ref",
            "token_state",
        ]],
    ),
    (
        "GET v1/issue/_",
        &[&[
            "request_id",
            "outcome",
            "card_code",
            "agreement",
            "token_ref",
            "token_state",
        ]],
    ),
    ("POST v1/issue/_/compensate", &[&["outcome"]]),
    (
        "POST v1/tokens/_/provision",
        &[&["session", "commands", "state"]],
    ),
    ("GET v1/tokens/_", TOKEN),
    ("POST v1/tokens/_/suspend", TOKEN),
    ("POST v1/tokens/_/resume", TOKEN),
    ("POST v1/tokens/_/delete", TOKEN),
    ("POST v1/debits", &[&["debit_id", "result", "auth_code"]]),
    ("GET v1/debits/_", &[&["debit_id", "state", "auth_code"]]),
    ("POST v1/debits/_/reverse", &[&["debit_id", "state"]]),
    ("POST v1/cards/_/status", &[&["card_code", "status"]]),
    (
        "GET v1/cards/_",
        &[&["card_code", "status", "available_minor"]],
    ),
    ("POST v1/agreements/_/terminate", &[&["agreement", "state"]]),
];

/// Puts into every pattern of a good answer the fields that its route answers beside.
pub fn complete(file: &mut File) {
    file.parts.values_mut().flatten().for_each(filled);
    let last = |steps: &[Step]| {
        steps.iter().rev().find_map(|step| match step {
            Step::Send(send) => Some(route(send)),
            _ => None,
        })
    };
    let routes: BTreeMap<String, String> = file
        .parts
        .iter()
        .filter_map(|(name, steps)| Some((name.clone(), last(steps)?)))
        .collect();
    for test in &mut file.tests {
        for step in test.steps.iter_mut().chain(&mut test.post) {
            filled(step);
            if let Step::Do(Do {
                part,
                accept: Some(fields),
                ..
            }) = step
                && let Some(route) = routes.get(part)
            {
                fill(route, fields);
            }
        }
    }
}

fn filled(step: &mut Step) {
    match step {
        Step::Send(send) => {
            let route = route(send);
            if let Expect::Accept(fields) = &mut send.expect {
                fill(&route, fields);
            }
        }
        Step::Again(again) => {
            let route = route(&again.send);
            if let Expect::Accept(fields) = &mut again.send.expect {
                fill(&route, fields);
            }
        }
        Step::Parallel(all) => {
            let routes: Vec<String> = all.branches.iter().map(route).collect();
            for outcome in &mut all.outcomes {
                for (route, expect) in routes.iter().zip(outcome) {
                    if let Expect::Accept(fields) = expect {
                        fill(route, fields);
                    }
                }
            }
        }
        Step::Meanwhile(late) => late.steps.iter_mut().for_each(filled),
        _ => {}
    }
}

/// Method and path, `_` for what differs from test to test.
fn route(send: &Send) -> String {
    let path: Vec<&str> = send
        .path
        .iter()
        .map(|part| part.as_str().unwrap_or("_"))
        .collect();
    format!("{} {}", send.method, path.join("/"))
}

/// A field that every answer has that the pattern can mean must be there; one that only some of them have may be.
fn fill(route: &str, fields: &mut BTreeMap<String, Value>) {
    let Some((_, answers)) = ANSWERS.iter().find(|(known, _)| *known == route) else {
        return;
    };
    let named: BTreeSet<&str> = fields
        .iter()
        .filter(|(_, pattern)| pattern.get("$absent").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let fits = |answer: &&&[&str]| named.iter().all(|name| answer.contains(name));
    let meant: Vec<&[&str]> = answers.iter().filter(fits).copied().collect();
    let missing: BTreeSet<&str> = meant
        .iter()
        .flat_map(|answer| answer.iter())
        .copied()
        .collect();
    for name in missing {
        let sure = meant.iter().all(|answer| answer.contains(&name));
        let pattern = if sure {
            json!({"$any": null})
        } else {
            json!({"$optional": null})
        };
        fields.entry(name.to_owned()).or_insert(pattern);
    }
}
