//! Connections and frames: two bytes of length and a body, each whole in time.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use kaika_spec::limit::ISO8583_MAX;
use serde_json::{Value, json};

use super::twice::at_once;
use super::{Outcome, Scene, Wrong, broken, unheard, wrong};
use crate::codec::{Fields, iso_read, iso_write};
use crate::format::{Iso, OnLines};

impl Scene<'_> {
    pub(super) fn connect(&self, role: &str) -> Result<Wire, Wrong> {
        self.dial(self.runner.address(role, true)?)
    }

    pub(super) fn dial(&self, address: &str) -> Result<Wire, Wrong> {
        Wire::dial(address, self.runner.patience)
    }

    /// Fields by number; null leaves one out.
    pub(super) fn iso_fields(&mut self, fields: &Value) -> Result<Fields, Wrong> {
        let Value::Object(given) = self.value(fields)? else {
            return Ok(Fields::new());
        };
        let given = given.into_iter().filter(|(_, value)| !value.is_null());
        let numbered = given.map(|(number, value)| {
            let number = number
                .parse()
                .map_err(|_| broken("a field number", &number))?;
            let text = value.as_str().map(str::to_owned);
            Ok((number, text.unwrap_or_else(|| value.to_string())))
        });
        numbered.collect()
    }

    pub(super) fn iso(&mut self, iso: &Iso) -> Outcome {
        let fields = self.iso_fields(&iso.fields)?;
        let bytes = iso_write(&iso.mti, &fields).map_err(|e| wrong("a message", e))?;
        let exchange = |mut wire: Wire| {
            wire.say(&bytes)?;
            wire.hear()
        };
        let answers = match iso.how {
            Some(OnLines::Both) => {
                let wires = vec![self.connect("issuer")?, self.connect("issuer")?];
                at_once(wires, exchange)?
            }
            Some(OnLines::Line) => {
                let mut wire = self.connect("issuer")?;
                wire.say_all(&[&bytes, &bytes])?;
                vec![wire.hear()?, wire.hear()?]
            }
            Some(OnLines::Lost) => {
                // The connection ends as soon as this is said.
                self.connect("issuer")?.say(&bytes)?;
                vec![exchange(self.connect("issuer")?)?]
            }
            None => vec![exchange(self.connect("issuer")?)?],
        };
        let (first, others) = answers
            .split_first()
            .ok_or_else(|| broken("a line", "none"))?;
        self.iso_answered(iso, first)?;
        match others.iter().find(|other| *other != first) {
            Some(other) => Err(wrong(format!("{} twice", said(first)), said(other))),
            None => Ok(()),
        }
    }

    fn iso_answered(&mut self, iso: &Iso, answer: &[u8]) -> Outcome {
        if answer.len() > ISO8583_MAX {
            let seen = format!("{} bytes", answer.len());
            return Err(wrong(format!("at most {ISO8583_MAX} bytes"), seen));
        }
        let (kind, answer) =
            iso_read(answer).ok_or_else(|| wrong("an ISO 8583 answer", hex::encode(answer)))?;
        // The answer's class is the request's; a repeat is answered as what it repeats.
        let wanted = format!("{}10", iso.mti.get(..2).unwrap_or_default());
        if kind != wanted {
            return Err(wrong(wanted, kind));
        }
        iso.expect.iter().try_for_each(|(number, pattern)| {
            let seen = number
                .parse()
                .ok()
                .and_then(|number: u8| answer.get(&number))
                .map(|text| json!(text));
            self.matches(pattern, seen.as_ref())
                .map_err(|wrong| wrong.within(format!("field {number}")))
        })
    }
}

/// An answer as text.
fn said(answer: &[u8]) -> String {
    iso_read(answer).map_or_else(
        || hex::encode(answer),
        |(kind, fields)| format!("{kind} {fields:?}"),
    )
}

/// A connection that carries frames.
pub(super) struct Wire {
    stream: TcpStream,
    /// How long a whole frame may take.
    patience: Duration,
}

impl Wire {
    fn dial(address: &str, patience: Duration) -> Result<Self, Wrong> {
        let found = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next());
        let found = found.ok_or_else(|| broken("an address", address))?;
        let stream = TcpStream::connect_timeout(&found, patience)
            .map_err(|error| unheard("a connection", &error))?;
        let bounded = stream
            .set_write_timeout(Some(patience))
            .and_then(|()| stream.set_nodelay(true));
        bounded.map_err(|error| broken("a connection", error))?;
        Ok(Self { stream, patience })
    }

    /// Another connection to the same place.
    pub(super) fn again(&self) -> Result<Self, Wrong> {
        let peer = self.stream.peer_addr();
        let peer = peer.map_err(|error| unheard("a connection", &error))?;
        Self::dial(&peer.to_string(), self.patience)
    }

    /// Sends a frame.
    pub(super) fn say(&mut self, body: &[u8]) -> Outcome {
        self.say_all(&[body])
    }

    /// Sends frames in one go.
    fn say_all(&mut self, bodies: &[&[u8]]) -> Outcome {
        let mut frames = Vec::new();
        for body in bodies {
            let length = u16::try_from(body.len()).map_err(|error| broken("a frame", error))?;
            frames.extend([&length.to_be_bytes()[..], body].concat());
        }
        self.stream
            .write_all(&frames)
            .map_err(|error| unheard("a connection", &error))
    }

    /// Reads a frame that is whole in time, however slowly its bytes come.
    pub(super) fn hear(&mut self) -> Result<Vec<u8>, Wrong> {
        let ends = Instant::now() + self.patience;
        let mut length = [0; 2];
        self.fill(&mut length, ends)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.fill(&mut body, ends)?;
        Ok(body)
    }

    fn fill(&mut self, bytes: &mut [u8], ends: Instant) -> Outcome {
        let mut read = 0;
        while read < bytes.len() {
            let left = ends.saturating_duration_since(Instant::now());
            let count = self
                .stream
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .and_then(|()| self.stream.read(&mut bytes[read..]));
            match count {
                Ok(0) => return Err(wrong("an answer", "the connection was closed")),
                Ok(count) => read += count,
                Err(error) => return Err(unheard("an answer", &error)),
            }
            if read < bytes.len() && Instant::now() >= ends {
                let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                return Err(unheard("an answer", &late));
            }
        }
        Ok(())
    }

    /// Nothing came that nobody asked for.
    pub(super) fn quiet(&self) -> Outcome {
        let peeked = self.stream.set_nonblocking(true).and_then(|()| {
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            peeked
        });
        match peeked {
            Ok(count) if count > 0 => Err(wrong("no answer before a command", "bytes")),
            // A connection that has ended is noticed by the command.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
