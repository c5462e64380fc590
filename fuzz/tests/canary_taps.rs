//! The oracle of the issuer's taps can fail: an issuer with one flaw is caught by a play that the honest issuer passes.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::taps::{issuer, play, taps};
use kaika_issuer::rows::{CARDS, COUNTERS, POSTINGS, TAPS};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::Message;
use kaika_wire::memory::MemoryRows;

/// What is wrong with an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// It does not store this table.
    Forgets(&'static str),
    /// It says this code in the place of that one.
    Says(&'static [u8; 2], &'static [u8; 2]),
    /// It proves itself to nobody.
    NoProof,
    /// It proves itself with something else.
    WrongProof,
    /// It answers what it cannot read.
    Answers,
}

fn flawed(data: &[u8], flaw: Flaw) {
    let mut dice = Dice::new([7; 32]);
    play(data, &mut |rows: &mut MemoryRows, bytes| {
        let frame = issuer().authorise(rows, 1_800_000_000_000, &mut dice, bytes);
        let Ok(mut frame) = frame else {
            return (flaw == Flaw::Answers).then(|| b"0810000000000200000030".to_vec());
        };
        if let Flaw::Forgets(table) = flaw {
            frame.writes.retain(|write| write.table != table);
        }
        rows.apply(&frame.writes);
        let mut answer = Message::parse(&frame.answer).ok()?;
        match flaw {
            Flaw::Says(right, wrong) if answer.field(39) == Some(&right[..]) => {
                answer = answer.with(39, *wrong);
            }
            Flaw::NoProof => drop(answer.fields.remove(&55)),
            Flaw::WrongProof => {
                if let Some(byte) = answer
                    .fields
                    .get_mut(&55)
                    .and_then(|proof| proof.last_mut())
                {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        answer.encode().ok()
    });
}

fn plays() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/taps");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let corpus = files.filter_map(|entry| fs::read(entry.path()).ok());
    let drawn = (0..200).map(|seed| Stream::new(seed).bytes(600));
    corpus.chain(drawn).collect()
}

#[test]
fn every_flaw_is_caught() {
    let plays = plays();
    plays.iter().for_each(|data| taps(data));
    for flaw in [
        Flaw::Forgets(COUNTERS),
        Flaw::Forgets(TAPS),
        Flaw::Forgets(POSTINGS),
        Flaw::Forgets(CARDS),
        Flaw::Says(b"82", b"00"),
        Flaw::Says(b"61", b"00"),
        Flaw::Says(b"51", b"05"),
        Flaw::Says(b"57", b"00"),
        Flaw::Says(b"64", b"00"),
        Flaw::Says(b"94", b"05"),
        Flaw::NoProof,
        Flaw::WrongProof,
        Flaw::Answers,
    ] {
        let caught = plays
            .iter()
            .any(|data| catch_unwind(|| flawed(data, flaw)).is_err());
        assert!(caught, "{flaw:?}");
    }
}
