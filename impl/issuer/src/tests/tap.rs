//! Taps at the issuer, frame by frame.

use super::*;
use kaika_wire::core::read;
use kaika_wire::iso8583::Message;

use crate::rows::{TOKENS, Token};

/// Chip data whose cryptogram is nobody's.
const CHIP_DATA: &str = "9f02060000000010009f03060000000000009f1a020156950500000000005f2a0201569a032706019c01009f3704010203048202180\
                         09f360200019f2701809f26080102030405060708\
                         9f100706011203a00000";

fn name(message: Message) -> Message {
    message
        .with(7, *b"0115080000")
        .with(11, *b"000042")
        .with(37, *b"000000000042")
        .with(41, *b"SHOP0001")
        .with(42, *b"SHOP           ")
}

fn asked(token: &str, amount: &str) -> Message {
    name(Message::new(*b"0100"))
        .with(2, token)
        .with(3, *b"000000")
        .with(4, amount)
        .with(14, *b"3001")
        .with(22, *b"071")
        .with(49, *b"156")
        .with(55, hex::decode(CHIP_DATA).unwrap_or_default())
}

fn reversed(token: &str) -> Message {
    name(Message::new(*b"0400"))
        .with(2, token)
        .with(4, *b"000000001000")
        .with(90, [b'0'; 42])
}

impl Bench {
    /// The answer's bytes, what it says, and what it hides.
    fn frame(&mut self, message: &Message) -> (Vec<u8>, String, Option<Refusal>) {
        let bytes = message.encode().unwrap_or_default();
        let frame = self
            .issuer
            .authorise(&self.rows, self.now, &mut self.dice, &bytes);
        let Ok(frame) = frame else {
            panic!("{message:?} is malformed");
        };
        self.rows.apply(&frame.writes);
        let answer = Message::parse(&frame.answer).unwrap_or_default();
        let says = answer.text(39).unwrap_or_default().to_owned();
        (frame.answer, says, frame.refusal)
    }
}

#[test]
fn a_declined_tap_that_is_reversed_is_a_tombstone_and_its_repeat_is_answered_alike() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let token_ref = issued["token_ref"].as_str().unwrap_or_default();
    let token: Option<Token> = read(&bench.rows, TOKENS, token_ref);
    let token = token.map(|token| token.digits).unwrap_or_default();
    let (request, other) = (asked(&token, "000000001000"), asked(&token, "000000002000"));

    let declined = bench.frame(&request);
    let why = Some(Refusal::TokenNotActive);
    assert_eq!((declined.1.as_str(), declined.2), ("05", why));
    let conflict = Some(Refusal::IdempotencyConflict);
    assert_eq!(bench.frame(&other).2, conflict);

    assert_eq!(bench.frame(&reversed(&token)).1, "00");
    assert_eq!(bench.frame(&other).2, Some(Refusal::DebitTombstoned));
    assert_eq!(bench.frame(&request).0, declined.0);
    let before = bench.rows.clone();
    assert_eq!(bench.frame(&reversed(&token)).1, "00");
    assert_eq!(bench.rows, before);
}
