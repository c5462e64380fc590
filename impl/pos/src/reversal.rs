//! The reversal of a request: made with the request, stored before it leaves, repeated until it is answered.

use kaika_wire::iso8583::Message;

use crate::host;

/// Undoes one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal(Message);

impl Reversal {
    /// The reversal of a request; `None` when the request does not say what names it.
    pub fn of(request: &Message) -> Option<Self> {
        let original = format!(
            "{}{}{}{}",
            core::str::from_utf8(&request.mti).ok()?,
            request.text(11)?,
            request.text(7)?,
            "0".repeat(22)
        );
        let repeated = [2, 3, 4, 7, 11, 37, 41, 42, 49];
        let message = repeated
            .iter()
            .filter_map(|number| Some((*number, request.field(*number)?)))
            .fold(Message::new(*b"0400"), |message, (number, value)| {
                message.with(number, value)
            });
        Some(Self(message.with(90, original)))
    }

    /// One that was stored; `None` when these bytes are none.
    pub fn restored(bytes: &[u8]) -> Option<Self> {
        let message = Message::parse(bytes).ok()?;
        (message.mti == *b"0400").then_some(Self(message))
    }

    /// The first time it is sent: 0400. This form is stored.
    pub fn first(&self) -> Vec<u8> {
        self.encoded(*b"0400")
    }

    /// When it may have been sent before: 0401.
    pub fn again(&self) -> Vec<u8> {
        self.encoded(*b"0401")
    }

    fn encoded(&self, mti: [u8; 4]) -> Vec<u8> {
        let message = Message {
            mti,
            ..self.0.clone()
        };
        // Its fields were all in a message before.
        message.encode().unwrap_or_default()
    }

    /// Whether this is the issuer's answer that it has taken it.
    pub fn is_taken(&self, answer: &[u8]) -> bool {
        host::decision(answer, &self.0).is_ok_and(|decision| decision.code == "00")
    }

    /// What names it in the terminal's store: terminal, shop, reference.
    pub fn name(&self) -> String {
        let field = |number| self.0.text(number).unwrap_or_default();
        format!("{}|{}|{}", field(41), field(42), field(37))
    }
}
