//! The control channel: hooks of a test build, apart from the protocol. One schema by two carriers.
//!
//! An operation is an object; an answer is `{"ok": true, …}`, `{"unimplemented": true, "reason": …}` or
//! `{"error": {"message": …}}`. By HTTP it is `POST /ctl/v1/NAME`; by stdio it is one line with `op` and `seq` to a program that
//! the runner starts, and one line back with the same `seq`. `spec/schema/control.schema.json` has every operation.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::contract::CONTRACT;
use crate::manifest::{Carrier, Implementation};

/// How long a program may take to end.
const GOODBYE: Duration = Duration::from_secs(1);
/// Longest answer, in bytes.
const ANSWER_MAX: u64 = 1 << 20;

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// The subject does not offer it, and why.
    Unimplemented(String),
    /// It failed, or what came is no answer.
    Failed(String),
}

/// A control channel that is open.
#[derive(Debug)]
pub struct Control {
    way: Way,
    patience: Duration,
}

#[derive(Debug)]
enum Way {
    Http { base: String, agent: ureq::Agent },
    Stdio(Mutex<Program>),
}

#[derive(Debug)]
struct Program {
    name: String,
    child: Child,
    /// Open until the end.
    to: Option<ChildStdin>,
    lines: Receiver<String>,
    asked: u64,
}

impl Drop for Program {
    /// The end of its input tells it to go; it is the runner's own child, and who has not gone soon is ended.
    fn drop(&mut self) {
        drop(self.to.take());
        let ends = Instant::now() + GOODBYE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= ends {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Control {
    /// Opens a channel; starts the program, where it is one.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn open(carrier: &Carrier, agent: ureq::Agent, patience: Duration) -> Result<Self, String> {
        let way = match carrier {
            Carrier::Http(base) => Way::Http {
                base: base.trim_end_matches('/').to_owned(),
                agent,
            },
            Carrier::Stdio(command) => Way::Stdio(Mutex::new(Program::start(command)?)),
        };
        Ok(Self { way, patience })
    }

    /// Asks who is there. A channel that knows no `hello` is taken as it is.
    ///
    /// # Errors
    /// When it speaks another contract or for another implementation, or does not answer.
    pub fn hello(&self, expected: &Implementation) -> Result<(), String> {
        let answer = match self.ask("hello", &json!({"contract": CONTRACT})) {
            Ok(answer) => answer,
            Err(Undone::Unimplemented(_)) => return Ok(()),
            Err(Undone::Failed(what)) => return Err(format!("the control channel: {what}")),
        };
        let contract = answer.get("contract").and_then(Value::as_u64);
        if contract.is_some_and(|contract| contract != u64::from(CONTRACT)) {
            return Err(format!(
                "the control channel speaks contract {contract:?}, the runner {CONTRACT}"
            ));
        }
        let said = answer.get("implementation");
        let differs = said.is_some_and(|said| {
            said.get("name").and_then(Value::as_str) != Some(expected.name.as_str())
                || said.get("version").and_then(Value::as_str) != Some(expected.version.as_str())
        });
        if differs {
            return Err(format!(
                "the control channel speaks for {}, the manifest for {} {}",
                said.unwrap_or(&Value::Null),
                expected.name,
                expected.version
            ));
        }
        Ok(())
    }

    /// Does one operation; gives the members of its answer.
    ///
    /// # Errors
    /// When it is not offered, fails, or is not answered in time and form.
    pub fn ask(&self, op: &str, body: &Value) -> Result<Map<String, Value>, Undone> {
        match &self.way {
            Way::Http { base, agent } => self.by_http(base, agent, op, body),
            Way::Stdio(program) => {
                let mut program = program.lock().unwrap_or_else(PoisonError::into_inner);
                program.ask(op, body, self.patience)
            }
        }
    }

    fn by_http(
        &self,
        base: &str,
        agent: &ureq::Agent,
        op: &str,
        body: &Value,
    ) -> Result<Map<String, Value>, Undone> {
        let failed = |what: String| Undone::Failed(format!("{op}: {what}"));
        let sent = agent
            .post(format!("{base}/ctl/v1/{op}"))
            .content_type("application/json")
            .send(body.to_string());
        let mut answer = sent.map_err(|error| failed(error.to_string()))?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_string();
        let text = text.map_err(|error| failed(error.to_string()))?;
        match (judged(op, &text), status) {
            (Err(Undone::Failed(_)), 404 | 405 | 501) => {
                Err(Undone::Unimplemented(format!("{op}: status {status}")))
            }
            (Ok(_), status) if status != 200 => Err(failed(format!("ok with status {status}"))),
            (judged, _) => judged,
        }
    }
}

impl Program {
    fn start(command: &[String]) -> Result<Self, String> {
        let name = command.first().cloned().unwrap_or_default();
        let mut child = Command::new(&name)
            .args(command.get(1..).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("starting the control program {name:?}: {error}"))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!(
                "the control program {name:?} has no input or output"
            ));
        };
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            loop {
                let mut line = Vec::new();
                let read = from.by_ref().take(ANSWER_MAX).read_until(b'\n', &mut line);
                let gone = read.is_err() || line.is_empty();
                if gone
                    || heard
                        .send(String::from_utf8_lossy(&line).into_owned())
                        .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            name,
            child,
            to: Some(to),
            lines,
            asked: 0,
        })
    }

    fn ask(
        &mut self,
        op: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<Map<String, Value>, Undone> {
        let failed = |what: String| Undone::Failed(format!("{op}: {what}"));
        self.asked += 1;
        let mut message = body.clone();
        message["op"] = json!(op);
        message["seq"] = json!(self.asked);
        let line = format!("{message}\n");
        let to = self.to.as_mut();
        to.map_or(Ok(()), |to| {
            to.write_all(line.as_bytes()).and_then(|()| to.flush())
        })
        .map_err(|error| failed(format!("{} has ended: {error}", self.name)))?;
        let line = self
            .lines
            .recv_timeout(patience)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => failed(format!("no answer in {patience:?}")),
                RecvTimeoutError::Disconnected => failed(format!("{} has ended", self.name)),
            })?;
        let mut answer = judged(op, &line)?;
        if answer.remove("seq") != Some(json!(self.asked)) {
            return Err(failed(format!("an answer to something else: {line:.80}")));
        }
        Ok(answer)
    }
}

/// The members of a good answer; strict about which of the three it is.
fn judged(op: &str, text: &str) -> Result<Map<String, Value>, Undone> {
    let strange = || Undone::Failed(format!("{op}: no answer of the contract: {text:.80}"));
    let Ok(Value::Object(mut answer)) = serde_json::from_str(text) else {
        return Err(strange());
    };
    let said: Vec<&str> = ["ok", "unimplemented", "error"]
        .into_iter()
        .filter(|name| answer.contains_key(*name))
        .collect();
    match said[..] {
        ["ok"] if answer.remove("ok") == Some(Value::Bool(true)) => Ok(answer),
        ["unimplemented"] if answer.get("unimplemented") == Some(&Value::Bool(true)) => {
            let reason = answer.get("reason").and_then(Value::as_str);
            let reason = reason.unwrap_or("no reason is given");
            Err(Undone::Unimplemented(format!("{op}: {reason}")))
        }
        ["error"] => {
            let message = answer.get("error").and_then(|error| error.get("message"));
            let message = message.and_then(Value::as_str).ok_or_else(strange)?;
            Err(Undone::Failed(format!("{op}: {message}")))
        }
        _ => Err(strange()),
    }
}
