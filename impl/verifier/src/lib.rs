//! The verification server: password, one-time code, photos, binding, orders. No I/O.
//!
//! Read [`Verifier`] and its [`Core::decide`] first: each resource is one function in the file of its hop
//! (`apply`, `prove`, `issue`, `bind`, `provision`, `pay`, `manage`). What is stored is in [`rows`].

use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Call, Change, Core, Input, Refused, Request, Resource, Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::front::parameters;
use serde_json::{Value, json};

mod answers;
mod apply;
mod bind;
mod issue;
mod manage;
mod password;
mod pay;
mod prove;
mod provision;
pub mod rows;

use rows::{CALLS, Waiting};

/// The verifier's secrets: not printed.
pub struct Config {
    /// Key of the back office.
    pub operator_key: [u8; 32],
    /// Makes salts for accounts that do not exist.
    pub secret: [u8; 32],
}

/// The verifier.
pub struct Verifier {
    config: Config,
}

/// Who asks, what is stored, when: all that a decision may look at.
struct Case<'a> {
    verifier: &'a Verifier,
    rows: &'a dyn Rows,
    now: i64,
    dice: &'a mut Dice,
}

type Decision = Result<Change, Refused>;

const TERMINAL: &[Role] = &[Role::Terminal];

const fn post(path: &'static str) -> Resource {
    Resource {
        method: "POST",
        path,
        callers: TERMINAL,
    }
}

const fn get(path: &'static str) -> Resource {
    Resource {
        method: "GET",
        path,
        callers: TERMINAL,
    }
}

const RESOURCES: &[Resource] = &[
    Resource {
        method: "POST",
        path: "/v1/accounts",
        callers: &[Role::Operator],
    },
    post("/v1/requests"),
    post("/v1/requests/{id}/password"),
    post("/v1/requests/{id}/applicant"),
    post("/v1/requests/{id}/otp/resend"),
    post("/v1/requests/{id}/otp"),
    post("/v1/requests/{id}/id-photos"),
    post("/v1/requests/{id}/frames"),
    post("/v1/requests/{id}/issue"),
    post("/v1/requests/{id}/provision"),
    get("/v1/requests/{id}"),
    post("/v1/requests/{id}/cancel"),
    post("/v1/orders"),
    post("/v1/orders/{id}/pay"),
    get("/v1/orders/{id}"),
];

impl Verifier {
    /// A verifier with these secrets.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    fn request(&self, case: Case<'_>, request: &Request) -> Decision {
        let fits = |resource: &&Resource| {
            resource.method == request.method && parameters(resource.path, &request.path).is_some()
        };
        let resource = RESOURCES.iter().find(fits).ok_or(Refusal::UnknownRoute)?;
        let found = parameters(resource.path, &request.path).unwrap_or_default();
        let id = found.first().copied().unwrap_or_default();
        match (resource.method, resource.path) {
            ("POST", "/v1/accounts") => case.enrol(&request.body),
            ("POST", "/v1/requests") => case.open(&request.body),
            ("POST", "/v1/requests/{id}/password") => case.password(id, &request.body),
            ("POST", "/v1/requests/{id}/applicant") => case.applicant(id, request),
            ("POST", "/v1/requests/{id}/otp/resend") => case.resend(id, request),
            ("POST", "/v1/requests/{id}/otp") => case.otp(id, request),
            ("POST", "/v1/requests/{id}/id-photos") => case.photos(id, request),
            ("POST", "/v1/requests/{id}/frames") => case.frames(id, request),
            ("POST", "/v1/requests/{id}/issue") => case.issue(id, request),
            ("POST", "/v1/requests/{id}/provision") => case.provision(id, request),
            ("GET", "/v1/requests/{id}") => case.status(id),
            ("POST", "/v1/requests/{id}/cancel") => case.cancel(id, request),
            ("POST", "/v1/orders") => case.order(&request.body),
            ("POST", "/v1/orders/{id}/pay") => case.pay(id, &request.body),
            ("GET", "/v1/orders/{id}") => case.order_status(id),
            _ => Err(Refusal::UnknownRoute.into()),
        }
    }

    fn answer(case: Case<'_>, call: &str, status: u16, body: &Value) -> Decision {
        let waiting: Waiting = read(case.rows, CALLS, call).ok_or(Refusal::WrongOrder)?;
        match waiting {
            Waiting::Eligibility { request_id } => case.eligible(&request_id, status, body),
            Waiting::Code { request_id } => case.sent(&request_id, status),
            Waiting::Match {
                request_id,
                digests,
            } => case.matched(&request_id, &digests, status, body),
            Waiting::Issue { request_id } => case.issued(&request_id, status, body),
            Waiting::Provision { request_id } => case.provisioned(&request_id, status, body),
            Waiting::Compensate { request_id } => case.compensated(&request_id, status, body),
            Waiting::Debit { order_id } => case.debited(&order_id, status, body),
        }
        .map(|mut change| {
            // The answer is taken: a second one, after a crash, finds nobody waiting.
            change.writes.push(Write::delete(CALLS, call));
            change
        })
    }
}

impl Core for Verifier {
    fn role(&self) -> Role {
        Role::Verifier
    }

    fn resources(&self) -> &'static [Resource] {
        RESOURCES
    }

    fn caller_key(&self, caller: Role) -> Option<&[u8; 32]> {
        match caller {
            Role::Operator => Some(&self.config.operator_key),
            Role::Terminal
            | Role::Chip
            | Role::Verifier
            | Role::Issuer
            | Role::Identity
            | Role::Pos
            | Role::Sms => None,
        }
    }

    fn decide(
        &self,
        rows: &dyn Rows,
        now: i64,
        dice: &mut Dice,
        input: &Input,
    ) -> Result<Change, Refused> {
        let case = Case {
            verifier: self,
            rows,
            now,
            dice,
        };
        match input {
            Input::Request(request) => self.request(case, request),
            Input::Answer { call, status, body } => Self::answer(case, call, *status, body),
        }
    }
}

/// Makes a call and remembers who waits for it.
fn ask(
    to: Role,
    id: &str,
    path: String,
    body: Value,
    waiting: &Waiting,
    mut writes: Vec<Write>,
) -> Change {
    let call = Call {
        id: id.into(),
        to: to.name().into(),
        method: "POST".into(),
        path,
        body,
    };
    writes.push(Write::put(CALLS, id, waiting));
    Change::call(call, writes)
}

/// A call id that follows from what is asked: asking again is the same question.
fn call_id(what: &str, subject: &str) -> String {
    let digest =
        kaika_crypto::digest::sha256(&[b"kaika/call/1", what.as_bytes(), b"/", subject.as_bytes()]);
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// A good answer that only says what comes next.
fn next(word: &str, writes: Vec<Write>) -> Change {
    Change::reply(200, json!({"next": word}), writes)
}

#[cfg(test)]
mod tests;
