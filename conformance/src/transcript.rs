//! What was said over HTTP while vectors were played: one JSON document a line.
//!
//! `{"by", "from", "to", "method", "path", "sent", "status", "type", "body"}`: the messages of the runner and, by the
//! `subject`, the questions that it asks. Bodies that are no JSON are null.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// A transcript that is being written; clones write the same one.
#[derive(Clone, Debug)]
pub struct Transcript(Arc<Mutex<File>>);

/// One message and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// `runner` or `subject`: whose message it is.
    pub by: &'a str,
    /// Who asks.
    pub from: &'a str,
    /// Who answers.
    pub to: &'a str,
    /// Method.
    pub method: &'a str,
    /// Path.
    pub path: &'a str,
    /// The message's body.
    pub sent: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// Its media type.
    pub kind: &'a str,
    /// Its body.
    pub body: &'a Value,
}

impl Transcript {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(File::create(path)?))))
    }

    /// Writes one exchange.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, exchange: &Exchange<'_>) -> std::io::Result<()> {
        let sent: Value = serde_json::from_str(exchange.sent).unwrap_or_default();
        let line = json!({
            "by": exchange.by, "from": exchange.from, "to": exchange.to, "method": exchange.method, "path": exchange.path, "sent": sent,
            "status": exchange.status, "type": exchange.kind, "body": exchange.body,
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
    }
}
