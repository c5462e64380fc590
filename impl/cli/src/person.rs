//! The person at the command line: documents from files, codes from the keyboard or from an SMS gateway.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kaika_node::Fault;
use kaika_node::client::{Person, Step};
use kaika_node::peers::http;
use kaika_node::sms;
use kaika_terminal::apply::Kept;
use kaika_terminal::pay;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where the answers of a person come from.
pub(crate) struct AtTheKeyboard {
    /// Front of the document.
    pub(crate) front: Option<PathBuf>,
    /// Back of the document.
    pub(crate) back: Option<PathBuf>,
    /// Pictures by action.
    pub(crate) frames: BTreeMap<String, PathBuf>,
    /// SMS gateway and phone number to read codes from.
    pub(crate) gateway: Option<(String, String)>,
    /// The code that was read there last.
    pub(crate) read: Option<String>,
    /// File that keeps where a card request stands, or a payment that was sent.
    pub(crate) state: Option<PathBuf>,
    /// Whether every message is told.
    pub(crate) verbose: bool,
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| Fault::file(path, error))
}

fn missing(what: &str) -> Fault {
    Fault::Peer(format!(
        "the verifier asks for {what}; give it on the command line"
    ))
}

impl Person for AtTheKeyboard {
    async fn code(&mut self, phone_mask: &str) -> Result<Option<String>, Fault> {
        match &self.gateway {
            Some((gateway, phone)) => {
                let code = Some(last_code(gateway, phone).await?);
                if self.read == code {
                    let what = format!("the newest code for {phone} at {gateway} was tried");
                    return Err(Fault::Peer(what));
                }
                self.read.clone_from(&code);
                Ok(code)
            }
            None => prompt(phone_mask),
        }
    }

    fn photos(&mut self) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let front = self
            .front
            .as_ref()
            .ok_or_else(|| missing("ID photos (--front FILE --back FILE)"))?;
        let back = self
            .back
            .as_ref()
            .ok_or_else(|| missing("ID photos (--front FILE --back FILE)"))?;
        Ok((read(front)?, read(back)?))
    }

    fn frames(&mut self, actions: &[String]) -> Result<Vec<Vec<u8>>, Fault> {
        let picture = |action: &String| {
            let path = self
                .frames
                .get(action)
                .ok_or_else(|| missing(&format!("a picture (--frame {action}=FILE)")))?;
            // Two frames are never the same picture: the action is noted in each.
            let mut bytes = read(path)?;
            bytes.extend_from_slice(
                format!("\naction: {action} {}\n", kaika_node::dice::id()).as_bytes(),
            );
            Ok(bytes)
        };
        actions.iter().map(picture).collect()
    }

    fn keeps(&mut self, kept: &Kept) -> Result<(), Fault> {
        match &self.state {
            Some(path) => keep(path, kept).map_err(|error| Fault::file(path, error)),
            None => Ok(()),
        }
    }

    fn keeps_payment(&mut self, kept: &pay::Kept) -> Result<(), Fault> {
        match &self.state {
            Some(path) => keep(path, kept).map_err(|error| Fault::file(path, error)),
            None => Ok(()),
        }
    }

    fn sees(&mut self, what: &Step<'_>) {
        if !self.verbose {
            return;
        }
        match what {
            Step::Sent(http) => eprintln!("→ {} {}", http.method, http.path),
            Step::Answered(status, body) => {
                eprintln!("← {status} {}", body.get("next").unwrap_or(&Value::Null))
            }
            Step::Chip(count) => eprintln!("⇄ {count} commands to the chip"),
            Step::Sign => eprintln!("⇄ the chip signs"),
        }
    }
}

/// Writes beside, then renames: a terminal that is killed leaves the old or the new, and only its owner reads the key in it.
pub(crate) fn keep(path: &Path, kept: &impl Serialize) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    serde_json::to_writer(&mut file, kept)?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

/// What was kept, if anything was.
///
/// # Errors
/// When the file holds something else.
pub(crate) fn kept<T: DeserializeOwned>(path: &Path) -> std::io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has ended is not taken up again.
pub(crate) fn forget(path: &Path) -> Result<(), Fault> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::file(path, error)),
        _ => Ok(()),
    }
}

fn prompt(phone_mask: &str) -> Result<Option<String>, Fault> {
    eprint!("code sent to {phone_mask} (an empty line asks for another): ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    match read {
        Ok(count) if count > 0 => Ok(Some(line.trim().to_owned()).filter(|code| !code.is_empty())),
        _ => Err(Fault::Peer(
            "no code was typed; give --sms URL --phone NUMBER to read it from the gateway".into(),
        )),
    }
}

/// The code in the newest message for a phone.
async fn last_code(gateway: &str, phone: &str) -> Result<String, Fault> {
    let number = phone.replace('+', "%2B");
    let url = format!("{}/v1/messages?to={number}", gateway.trim_end_matches('/'));
    let lost = |error| Fault::Peer(format!("the SMS gateway at {gateway}: {error}"));
    let text = http()?
        .get(url)
        .send()
        .await
        .map_err(lost)?
        .text()
        .await
        .map_err(lost)?;
    let messages: Vec<sms::Message> = serde_json::from_str(&text).unwrap_or_default();
    let code = messages
        .last()
        .and_then(|message| sms::code(&message.text))
        .map(str::to_owned);
    code.ok_or_else(|| Fault::Peer(format!("the gateway has no code for {phone}")))
}
