//! The back office: enrols people at issuer, verifier and identity, and does what only an operator may.

use std::path::Path;

use kaika_crypto::password;
use kaika_spec::Role;
use kaika_spec::limit::{ARGON2_M_KIB, ARGON2_P, ARGON2_T};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::SharedClock;
use crate::dice;
use crate::fault::Fault;
use crate::keys::Key;
use crate::peers::{Message, http, send};

/// A person, as on the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// Name.
    pub name: String,
    /// `resident-id` or `passport`.
    pub id_type: String,
    /// Number of the document.
    pub id_no: String,
    /// `YYYY-MM-DD`.
    pub id_valid_to: String,
}

/// A customer whom the issuer knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// Who.
    pub applicant: Applicant,
    /// The reserved phone.
    pub phone: String,
}

/// An account with the wallet.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its name.
    pub account_id: String,
    /// Whose.
    pub applicant: Applicant,
    /// Its password; only what is derived from it goes to the verifier.
    pub password: String,
}

/// A person in the identity system.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who.
    pub applicant: Applicant,
    /// The face on record, for the simulated matcher.
    pub face: String,
}

/// Everybody to enrol: the content of `--enrol FILE`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrolment {
    /// For the issuer.
    pub customers: Vec<Customer>,
    /// For the verifier.
    pub accounts: Vec<Account>,
    /// For the identity system.
    pub persons: Vec<Person>,
}

impl Enrolment {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read as an enrolment.
    pub fn load(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read(path).map_err(|error| Fault::file(path, error))?;
        serde_json::from_slice(&text)
            .map_err(|error| Fault::content(path, format!("not an enrolment: {error}")))
    }

    /// What `role` has to be told: path and body of each message.
    ///
    /// # Errors
    /// When a password cannot be derived.
    pub fn messages(&self, role: Role) -> Result<Vec<(&'static str, Value)>, Fault> {
        match role {
            Role::Issuer => Ok(self
                .customers
                .iter()
                .map(|row| ("/v1/customers", json!(row)))
                .collect()),
            Role::Identity => Ok(self
                .persons
                .iter()
                .map(|row| ("/v1/persons", json!(row)))
                .collect()),
            Role::Verifier => self
                .accounts
                .iter()
                .map(|row| Ok(("/v1/accounts", row.message()?)))
                .collect(),
            Role::Terminal | Role::Chip | Role::Pos | Role::Sms | Role::Operator => Ok(vec![]),
        }
    }
}

impl Account {
    /// Salt and stored key instead of the password.
    fn message(&self) -> Result<Value, Fault> {
        let salt = dice::bytes::<16>();
        let salted = password::salted(
            self.password.as_bytes(),
            &salt,
            ARGON2_M_KIB,
            ARGON2_T,
            ARGON2_P,
        );
        let salted = salted
            .map_err(|error| Fault::Peer(format!("password of {}: {error}", self.account_id)))?;
        let stored = password::stored_key(&password::client_key(&salted));
        Ok(json!({
            "account_id": self.account_id,
            "applicant": self.applicant,
            "salt": hex::encode(salt),
            "stored_key": hex::encode(stored.bytes()),
        }))
    }
}

/// The operator of one server.
#[derive(Clone)]
pub struct Operator {
    http: reqwest::Client,
    url: String,
    key: Key<32>,
    clock: SharedClock,
}

impl Operator {
    /// The operator of the server at `url`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, key: Key<32>, clock: SharedClock) -> Result<Self, Fault> {
        Ok(Self {
            http: http()?,
            url: url.trim_end_matches('/').to_owned(),
            key,
            clock,
        })
    }

    /// Sends one message and returns status and body.
    ///
    /// # Errors
    /// When it is not answered.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Fault> {
        self.send("POST", path, &dice::id(), body).await
    }

    /// Asks for a resource.
    ///
    /// # Errors
    /// When it is not answered.
    pub async fn get(&self, path: &str) -> Result<(u16, Value), Fault> {
        self.send("GET", path, "", &Value::Null).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> Result<(u16, Value), Fault> {
        let key = Some(self.key.bytes());
        let message = Message {
            caller: Some(Role::Operator),
            method,
            path,
            key,
            idempotency_key,
            body,
        };
        send(&self.http, &self.url, self.clock.now(), &message).await
    }

    /// Enrols everybody whom `role` must know. Who is enrolled already stays as they are.
    ///
    /// # Errors
    /// When the server does not answer or refuses somebody.
    pub async fn enrol(&self, role: Role, who: &Enrolment) -> Result<(), Fault> {
        for (path, body) in who.messages(role)? {
            let (status, answer) = self.post(path, &body).await?;
            let known = answer.get("code").and_then(Value::as_str) == Some("already-enrolled");
            if status >= 300 && !known {
                return Err(Fault::Peer(format!(
                    "{role} refuses {path}: {status} {answer}"
                )));
            }
        }
        Ok(())
    }
}
