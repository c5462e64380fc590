//! The shape that every server core has: one [`Input`] in, one [`Change`] or one [`Refusal`] out.
//!
//! A core does no I/O. It reads rows through [`Rows`], judges in [`Core::decide`], and the shell commits the
//! [`Change`] in one transaction, then makes its calls, and feeds each answer back as [`Input::Answer`].
//! A refusal carries no writes, so it cannot change anything; a refusal that must count (a wrong code) is a
//! `Change` made by [`Change::counted`].

use kaika_spec::{Refusal, Role};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::dice::Dice;

/// Stored rows as a core sees them: a table name, a key, bytes.
pub trait Rows {
    /// The row, if there is one.
    fn get(&self, table: &str, key: &str) -> Option<Vec<u8>>;
}

/// Reads one typed row.
///
/// # Panics
/// When a stored row is not what this program wrote: a broken promise of ours, not reachable from outside.
pub fn read<T: DeserializeOwned>(rows: &dyn Rows, table: &str, key: &str) -> Option<T> {
    rows.get(table, key)
        .map(|bytes| match serde_json::from_slice(&bytes) {
            Ok(row) => row,
            Err(error) => panic!("row {table}/{key} is not readable: {error}"),
        })
}

/// One row to store, or to delete when `value` is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Table name.
    pub table: &'static str,
    /// Key within the table.
    pub key: String,
    /// New bytes, or nothing to delete the row.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// Stores `row` as JSON.
    ///
    /// # Panics
    /// Never for the row types of this workspace, whose maps have string keys.
    pub fn put<T: Serialize>(table: &'static str, key: impl Into<String>, row: &T) -> Self {
        match serde_json::to_vec(row) {
            Ok(bytes) => Self {
                table,
                key: key.into(),
                value: Some(bytes),
            },
            Err(error) => panic!("row of {table} is not writable: {error}"),
        }
    }

    /// Deletes a row.
    pub fn delete(table: &'static str, key: impl Into<String>) -> Self {
        Self {
            table,
            key: key.into(),
            value: None,
        }
    }
}

/// Who sent a request, as far as the transport knows: the name is verified for servers and the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// Nobody named: a terminal, whose MAC (if the resource needs one) the verifier's core checks.
    Terminal,
    /// A server or the operator, whose MAC has been verified.
    Known(Role),
}

/// One HTTP request after its headers were admitted (`crate::front`).
#[derive(Clone, Debug)]
pub struct Request {
    /// Who sent it.
    pub caller: Caller,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path without query, as received: `/v1/requests/…`.
    pub path: String,
    /// `Kaika-Time`, ms.
    pub time: i64,
    /// `Idempotency-Key`; empty for GET.
    pub idempotency_key: String,
    /// `Kaika-Mac`, when there was one.
    pub mac: Option<[u8; 32]>,
    /// The body as received.
    pub body: Vec<u8>,
}

/// Whatever happens to a server core.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request arrived.
    Request(Request),
    /// A call of ours was answered. `status` 0 means that it was never answered.
    Answer {
        /// The id of the [`Call`].
        call: String,
        /// HTTP status, or 0.
        status: u16,
        /// The body, or null.
        body: Value,
    },
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
}

/// A request of ours to another role. Its id is its idempotency key, so that repeating it is safe.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Call {
    /// 32 hex digits.
    pub id: String,
    /// `issuer`, `identity` or `sms`.
    pub to: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Path.
    pub path: String,
    /// JSON body (null for GET).
    pub body: Value,
}

/// All that follows from one input, in order: the writes in one transaction, then the calls, then the reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Rows to store, in one transaction.
    pub writes: Vec<Write>,
    /// Calls to make once the writes are stored.
    pub calls: Vec<Call>,
    /// The answer, when it does not wait for a call.
    pub reply: Option<Reply>,
    /// The refusal that the reply carries, when this is a counted refusal: for the log.
    pub refusal: Option<Refusal>,
}

impl Change {
    /// A change with an answer.
    pub fn reply(status: u16, body: Value, writes: Vec<Write>) -> Self {
        Self {
            writes,
            reply: Some(Reply { status, body }),
            ..Self::default()
        }
    }

    /// A change whose answer waits for `call`.
    pub fn call(call: Call, writes: Vec<Write>) -> Self {
        Self {
            writes,
            calls: vec![call],
            ..Self::default()
        }
    }

    /// A refusal that must leave a mark: only the counters that `spec/95-refusals.md` names.
    pub fn counted(refusal: Refusal, writes: Vec<Write>) -> Self {
        Self {
            writes,
            reply: Some(crate::problem::reply(refusal, None)),
            refusal: Some(refusal),
            ..Self::default()
        }
    }
}

/// A refusal and what to say about it besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub refusal: Refusal,
    /// What and where, when the refusal is the sender's mistake in form. Holds no secret.
    pub detail: Option<String>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            detail: None,
        }
    }
}

/// One resource: used for routing, and compared with the OpenAPI documents by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Template: `/v1/requests/{id}/otp`.
    pub path: &'static str,
    /// Who may use it. `Role::Terminal` means no caller header.
    pub callers: &'static [Role],
}

/// A server role without its sockets.
pub trait Core: Send + Sync + 'static {
    /// Which role this is.
    fn role(&self) -> Role;

    /// Its resources.
    fn resources(&self) -> &'static [Resource];

    /// The key shared with a caller, if it may call at all.
    fn caller_key(&self, caller: Role) -> Option<&[u8; 32]>;

    /// All the judgement and none of the change.
    ///
    /// # Errors
    /// The refusal, by rank.
    fn decide(
        &self,
        rows: &dyn Rows,
        now: i64,
        dice: &mut Dice,
        input: &Input,
    ) -> Result<Change, Refused>;
}
