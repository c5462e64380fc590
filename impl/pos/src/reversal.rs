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
        let message = host::ECHOED
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

    /// Whether this is an answer after which nothing of the request stands: it is undone, or its name is that of another
    /// transaction, so that the issuer never approved it.
    pub fn is_settled(&self, answer: &[u8]) -> bool {
        //= spec/75-tap.md#tap-24-a-reversal-ends
        //# The POS MUST take a reversal as answered when the response code is 00 or 64, and for no other.
        host::decision(answer, &self.0)
            .is_ok_and(|decision| matches!(decision.code.as_str(), "00" | "64"))
    }

    /// What names it in the terminal's store: terminal, shop, reference.
    pub fn name(&self) -> String {
        let field = |number| self.0.text(number).unwrap_or_default();
        format!("{}|{}|{}", field(41), field(42), field(37))
    }
}
