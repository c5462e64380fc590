//! What a client finds when the runner plays its servers: a port of an issuer for shops, and a card, each for one test.
//!
//! Both listen on loopback until they are dropped; then their connections end too.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::codec::{Fields, iso_read, iso_write};
use crate::softcard::SoftCard;

/// A listener whose connections are handled one by one, each by a thread of its own.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    closed: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    pub(crate) fn open(each: impl Fn(TcpStream) + Clone + Send + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let door = Self {
            address: listener.local_addr()?,
            closed: Arc::default(),
            open: Arc::default(),
        };
        let (closed, open) = (Arc::clone(&door.closed), Arc::clone(&door.open));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(kept) = stream.try_clone() else {
                    continue;
                };
                open.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(kept);
                let each = each.clone();
                std::thread::spawn(move || each(stream));
            }
        });
        Ok(door)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is closed.
        let _ = TcpStream::connect(self.address);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The body of a frame: two bytes of length and as many more.
pub(crate) fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

pub(crate) fn framed(stream: &mut TcpStream, body: &[u8]) -> Option<()> {
    let length = u16::try_from(body.len()).ok()?.to_be_bytes();
    stream.write_all(&[&length[..], body].concat()).ok()
}

/// A message that came to the issuer's port.
#[derive(Debug)]
pub struct Heard {
    /// Type and fields; nothing when it cannot be read.
    pub message: Option<(String, Fields)>,
    bytes: Vec<u8>,
    line: TcpStream,
}

impl Heard {
    /// As text, for a report.
    pub fn text(&self) -> String {
        match &self.message {
            Some((mti, fields)) => format!("{mti} {fields:?}"),
            None => hex::encode(&self.bytes),
        }
    }

    /// Says something on the line that the message came by, so many times in one go.
    pub fn reply(&mut self, body: &[u8], times: usize) -> bool {
        let Ok(length) = u16::try_from(body.len()) else {
            return false;
        };
        let frame = [&length.to_be_bytes()[..], body].concat();
        self.line.write_all(&frame.repeat(times)).is_ok()
    }

    /// Ends the line.
    pub fn hang_up(&self) {
        let _ = self.line.shutdown(Shutdown::Both);
    }
}

/// The issuer's port for shops. Network management is answered at once; all else waits to be heard.
#[derive(Debug)]
pub struct Host {
    door: Door,
    heard: Receiver<Heard>,
}

impl Host {
    /// Opens a port.
    ///
    /// # Errors
    /// When there is none.
    pub fn open() -> std::io::Result<Self> {
        let (tell, heard) = channel();
        let door = Door::open(move |line| listen(line, &tell))?;
        Ok(Self { door, heard })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.door.address
    }

    /// The next message; nothing when none comes in time.
    pub fn hear(&self, patience: Duration) -> Option<Heard> {
        self.heard.recv_timeout(patience).ok()
    }
}

fn listen(mut line: TcpStream, tell: &Sender<Heard>) {
    while let Some(bytes) = frame(&mut line) {
        let message = iso_read(&bytes);
        if let Some((mti, fields)) = &message
            && mti == "0800"
        {
            let mut fields = fields.clone();
            fields.insert(39, "00".to_owned());
            let answer = iso_write("0810", &fields).unwrap_or_default();
            if framed(&mut line, &answer).is_none() {
                return;
            }
            continue;
        }
        let Ok(kept) = line.try_clone() else {
            return;
        };
        let heard = Heard {
            message,
            bytes,
            line: kept,
        };
        if tell.send(heard).is_err() {
            return;
        }
    }
}

/// A card at a port of its own, framed as a chip is (`spec/85-apdu.md`, Transport).
#[derive(Debug)]
pub struct Field {
    door: Door,
    commands: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Field {
    /// Puts a card into the field.
    ///
    /// # Errors
    /// When there is no port.
    pub fn hold(card: &SoftCard) -> std::io::Result<Self> {
        let commands = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (card, seen) = (card.clone(), Arc::clone(&commands));
        let door = Door::open(move |reader| answer(reader, &card, &seen))?;
        Ok(Self { door, commands })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.door.address
    }

    /// The commands with this instruction, oldest first.
    pub fn commands(&self, instruction: u8) -> Vec<Vec<u8>> {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |command: &&Vec<u8>| command.get(1) == Some(&instruction);
        commands.iter().filter(of).cloned().collect()
    }
}

const GIVE_ATR: [u8; 1] = [4];
const ATR: [u8; 2] = [0x3B, 0x00];

fn answer(mut reader: TcpStream, card: &SoftCard, seen: &Mutex<Vec<Vec<u8>>>) {
    while let Some(command) = frame(&mut reader) {
        let answer = match command.as_slice() {
            _ if command == GIVE_ATR => Some(ATR.to_vec()),
            // Power, which is not answered.
            [_] => continue,
            _ => {
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(command.clone());
                card.answer(&command)
            }
        };
        let Some(answer) = answer else {
            let _ = reader.shutdown(Shutdown::Both);
            return;
        };
        if framed(&mut reader, &answer).is_none() {
            return;
        }
    }
}
