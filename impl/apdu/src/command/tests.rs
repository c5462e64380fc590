//! The seven cases, their neighbours, and every truncation.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

extern crate std;
use std::vec;
use std::vec::Vec;

use quickcheck::{TestResult, quickcheck};

use super::*;

const H: [u8; 4] = [0x80, 0xAE, 0x80, 0x00];

fn with(body: &[u8]) -> Vec<u8> {
    [&H[..], body].concat()
}

fn accepts(body: &[u8], data: &[u8], expected: u32, extended: bool) {
    let bytes = with(body);
    let command = Command::parse(&bytes).unwrap();
    assert_eq!(
        (
            command.header(),
            command.data,
            command.expected,
            command.extended
        ),
        (H, data, expected, extended)
    );
    let mut out = vec![0; bytes.len()];
    assert_eq!(command.encode(&mut out), Ok(bytes.len()));
    assert_eq!(out, bytes);
}

fn refuses(body: &[u8]) {
    assert_eq!(Command::parse(&with(body)), Err(Malformed), "{body:02X?}");
}

#[test]
fn the_seven_cases() {
    accepts(&[], &[], 0, false);
    accepts(&[0x05], &[], 5, false);
    accepts(&[0x00], &[], 256, false);
    accepts(&[0xFF], &[], 255, false);
    accepts(&[0x02, 1, 2], &[1, 2], 0, false);
    accepts(&[0x01, 0], &[0], 0, false);
    accepts(&[0x02, 1, 2, 0], &[1, 2], 256, false);
    accepts(&[0x02, 1, 2, 9], &[1, 2], 9, false);
    accepts(&[0, 1, 0], &[], 256, true);
    accepts(&[0, 0, 0], &[], 65_536, true);
    accepts(&[0, 0, 1, 7], &[7], 0, true);
    accepts(&[0, 0, 1, 7, 0, 0], &[7], 65_536, true);
    accepts(&[0, 0, 1, 7, 1, 2], &[7], 258, true);
    let long = [&[0, 1, 4][..], &[0x55; 260], &[0, 0]].concat();
    accepts(&long, &[0x55; 260], 65_536, true);
}

#[test]
fn everything_else_is_refused() {
    for short in [&[][..], &[0], &[0, 0xA4], &[0, 0xA4, 4]] {
        assert_eq!(Command::parse(short), Err(Malformed));
    }
    refuses(&[0, 0]); // extended marker and half a length
    refuses(&[2, 1]); // data missing
    refuses(&[2, 1, 2, 0, 0]); // a short Lc with an extended Le
    refuses(&[1, 7, 0, 0, 0]);
    refuses(&[0, 0, 0, 7]); // extended Lc of zero
    refuses(&[0, 0, 0, 0, 0]);
    refuses(&[0, 0, 0, 0x12, 0x34]);
    refuses(&[0, 0, 2, 7]);
    refuses(&[0, 0, 1, 7, 0]); // an extended Lc with a short Le
    refuses(&[0, 0, 1, 7, 0, 0, 0]); // three bytes of Le
}

/// A truncation is refused or is a *different* command that says so by its own lengths; no data is read beyond it.
#[test]
fn truncations_of_an_extended_case_4_are_refused() {
    let whole = with(&[&[0, 0, 9][..], &[0x55; 9], &[1, 0]].concat());
    for end in 0..whole.len() {
        let complete = end == 4 || end == 5 || end == 7 || end == whole.len() - 2;
        assert_eq!(Command::parse(&whole[..end]).is_ok(), complete, "{end}");
    }
}

#[test]
fn encode_needs_room_and_chooses_the_form() {
    let mut out = [0; 400];
    let long = Command::short(H, &[1; 256], 0);
    assert_eq!(long.encode(&mut out), Ok(4 + 3 + 256));
    assert_eq!(long.encode(&mut [0; 262]), Err(Full));
    let much = Command::short(H, &[1], 257);
    assert_eq!(much.encode(&mut out), Ok(4 + 3 + 1 + 2));
    assert_eq!(Command::short(H, &[], 65_537).encode(&mut out), Err(Full));
    assert_eq!(
        Command::short(H, &vec![0; 65_536], 0).encode(&mut vec![0; 70_000]),
        Err(Full)
    );
}

quickcheck! {
    fn what_parses_is_written_back(bytes: Vec<u8>) -> TestResult {
        let Ok(command) = Command::parse(&bytes) else { return TestResult::discard() };
        let mut out = vec![0; bytes.len()];
        TestResult::from_bool(command.encode(&mut out) == Ok(bytes.len()) && out == bytes)
    }

    fn what_is_written_parses(data: Vec<u8>, expected: u16, extended: bool) -> bool {
        let written = Command { extended, ..Command::short(H, &data, u32::from(expected)) };
        let mut out = vec![0; data.len() + 16];
        let length = written.encode(&mut out).unwrap();
        let read = Command::parse(&out[..length]).unwrap();
        (read.data, read.expected) == (&data[..], u32::from(expected))
    }
}
