//! The card issuer: decides who may have a card, mints, personalises and debits. No I/O.
//!
//! Read [`Issuer`] and its [`Core::decide`] first: each resource is one function in the file of its hop
//! (`apply`, `prove`, `issue`, `provision`, `pay`, `tap`, `manage`); what chips sign is judged in `evidence`; PANs are in `vault`. What is stored is in [`rows`].

use kaika_crypto::{ChipMasterKey, IssuerMasterKey};
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Call, Caller, Change, Core, Input, Refused, Request, Resource, Rows};
use kaika_wire::dice::Dice;
use kaika_wire::front::parameters;
use serde_json::Value;

mod apply;
mod date;
mod evidence;
mod issue;
mod ledger;
mod manage;
mod pay;
mod prove;
mod provision;
pub mod rows;
mod tap;
mod vault;

pub use tap::{Asking, Checked, Frame, Seen};
pub use vault::Vault;

/// The issuer's secrets: not printed.
pub struct Config {
    /// Key shared with the verifier.
    pub verifier_key: [u8; 32],
    /// Key of the back office.
    pub operator_key: [u8; 32],
    /// Master key of the chips.
    pub kmc: ChipMasterKey,
    /// Master key of the tokens.
    pub imk: IssuerMasterKey,
    /// Which PAN a token stands for, and under which keys that is kept.
    pub vault: Vault,
}

/// The issuer.
pub struct Issuer {
    config: Config,
}

/// Who asks, what is stored, when: all that a decision may look at.
struct Case<'a> {
    issuer: &'a Issuer,
    rows: &'a dyn Rows,
    now: i64,
    dice: &'a mut Dice,
}

type Decision = Result<Change, Refused>;

const VERIFIER: &[Role] = &[Role::Verifier];
const OPERATOR: &[Role] = &[Role::Operator];
const BOTH: &[Role] = &[Role::Verifier, Role::Operator];

const fn post(path: &'static str, callers: &'static [Role]) -> Resource {
    Resource {
        method: "POST",
        path,
        callers,
    }
}

const fn get(path: &'static str, callers: &'static [Role]) -> Resource {
    Resource {
        method: "GET",
        path,
        callers,
    }
}

const RESOURCES: &[Resource] = &[
    post("/v1/customers", OPERATOR),
    post("/v1/customers/phone", OPERATOR),
    post("/v1/blocks", OPERATOR),
    post("/v1/eligibility", VERIFIER),
    post("/v1/issue", VERIFIER),
    get("/v1/issue/{request_id}", VERIFIER),
    post("/v1/issue/{request_id}/compensate", VERIFIER),
    post("/v1/tokens", OPERATOR),
    post("/v1/tokens/{token_ref}/provision", VERIFIER),
    get("/v1/tokens/{token_ref}", BOTH),
    post("/v1/tokens/{token_ref}/suspend", BOTH),
    post("/v1/tokens/{token_ref}/resume", BOTH),
    post("/v1/tokens/{token_ref}/delete", BOTH),
    post("/v1/debits", VERIFIER),
    get("/v1/debits/{debit_id}", VERIFIER),
    post("/v1/debits/{debit_id}/reverse", VERIFIER),
    post("/v1/cards/{card_code}/status", BOTH),
    get("/v1/cards/{card_code}", BOTH),
    post("/v1/cards/{card_code}/replace", OPERATOR),
    post("/v1/vault/rotate", OPERATOR),
    post("/v1/vault/reseal", OPERATOR),
    post("/v1/agreements/{agreement}/terminate", VERIFIER),
];

impl Issuer {
    /// An issuer with these secrets.
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
        let body = &request.body;
        match (resource.method, resource.path) {
            ("POST", "/v1/customers") => case.enrol(body),
            ("POST", "/v1/customers/phone") => case.change_phone(body),
            ("POST", "/v1/blocks") => case.block(body),
            ("POST", "/v1/eligibility") => case.eligibility(body),
            ("POST", "/v1/issue") => case.issue(body),
            ("GET", "/v1/issue/{request_id}") => case.outcome(id),
            ("POST", "/v1/issue/{request_id}/compensate") => case.compensate(id, body),
            ("POST", "/v1/tokens") => case.mint_more(body),
            ("POST", "/v1/tokens/{token_ref}/provision") => case.provision(id, body),
            ("GET", "/v1/tokens/{token_ref}") => case.token(id),
            ("POST", "/v1/tokens/{token_ref}/suspend") => case.suspend(id, body, request.caller),
            ("POST", "/v1/tokens/{token_ref}/resume") => case.resume(id, body, request.caller),
            ("POST", "/v1/tokens/{token_ref}/delete") => case.delete(id, body),
            ("POST", "/v1/debits") => case.debit(body),
            ("GET", "/v1/debits/{debit_id}") => case.debit_status(id),
            ("POST", "/v1/debits/{debit_id}/reverse") => case.reverse(id, body),
            ("POST", "/v1/cards/{card_code}/status") => case.set_card_status(id, body),
            ("GET", "/v1/cards/{card_code}") => case.card(id),
            ("POST", "/v1/cards/{card_code}/replace") => case.replace(id, body),
            ("POST", "/v1/vault/rotate") => case.rotate(body),
            ("POST", "/v1/vault/reseal") => case.reseal(body),
            ("POST", "/v1/agreements/{agreement}/terminate") => case.terminate(id, body),
            _ => Err(Refusal::UnknownRoute.into()),
        }
    }
}

impl Core for Issuer {
    fn role(&self) -> Role {
        Role::Issuer
    }

    fn resources(&self) -> &'static [Resource] {
        RESOURCES
    }

    fn caller_key(&self, caller: Role) -> Option<&[u8; 32]> {
        match caller {
            Role::Verifier => Some(&self.config.verifier_key),
            Role::Operator => Some(&self.config.operator_key),
            Role::Terminal | Role::Chip | Role::Issuer | Role::Identity | Role::Pos | Role::Sms => {
                None
            }
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
            issuer: self,
            rows,
            now,
            dice,
        };
        match input {
            Input::Request(request) => self.request(case, request),
            Input::Answer { call, status, body } => case.scored(call, *status, body),
        }
    }
}

/// A call to the identity system.
fn ask_identity(id: String, path: &str, body: Value) -> Call {
    Call {
        id,
        to: Role::Identity.name().into(),
        method: "POST".into(),
        path: path.into(),
        body,
    }
}

/// Whether the caller is the back office.
fn is_operator(caller: Caller) -> bool {
    caller == Caller::Known(Role::Operator)
}

#[cfg(test)]
mod tests;
