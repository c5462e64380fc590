//! The chip in a process: its memory in a file that survives kill -9, its commands over TCP.
//!
//! Framing as in `spec/85-apdu.md`, section *Transport*: [`serve`] listens, [`Remote`] connects. A chip that connects to a
//! reader instead is in [`crate::vpcd`].

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kaika_crypto::ChipMasterKey;
use kaika_crypto::chip::ChipKeys;
use kaika_secure_element::journal::FLASH_LEN;
use kaika_secure_element::{ATR, Chip, Fault as FlashFault, Flash};
use kaika_spec::limit::APDU_MAX;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::commands;
use crate::fault::Fault;
use crate::frame;
use crate::log::Diary;
use crate::trail;

/// Longest answer with its status word.
const ANSWER_MAX: usize = 258;
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GIVE_ATR: u8 = 4;

/// Non-volatile memory in a file. One process may hold it.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    path: PathBuf,
}

impl FileFlash {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    /// When it cannot be used, is held by another process, or has another length.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|error| Fault::file(path, error))?;
        if file.try_lock().is_err() {
            return Err(Fault::InUse(path.to_owned()));
        }
        let length = file
            .metadata()
            .map_err(|error| Fault::file(path, error))?
            .len();
        let whole = u64::try_from(FLASH_LEN).unwrap_or(u64::MAX);
        match length {
            0 => file
                .set_len(whole)
                .and_then(|()| file.sync_all())
                .map_err(|error| Fault::file(path, error))?,
            length if length == whole => {}
            length => {
                let problem = format!(
                    "{length} bytes are not a chip's memory ({FLASH_LEN} bytes); give another file"
                );
                return Err(Fault::content(path, problem));
            }
        }
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }
}

impl Flash for FileFlash {
    fn read(&self, at: usize, into: &mut [u8]) {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        if let Err(error) = self.file.read_exact_at(into, at) {
            // A copy that cannot be read does not count, as one that was torn.
            eprintln!("{}: {error}", self.path.display());
            into.fill(0x5a);
        }
    }

    fn write(&mut self, at: usize, word: [u8; 4]) -> Result<(), FlashFault> {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.file.write_all_at(&word, at).map_err(|_| FlashFault)
    }

    fn sync(&mut self) -> Result<(), FlashFault> {
        self.file.sync_data().map_err(|_| FlashFault)
    }
}

/// A chip whose memory is in a file.
///
/// # Errors
/// When the file cannot be used or holds no chip.
pub fn open(path: &Path, master: &[u8; 16], se_id: [u8; 8]) -> Result<Chip<FileFlash>, Fault> {
    let keys = ChipKeys::derive(&ChipMasterKey::new(*master), &se_id);
    let damaged = |_| Fault::content(path, "holds no whole image of a chip; give another file");
    Chip::new(keys, se_id, FileFlash::open(path)?).map_err(damaged)
}

/// What was said to a chip, one JSON document a line: `{"command", "answer"}` in hexadecimal, and `{"power"}` when it went off or
/// the chip was reset. It holds the token and, if one was verified, the PIN.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens the file to write behind what it holds; a new one is for its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|error| Fault::file(path, error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes a line at once, so that it is there if the process is killed.
    fn line(&mut self, document: &Value) {
        if let Err(error) = self.file.write_all(format!("{document}\n").as_bytes()) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}

/// A chip in a reader, with what is written down of it.
#[derive(Debug)]
pub struct Inserted<F: Flash> {
    chip: Chip<F>,
    log: Option<Log>,
    diary: Diary,
    se_id: String,
    /// What the session has come to.
    said: Option<String>,
}

impl<F: Flash> From<Chip<F>> for Inserted<F> {
    fn from(chip: Chip<F>) -> Self {
        Self::logged(chip, None)
    }
}

impl<F: Flash> Inserted<F> {
    /// A chip of which every command is written down, if there is a log.
    pub const fn logged(chip: Chip<F>, log: Option<Log>) -> Self {
        Self {
            chip,
            log,
            diary: Diary::off(),
            se_id: String::new(),
            said: None,
        }
    }

    /// The same chip, which writes down what it decides.
    #[must_use]
    pub fn with_events(self, se_id: &str, diary: Diary) -> Self {
        Self {
            diary,
            se_id: se_id.to_owned(),
            ..self
        }
    }

    /// Power off and on again.
    pub(crate) fn reset(&mut self) {
        self.chip.reset();
        self.said = None;
        self.diary.write(commands::reset(&self.se_id));
        if let Some(log) = &mut self.log {
            log.line(&json!({"power": "reset"}));
        }
    }

