//! Each oracle can fail: subjects broken on purpose must be caught, and the honest one must not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::chip::real::Real;
use kaika_fuzz::chip::twin::{Body, Durable, State, Twin};
use kaika_fuzz::chip::{self, Card, KMC, SE_ID, host};
use kaika_spec::limit::PIN_TRIES_MAX;

/// What is wrong with a chip made of paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    CounterNotStored,
    CounterRepeated,
    KeyInAnswer,
    UnsecuredTaken,
    TornTokenVisible,
    RefusalWrites,
    SuspendedPays,
    AmountNotCovered,
    AnswerBare,
    KeyKept,
    TryNotCounted,
    TornTryGivenBack,
    ChainNotBroken,
    ApprovalAgainstIssuer,
    StoredAtLowLevel,
}

/// The naive chip as a subject, with one flaw.
struct Paper {
    twin: Twin,
    flaw: Flaw,
    tear: Option<u8>,
    refusals: u8,
}

impl Paper {
    fn new(flaw: Flaw) -> Self {
        Self {
            twin: Twin::new(&KMC, SE_ID),
            flaw,
            tear: None,
            refusals: 0,
        }
    }

    fn boot(&mut self, durable: Durable) {
        self.twin = self.twin.rebooted(durable);
    }

    fn answer(&mut self, command: &[u8]) -> (Vec<u8>, u16, Vec<Durable>) {
        let outcome = self.twin.step(command).into_iter().next().unwrap();
        let before = self.twin.durable.clone();
        self.twin = outcome.next;
        let tries = self.flaw == Flaw::TryNotCounted && command.get(1) == Some(&0x20);
        if tries || self.flaw == Flaw::CounterRepeated && command.get(1) == Some(&0xA8) {
            self.twin.durable = before;
        }
        let data = match outcome.body {
            Body::Exactly(bytes) => bytes,
            Body::Holding(inside) => chip::twin::tlv(&[0x6F], &inside),
            Body::Rest => Vec::new(),
            Body::Cryptogram {
                kinds,
                version,
                udk,
                atc,
                mut data,
            } => {
                if self.flaw == Flaw::AmountNotCovered {
                    data[..6].fill(0);
                }
                let (kind, results) = kinds[0];
                chip::cryptogram_answer(kind, results, version, &udk, atc.to_be_bytes(), &data)
            }
        };
        (data, outcome.status, outcome.torn)
    }

    fn spoil(&mut self, command: &[u8], data: &mut Vec<u8>, status: &mut u16) {
        match self.flaw {
            Flaw::KeyInAnswer if command.starts_with(&[0x80, 0xCA, 0x9F, 0x7F]) => {
                data.extend(host::chip_key(&KMC, 1, &SE_ID));
            }
            Flaw::AnswerBare if command.starts_with(&[0x84, 0xF2]) => data.truncate(data.len() - 8),
            Flaw::UnsecuredTaken if command.starts_with(&[0x84, 0xF2]) => *status = 0x9000,
            Flaw::RefusalWrites if *status == 0x6A80 => self.refusals += 1,
            Flaw::SuspendedPays if command.starts_with(&[0x80, 0xA8]) => *status = 0x9000,
            Flaw::ChainNotBroken if *status == 0x6883 => *status = 0x9000,
            Flaw::StoredAtLowLevel if command.starts_with(&[0x84, 0xE2]) => *status = 0x9000,
            Flaw::ApprovalAgainstIssuer if command.starts_with(&[0x80, 0xAE, 0x40]) => {
                data[5] = 0x40;
            }
            _ => {}
        }
    }
}

impl Card for Paper {
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let (mut data, mut status, torn) = self.answer(command);
        if let Some(left) = self.tear.take()
            && usize::from(left) < torn.len()
        {
            let mut durable = torn[usize::from(left)].clone();
            if self.flaw == Flaw::CounterNotStored && command.get(1) == Some(&0xA8) {
                durable = torn[0].clone();
                durable
                    .slots
                    .iter_mut()
                    .flatten()
                    .for_each(|slot| slot.atc = 0);
            }
            if self.flaw == Flaw::TornTryGivenBack && command.get(1) == Some(&0x20) {
                let slots = durable.slots.iter_mut().flatten();
                slots.for_each(|slot| slot.pin_failures = 0);
            }
            if self.flaw == Flaw::TornTokenVisible {
                durable
                    .slots
                    .iter_mut()
                    .flatten()
                    .for_each(|slot| slot.state = State::Active);
            }
            self.boot(durable);
            return None;
        }
        self.spoil(command, &mut data, &mut status);
        data.extend(status.to_be_bytes());
        Some(data)
    }

    fn reset(&mut self) {
        self.tear = None;
        let durable = self.twin.durable.clone();
        self.boot(durable);
    }

    fn tear_after(&mut self, writes: u8) {
        self.tear = Some(writes)
            .filter(|writes| *writes != u8::MAX)
            .map(|writes| writes % 4);
    }

    fn image(&mut self) -> Vec<u8> {
        let mut image = format!("{:?} {}", self.twin.durable, self.refusals).into_bytes();
        if self.flaw == Flaw::KeyKept {
            image.extend(chip::ops::token_key(7));
        }
        image
    }
}