    fn process(&mut self, command: &[u8]) -> Vec<u8> {
        let mut out = [0; ANSWER_MAX];
        let length = self.chip.process(command, &mut out);
        let answer = out.get(..length).unwrap_or_default();
        let said = trail::session(self.said.as_deref(), command, answer);
        self.diary
            .write(commands::event(&self.se_id, command, answer, &said));
        self.said = Some(said);
        if let Some(log) = &mut self.log {
            log.line(&json!({"command": hex::encode(command), "answer": hex::encode(answer)}));
        }
        answer.to_vec()
    }

    /// Answers one reader until it leaves.
    pub(crate) async fn session<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut stream: S,
    ) -> std::io::Result<()> {
        while let Some(message) = frame::read(&mut stream, usize::from(u16::MAX)).await? {
            match message.as_slice() {
                [POWER_OFF | POWER_ON | RESET] => self.reset(),
                [GIVE_ATR] => frame::write(&mut stream, &ATR).await?,
                command => frame::write(&mut stream, &self.process(command)).await?,
            }
        }
        Ok(())
    }
}

/// Serves one reader after another until the listener fails. Power goes off when a reader leaves.
///
/// # Errors
/// When the listener fails.
pub async fn serve<F: Flash>(
    listener: TcpListener,
    chip: impl Into<Inserted<F>>,
) -> Result<(), Fault> {
    serve_telling(listener, chip, |_| ()).await
}

/// The same, and tells when a reader has come (`true`) and when it has left.
///
/// # Errors
/// When the listener fails.
pub async fn serve_telling<F: Flash>(
    listener: TcpListener,
    chip: impl Into<Inserted<F>>,
    tell: impl Fn(bool),
) -> Result<(), Fault> {
    let mut chip = chip.into();
    loop {
        let (stream, _) = listener
            .accept()
            .await
            .map_err(|error| Fault::net("accepting a reader", error))?;
        let _ = stream.set_nodelay(true);
        tell(true);
        if let Err(error) = chip.session(stream).await {
            eprintln!("chip: the reader left: {error}");
        }
        chip.reset();
        tell(false);
    }
}

/// A chip at the other end of a TCP connection.
#[derive(Debug)]
pub struct Remote {
    stream: TcpStream,
    /// What the session has come to, for the log.
    said: Option<String>,
}

impl Remote {
    /// Connects and powers the chip up.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let lost = |error| {
            Fault::net(
                format!("the chip at {address}; start it with `kaika se --tcp {address}`"),
                error,
            )
        };
        let mut stream = TcpStream::connect(address).await.map_err(lost)?;
        let _ = stream.set_nodelay(true);
        frame::write(&mut stream, &[RESET]).await.map_err(lost)?;
        Ok(Self { stream, said: None })
    }

    /// The id of the last answer in the log of whoever holds the chip.
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// Gives one command to the chip.
    ///
    /// # Errors
    /// When the chip is gone, or the command longer than any command.
    pub async fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Fault> {
        if command.len() > APDU_MAX || command.len() < 4 {
            return Err(Fault::Peer(format!(
                "{} bytes are not a command",
                command.len()
            )));
        }
        let lost = |error| Fault::net("the chip", error);
        frame::write(&mut self.stream, command)
            .await
            .map_err(lost)?;
        let answer = frame::read(&mut self.stream, usize::from(u16::MAX))
            .await
            .map_err(lost)?;
        let answer = answer.ok_or(Fault::Stopped("the chip"))?;
        self.said = Some(trail::session(self.said.as_deref(), command, &answer));
        Ok(answer)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use kaika_secure_element::journal::MemoryFlash;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn readers_are_told_of_as_they_come_and_go() {
        let keys = ChipKeys::derive(&ChipMasterKey::new([3; 16]), &[7; 8]);
        let chip = Chip::new(keys, [7; 8], MemoryFlash::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (say, mut told) = tokio::sync::mpsc::unbounded_channel();
        let tell = move |is_read| assert!(say.send(is_read).is_ok());
        let served = tokio::spawn(serve_telling(listener, chip, tell));
        for _ in 0..2 {
            let reader = Remote::connect(address).await.unwrap();
            assert_eq!(timeout(SOON, told.recv()).await, Ok(Some(true)));
            drop(reader);
            assert_eq!(timeout(SOON, told.recv()).await, Ok(Some(false)));
        }
        served.abort();
    }
}