fn caught(flaw: Flaw, script: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        chip::play(script, &mut Paper::new(flaw))
    }))
    .is_err()
}

/// Op bytes: select the security domain, open a channel at level 03, store token 7, commit slot 1.
const PERSONALISED: [u8; 13] = [2, 6, 1, 9, 3, 0, 10, 7, 12, 0, 15, 16, 0];
/// Select the security domain, open a channel at level 03, GET STATUS of all slots.
const REGISTRY: [u8; 7] = [2, 6, 1, 9, 3, 0, 38];
/// Select slot 1, GPO, GENERATE AC twice.
const PAID: [u8; 12] = [3, 0, 17, 1, 18, 0, 0, 5, 18, 2, 1, 5];

/// Select the security domain, open a channel at level 33, store token 7 with a PIN, commit it, select it, GPO.
const WITH_PIN: [u8; 13] = [2, 6, 1, 8, 234, 7, 1, 12, 5, 3, 0, 17, 1];

#[test]
fn the_chip_oracle_catches_each_flaw() {
    let paid = [&PERSONALISED[..], &PAID].concat();
    let pin = [&WITH_PIN[..], &[230, 2, 247]].concat();
    let cases: [(Flaw, Vec<u8>); 15] = [
        (Flaw::TryNotCounted, pin),
        (
            Flaw::TornTryGivenBack,
            [&WITH_PIN[..], &[230, 2, 1, 1, 230, 2, 3, 0, 247]].concat(),
        ),
        (Flaw::ChainNotBroken, vec![2, 6, 1, 8, 237, 7, 0, 20, 1]),
        (Flaw::StoredAtLowLevel, vec![2, 6, 1, 243, 0, 234, 7, 0]),
        (
            Flaw::ApprovalAgainstIssuer,
            [&WITH_PIN[..], &[18, 0, 0, 5, 232, 1, 0, 18, 2, 1, 5]].concat(),
        ),
        (Flaw::CounterRepeated, [&paid[..], &PAID].concat()),
        (
            Flaw::CounterNotStored,
            [&paid[..], &[3, 0, 1, 1, 17, 1], &PAID].concat(),
        ),
        (Flaw::KeyInAnswer, vec![16, 1]),
        (Flaw::UnsecuredTaken, vec![2, 15]),
        (
            Flaw::TornTokenVisible,
            vec![2, 6, 1, 9, 3, 0, 1, 1, 10, 7, 16, 0],
        ),
        (
            Flaw::RefusalWrites,
            [&PERSONALISED[..], &[11, 1, 1, 0, 5]].concat(),
        ),
        (
            Flaw::SuspendedPays,
            [&PERSONALISED[..], &[13, 0, 0, 3, 0, 17, 1]].concat(),
        ),
        (Flaw::AmountNotCovered, paid),
        (
            Flaw::AnswerBare,
            vec![2, 6, 1, 9, 0x33, 0, 10, 7, 12, 0, 15],
        ),
        (Flaw::KeyKept, [&PERSONALISED[..], &[14, 0]].concat()),
    ];
    for (flaw, script) in cases {
        assert!(
            !caught(Flaw::None, &script),
            "the honest chip fails the script for {flaw:?}"
        );
        assert!(caught(flaw, &script), "{flaw:?} is not caught");
    }
}

/// The real chip over memory that never flushes: it answers well and forgets at the next start.
#[test]
fn an_answer_before_the_flush_is_noticed() {
    let script = [&PERSONALISED[..], &[0, 0, 2, 6, 1]].concat();
    chip::play(&script, &mut Real::made());
    let forgetful = || chip::play(&script, &mut Real::forgetful());
    assert!(catch_unwind(AssertUnwindSafe(forgetful)).is_err());
}

/// Every word at which power can fail in a personalisation, and each word that can be missing after the flush.
#[test]
fn the_real_chip_survives_every_tear() {
    for writes in 0..u8::MAX {
        for at in [2, 5, 8, 10, 13] {
            let mut script = PERSONALISED.to_vec();
            script.splice(at..at, [1, writes]);
            script.extend(PERSONALISED);
            chip::play(&script, &mut Real::made());
        }
    }
}

/// The same on a chip whose records were all written before: in a second payment, whose counter is asked for afterwards, and
/// in a suspension.
#[test]
fn a_chip_in_use_survives_every_tear() {
    let paid = [&PERSONALISED[..], &PAID].concat();
    let suspended = [&PERSONALISED[..], &[13, 0, 0]].concat();
    for writes in (0..64).chain(128..160) {
        let tear = [1, writes];
        let counter = [&paid[..], &[3, 0], &tear, &[17, 1, 3, 0, 16, 2], &PAID].concat();
        chip::play(&counter, &mut Real::made());
        for change in [[13, 0, 0], [13, 1, 0]] {
            let script = [&suspended[..], &tear, &change, &REGISTRY, &PAID].concat();
            chip::play(&script, &mut Real::made());
        }
    }
}

/// The same in a payment with a PIN: the try, what gives it back, both cryptograms, a rollback.
#[test]
fn a_payment_with_a_pin_survives_every_tear() {
    let rest = [230, 2, 230, 0, 18, 0, 0, 5, 232, 0, 0, 18, 2, 1, 5, 247];
    let again = [
        2, 6, 1, 8, 234, 9, 3, 236, 5, 237, 9, 3, 30, 0, 12, 5, 234, 1, 0,
    ];
    let whole = [&WITH_PIN[..], &rest, &again].concat();
    for writes in (0..64).chain(128..160) {
        for at in [11, 13, 15, 17, 24, 32, 34, 36, 39, 41, 45, 47] {
            let mut script = whole.clone();
            script.splice(at..at, [1, writes]);
            script.extend([0, 3, 0, 17, 1, 230, 0, 247]);
            chip::play(&script, &mut Real::made());
        }
    }
}

/// A chip, and what it answered last.
struct Heard {
    chip: Real,
    last: Vec<u8>,
}

impl Card for Heard {
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let answer = self.chip.transmit(command)?;
        self.last.clone_from(&answer);
        Some(answer)
    }

    fn reset(&mut self) {
        self.chip.reset();
    }

    fn tear_after(&mut self, writes: u8) {
        self.chip.tear_after(writes);
    }

    fn image(&mut self) -> Vec<u8> {
        self.chip.image()
    }
}

/// The tries that are left when power fails in a VERIFY, whichever word it is that is not written.
fn tries_left_after_a_cut(pin: u8) -> BTreeSet<Vec<u8>> {
    let cut = |writes: u8| {
        let script = [&WITH_PIN[..], &[1, writes, 230, pin, 3, 0, 247]].concat();
        let (chip, last) = (Real::made(), Vec::new());
        let mut heard = Heard { chip, last };
        chip::play(&script, &mut heard);
        heard.last
    };
    (0..64).map(cut).collect()
}

/// Whoever sees that a PIN is wrong and cuts power gets no try back, since it was used before the PIN was looked at: with
/// the right PIN too there is a cut after which a try is gone.
#[test]
fn a_try_is_used_before_the_pin_is_compared() {
    let left = |tries: u8| vec![0x9F, 0x17, 0x01, tries, 0x90, 0x00];
    let either = BTreeSet::from([left(PIN_TRIES_MAX - 1), left(PIN_TRIES_MAX)]);
    for pin in [0, 2] {
        assert_eq!(tries_left_after_a_cut(pin), either, "pin {pin}");
    }
}

/// Later ops after a token with a PIN or of version 10 is there; `script` is bytes of every op, the later ones as often as the older.
fn grown(stream: &mut Stream) -> Vec<u8> {
    let with = stream.draw().to_le_bytes()[0] & 3;
    let mut script = WITH_PIN.to_vec();
    script[6] = with;
    for byte in stream.bytes(100) {
        let later = stream.below(2) == 0;
        script.push(if later { 230 + byte % 26 } else { byte });
    }
    script
}

#[test]
fn the_honest_chips_are_never_accused() {
    for seed in 0..3_000 {
        let mut stream = Stream::new(seed);
        let mut script = PERSONALISED.to_vec();
        script.extend(stream.bytes(80));
        chip::play(&script, &mut Paper::new(Flaw::None));
        let script = grown(&mut stream);
        chip::play(&script, &mut Paper::new(Flaw::None));
        chip::play(&script, &mut Real::made());
    }
}

/// The seeds made by hand are messages: none is read by nobody. Those of the vectors may be refused.
#[test]
fn every_json_seed_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/wire_json");
    let Ok(entries) = std::fs::read_dir(folder) else {
        panic!("no seeds")
    };
    let by_hand = |path: &std::path::PathBuf| !path.to_string_lossy().contains("vector-");
    for path in entries.flatten().map(|entry| entry.path()).filter(by_hand) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let read = kaika_fuzz::json::READERS
            .iter()
            .any(|(_, reader)| reader(&bytes).is_some());
        assert!(read, "{}", path.display());
    }
}

/// A reader that takes what it does not know breaks a law.
#[test]
#[should_panic(expected = "takes an unknown field")]
fn a_lenient_json_reader_is_noticed() {
    kaika_fuzz::json::laws(
        "lenient",
        |bytes| serde_json::from_slice(bytes).ok(),
        b"{\"a\":1}",
    );
}
