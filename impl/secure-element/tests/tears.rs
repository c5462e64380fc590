//! Power is cut at every word that is written, and inside it: the old or the new stands, and nothing was said before.
//! The tests whose names begin with a number hold the invariants of `spec/60-provision.md` and `spec/75-tap.md` over every such cut.

mod bench;

use std::collections::{BTreeMap, BTreeSet};

use bench::*;
use kaika_crypto::scp03::Level;
use kaika_secure_element::image::{Image, RECORDS, Record, State};
use kaika_secure_element::journal::{FLASH_LEN, MemoryFlash};

/// Answered when memory could not be written.
const MEMORY_FAILURE: u16 = 0x6581;
/// Words of a write of the channel's counters or of a slot's.
const COUNTERS: usize = (8 + 12) / 4;
/// Words of a write of a token.
const TOKEN: usize = (104 + 12) / 4;

/// One command that writes, at the place where it is good.
struct Write {
    name: &'static str,
    at: fn() -> Bench,
    says: fn(&mut Bench) -> u16,
    /// Its word when nothing fails.
    good: u16,
    /// Words of each write, in order.
    writes: &'static [usize],
    /// What stands after the first of two writes.
    between: Option<fn(&mut Image)>,
}

const fn write(
    name: &'static str,
    writes: &'static [usize],
    at: fn() -> Bench,
    says: fn(&mut Bench) -> u16,
) -> Write {
    Write {
        name,
        at,
        says,
        good: 0x9000,
        writes,
        between: None,
    }
}

fn slot_command(bench: &mut Bench, header: &str) -> u16 {
    bench.say(&secured(header, &format!("4F08{SLOT}"))).1
}

fn staged_last(bench: &mut Bench) -> u16 {
    let last = Say::Secured([0x84, 0xe2, 0x80, 1], template(1)[50..].to_vec());
    bench.say(&last).1
}

/// The answer with a wrong MAC: only a counter is written.
fn fails(bench: &mut Bench) -> u16 {
    bench
        .say(&plain(&format!("84823300 10 {}", "00".repeat(16))))
        .1
}

fn failed_once() -> Bench {
    let mut bench = challenged();
    assert_eq!(fails(&mut bench), 0x6982);
    bench
}

fn failed_pin() -> Bench {
    let mut bench = pin_initiated();
    assert_eq!(bench.say(&verify(OTHER_PIN)).1, 0x63c2);
    bench
}

/// One wrong PIN more.
const fn tried(image: &mut Image) {
    image.slots[0].pin_failures += 1;
}

/// W1 to W10: everything that writes.
fn writes() -> Vec<Write> {
    let provisioning = vec![
        write("W4 initialize update", &[COUNTERS], domain, |bench| {
            bench.say(&plain("8050300008 0102030405060708 00")).1
        }),
        Write {
            good: 0x6982,
            ..write("W5 a failed opening", &[COUNTERS], challenged, fails)
        },
        write("W6 the last block", &[TOKEN], begun, staged_last),
        write("W6 another template", &[TOKEN; 2], staged, |bench| {
            let whole = Say::Secured([0x84, 0xe2, 0x80, 0], template(2));
            bench.say(&whole).1
        }),
        write("W7 commit", &[TOKEN], staged, |bench| {
            bench.say(&secured("84F0400F", "4F00")).1
        }),
        write("W7 rollback", &[TOKEN; 2], staged, |bench| {
            bench.say(&secured("84F04001", "4F00")).1
        }),
        write("W8 suspend", &[TOKEN], active, |bench| {
            slot_command(bench, "84F04080")
        }),
        write("W8 resume", &[TOKEN], suspended, |bench| {
            slot_command(bench, "84F04000")
        }),
        write("W9 delete", &[TOKEN; 2], active, |bench| {
            slot_command(bench, "84E40000")
        }),
    ];
    provisioning.into_iter().chain(payment_writes()).collect()
}

fn payment_writes() -> Vec<Write> {
    vec![
        write("W1 processing options", &[COUNTERS], selected, |bench| {
            bench.say(&gpo()).1
        }),
        write("W2 a request", &[COUNTERS], initiated, |bench| {
            bench.say(&first("80")).1
        }),
        write("W2 a refusal", &[COUNTERS], initiated, |bench| {
            bench.say(&first("00")).1
        }),
        write("W2 W10 an approval", &[COUNTERS], asked, |bench| {
            bench.say(&second("40")).1
        }),
        Write {
            good: 0x63c2,
            ..write("W3 a wrong PIN", &[COUNTERS], pin_initiated, |bench| {
                bench.say(&verify(OTHER_PIN)).1
            })
        },
        Write {
            between: Some(tried),
            ..write(
                "W3 a right PIN after a wrong one",
                &[COUNTERS; 2],
                failed_pin,
                |bench| bench.say(&verify(PIN)).1,
            )
        },
    ]
}

/// Images that power would leave after each number of words, and inside the next one.
fn left_behind(before: &[u8; FLASH_LEN], after: &[u8; FLASH_LEN]) -> Vec<[u8; FLASH_LEN]> {
    let changed = (0..FLASH_LEN).filter(|at| before[*at] != after[*at]);
    (1..4)
        .map(|bytes| {
            let mut torn = *before;
            for at in changed.clone().filter(|at| at % 4 < bytes) {
                torn[at] = after[at];
            }
            torn
        })
        .chain([*after])
        .collect()
}

fn restarted(memory: &[u8; FLASH_LEN]) -> Image {
    *Bench::over(MemoryFlash::with(*memory)).chip.image()
}

/// How many records differ.
fn changed(before: &Image, after: &Image) -> usize {
    let differs =
        |number: &usize| before.record(*number).payload() != after.record(*number).payload();
    (0..RECORDS).filter(differs).count()
}

fn check(write: &Write) {
    //= spec/60-provision.md#pro-5-all-or-nothing
    //= type=test
    //# A token MUST become visible in the chip completely or not at all, wherever power fails.
    //= spec/60-provision.md#pro-6-written-before-answered
    //= type=test
    //# The chip MUST commit every non-volatile change before the answer that reveals it leaves.
    let mut whole = (write.at)();
    let old = *whole.chip.image();
    let mut memory = whole.memory();
    let written = whole.chip.flash().words_written;
    assert_eq!((write.says)(&mut whole), write.good, "{}", write.name);
    let new = *whole.chip.image();
    let written = whole.chip.flash().words_written - written;
    let total: usize = write.writes.iter().sum();
    assert_eq!(written, total, "{}", write.name);
    assert_eq!(changed(&old, &new), 1, "{}", write.name);
    let mut middle = old;
    write.between.inspect(|change| change(&mut middle));
    // Words after which the command cannot fail any more: a second copy is only wiped.
    let sure = if write.between.is_some() {
        total
    } else {
        write.writes[0]
    };
    for words in 0..total {
        let mut bench = (write.at)();
        bench.chip.flash().words_left = Some(words);
        let status = (write.says)(&mut bench);
        let about = format!("{} cut after {words} words", write.name);
        // The last word is written and still not known to be durable.
        let refused = words <= sure;
        assert_eq!(
            status,
            if refused { MEMORY_FAILURE } else { write.good },
            "{about}"
        );
        let after = bench.memory();
        for torn in left_behind(&memory, &after) {
            let found = restarted(&torn);
            assert!([old, middle, new].contains(&found), "{about}: {found:?}");
        }
        let expected = match write.between {
            None if words < write.writes[0] => old,
            None => new,
            Some(_) if words < write.writes[0] => old,
            Some(_) => middle,
        };
        assert_eq!(restarted(&after), expected, "{about}");
        memory = after;
    }
}

#[test]
fn the_old_or_the_new_stands() {
    for write in writes() {
        check(&write);
    }
}

/// What reads, verifies the issuer or refuses writes nothing at all.
#[test]
fn nothing_else_writes() {
    type At = fn() -> Bench;
    let quiet: [(At, Say, u16); 9] = [
        (active, plain("80CADF2100"), 0x9000),
        (active, secured("84F24002", "4F00"), 0x9000),
        (selected, plain("00B2010C00"), 0x9000),
        (asked, plain("00820000080000000000800000"), 0x6300),
        (ten_asked, plain("008200000A00000000000000003030"), 0x6300),
        (pin_initiated, verify("2412"), 0x6700),
        (pin_initiated, verify("0000000000000000"), 0x6a80),
        (initiated, verify(PIN), 0x6984),
        (begun, secured("84E20005", "E1"), 0x6985),
    ];
    for (at, say, status) in quiet {
        let mut bench = at();
        let written = bench.chip.flash().words_written;
        bench.chip.flash().words_left = Some(0);
        assert!(
            matches!(bench.say(&say), (_, seen) if seen == status),
            "{say:02X?}"
        );
        assert_eq!(bench.chip.flash().words_written, written);
    }
}

#[test]
fn taking_back_the_count_of_failures_is_whole_too() {
    for words in 0..=COUNTERS {
        let mut bench = failed_once();
        let card = bench.challenge();
        bench.chip.flash().words_left = Some(words);
        let status = bench.authenticate(Level::Both, &card, None);
        assert_eq!(status, MEMORY_FAILURE);
        assert_eq!(bench.say(&secured("84F24002", "4F00")).1, 0x6982);
        let failures = bench.again().chip.image().failures;
        assert_eq!(failures, if words == COUNTERS { 0 } else { 1 });
    }
}

/// A whole way: opening, storing, committing, paying with a PIN, both cryptograms, suspending, resuming, deleting.
/// Gives what was acknowledged, up to the first refusal.
fn way(bench: &mut Bench) -> Vec<Step> {
    let mut done = Vec::new();
    let note = |done: &mut Vec<Step>, step, status| {
        if status == 0x9000 {
            done.push(step);
        }
        status == 0x9000
    };
    type Says = fn(&mut Bench) -> u16;
    let steps: [(Step, Says); 12] = [
        (Step::Opened, opened),
        (Step::Staged, |bench| {
            bench
                .say(&Say::Secured([0x84, 0xe2, 0x80, 0], pin_template(1)))
                .1
        }),
        (Step::Committed, |bench| {
            bench.say(&secured("84F0400F", "4F00")).1
        }),
        (Step::Tapped, |bench| {
            bench.select(SLOT);
            bench.say(&gpo()).1
        }),
        (Step::Verified, |bench| bench.say(&verify(PIN)).1),
        (Step::Asked, |bench| bench.say(&first("80")).1),
        (Step::Approved, |bench| bench.say(&second("40")).1),
        (Step::Opened, opened),
        (Step::Suspended, |bench| slot_command(bench, "84F04080")),
        (Step::Resumed, |bench| slot_command(bench, "84F04000")),
        (Step::Suspended, |bench| slot_command(bench, "84F04080")),
        (Step::Deleted, |bench| slot_command(bench, "84E40000")),
    ];
    for (step, says) in steps {
        let status = says(bench);
        if !note(&mut done, step, status) {
            break;
        }
    }
    done
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Opened,
    Staged,
    Committed,
    Tapped,
    Verified,
    Asked,
    Approved,
    Suspended,
    Resumed,
    Deleted,
}

fn opened(bench: &mut Bench) -> u16 {
    if bench.select(DOMAIN).1 != 0x9000 {
        return 0;
    }
    let (answer, status) = bench.say(&plain("8050300008 0102030405060708 00"));
    if status != 0x9000 {
        return status;
    }
    let card = answer[13..21].try_into().unwrap_or_default();
    bench.authenticate(Level::Both, &card, None)
}

/// The way, cut at every word that it writes; with what was acknowledged, and the chip after power came back.
fn every_cut(mut look: impl FnMut(&[Step], &mut Bench)) {
    let mut whole = factory();
    assert_eq!(way(&mut whole).len(), 12);
    let all = whole.chip.flash().words_written;
    assert_eq!(all, 2 * COUNTERS + 2 * TOKEN + 5 * COUNTERS + 5 * TOKEN);
    for words in 0..all {
        let mut bench = Bench::over(MemoryFlash::default().cut_after(words));
        let done = way(&mut bench);
        look(&done, &mut bench.again());
    }
}

/// I1. Counters only rise, and each has one first and one second cryptogram at most.
#[test]
fn i1_no_counter_is_used_twice() {
    //= spec/75-tap.md#tap-4-the-chip-never-repeats-a-counter
    //= type=test
    //# The chip MUST store the increased transaction counter before it answers GET PROCESSING OPTIONS.
    //= spec/75-tap.md#tap-5-one-request-cryptogram-per-counter
    //= type=test
    //# The chip MUST store that a cryptogram is given before it computes it, and give at most one first cryptogram for one
    //# counter.
    let mut given: BTreeMap<[u8; 2], BTreeSet<bool>> = BTreeMap::new();
    let mut last = 0;
    let mut bench = selected();
    for words in 0..=20 * COUNTERS {
        bench.chip.flash().words_left = Some(words % (4 * COUNTERS));
        bench.select(SLOT);
        for say in [gpo(), first("80"), first("80"), second("40"), second("40")] {
            let (answer, status) = bench.say(&say);
            let Some(counter) = answer
                .get(9..11)
                .filter(|_| status == 0x9000 && answer.len() > 20)
            else {
                continue;
            };
            let counter: [u8; 2] = counter.try_into().unwrap_or_default();
            let is_second = answer.get(5) == Some(&0x40);
            assert!(u16::from_be_bytes(counter) >= last, "{words}");
            last = u16::from_be_bytes(counter);
            assert!(
                given.entry(counter).or_default().insert(is_second),
                "{words}"
            );
        }
        bench = bench.again();
        assert!(bench.chip.image().slots[0].atc >= last);
    }
    assert!(given.len() > 12 && given.values().any(|kinds| kinds.len() == 2));
}

/// I2. Equal payments, another kind of cryptogram or another verification, another cryptogram.
#[test]
fn i2_the_kind_is_inside() {
    let makers: [fn() -> Bench; 2] = [initiated, || {
        let mut bench = ten_asked();
        bench.options();
        bench
    }];
    for at in makers {
        let mut macs = BTreeSet::new();
        let atc = at().chip.image().slots[0].atc;
        let mut take = |answer: Vec<u8>| {
            assert_eq!(answer[9..11], atc.to_be_bytes());
            assert!(macs.insert(answer[14..22].to_vec()));
        };
        take(at().good(&first("00")));
        for kind in ["40", "00"] {
            let mut bench = at();
            let request = bench.good(&first("80"));
            if kind == "40" {
                take(request);
            }
            take(bench.good(&second(kind)));
        }
    }
}

/// I3. A token is seen whole or not at all.
#[test]
fn i3_a_token_is_whole_or_not_there() {
    let mut whole = pin_initiated();
    let records = ["00B2010C00", "00B2020C00"].map(plain);
    let known = records.clone().map(|say| whole.good(&say));
    let (mut seen, mut not) = (0, 0);
    every_cut(|done, bench| {
        let (_, status) = bench.select(SLOT);
        let committed = done.contains(&Step::Committed) && !done.contains(&Step::Deleted);
        match status {
            0x6a82 => {
                not += 1;
                assert!(
                    !committed || done.last() == Some(&Step::Suspended),
                    "{done:?}"
                );
            }
            _ => {
                seen += 1;
                let shown = records.clone().map(|say| bench.good(&say));
                assert_eq!(shown, known, "{done:?}");
                assert_eq!(bench.chip.image().slots[0].key, token_key(1));
            }
        }
    });
    assert!(seen > TOKEN && not > TOKEN);
}

/// I4. What was deleted or suspended does not pay.
#[test]
fn i4_no_cryptogram_after_deletion_or_suspension() {
    //= spec/80-manage.md#mng-9-suspended-chips-do-not-pay
    //= type=test
    //# The chip MUST refuse to pay with a suspended token.
    let mut ends = BTreeSet::new();
    every_cut(|done, bench| {
        let Some(last @ (Step::Deleted | Step::Suspended)) = done.last() else {
            return;
        };
        ends.insert(format!("{last:?}"));
        bench.select(SLOT);
        let pays = bench.say(&gpo()).1 == 0x9000;
        let resumed = bench.chip.image().slots[0].state == State::Active;
        // A resumption that was cut off behind its last word may stand, unacknowledged.
        assert_eq!(pays, resumed, "{done:?}");
        assert!(!pays || *last == Step::Suspended);
    });
    // Deleted: acknowledged, and cut while the key was wiped in the second copy.
    assert_eq!(ends.len(), 2);
    let mut bench = deleted();
    let held = bench.memory();
    assert!(!held.windows(16).any(|window| window == token_key(1)));
    bench.select(SLOT);
    assert_eq!(bench.say(&gpo()).1, 0x6985);
}

/// A template that replaces another leaves nothing of it, wherever power fails, once the chip has started again.
#[test]
fn what_was_replaced_is_gone_when_the_chip_starts_again() {
    let held = |bench: &mut Bench| {
        let memory = bench.memory();
        [1, 2].map(|n| memory.windows(16).any(|window| window == token_key(n)))
    };
    let mut ends = BTreeSet::new();
    for words in 0..=2 * TOKEN {
        let mut bench = staged();
        bench.chip.flash().words_left = Some(words);
        bench.say(&Say::Secured([0x84, 0xe2, 0x80, 0], template(2)));
        bench.chip.flash().words_left = None;
        let keys = held(&mut bench.again());
        assert_ne!(keys, [true, true], "{words} words");
        ends.insert(keys);
    }
    assert_eq!(ends.len(), 2);
}

/// I5. Power that fails may cost a try and gives none.
#[test]
fn i5_a_cut_gives_no_try() {
    //= spec/85-apdu.md#apd-11-wrong-pins-are-counted
    //= type=test
    //# The chip MUST store that a try is used before it compares a PIN, and compare none after `PIN_TRIES_MAX` wrong ones in a
    //# row.
    for words in 0..=COUNTERS {
        let mut bench = pin_initiated();
        let mut heard = 0;
        for _ in 0..4 {
            bench.chip.flash().words_left = Some(words);
            heard += u32::from(bench.say(&verify(OTHER_PIN)).1 >> 4 == 0x63c);
            bench = bench.again();
            bench.select(SLOT);
            bench.options();
        }
        let failures = bench.chip.image().slots[0].pin_failures;
        assert!(u32::from(failures) >= heard, "{words}");
        assert_eq!(
            (heard, failures),
            (0, if words == COUNTERS { 3 } else { 0 })
        );
    }
    // The right PIN gives the tries back when it is answered, or the write that gives them back was whole.
    for words in 0..2 * COUNTERS {
        let mut bench = failed_pin();
        bench.chip.flash().words_left = Some(words);
        assert_eq!(bench.say(&verify(PIN)).1, MEMORY_FAILURE);
        let failures = bench.again().chip.image().slots[0].pin_failures;
        assert_eq!(failures, if words < COUNTERS { 1 } else { 2 }, "{words}");
    }
    // After three, not even the right one.
    let mut bench = pin_initiated();
    for left in [2, 1, 0] {
        assert_eq!(bench.say(&verify(OTHER_PIN)).1, 0x63c0 | left);
    }
    for pin in [PIN, OTHER_PIN] {
        assert_eq!(bench.say(&verify(pin)).1, 0x6983);
    }
    let mut bench = bench.again();
    bench.select(SLOT);
    bench.options();
    assert_eq!(bench.say(&verify(PIN)).1, 0x6983);
}

/// I6. Challenges never repeat; a channel that ended stays ended.
#[test]
fn i6_no_challenge_twice() {
    //= spec/60-provision.md#pro-3-challenges-never-repeat
    //= type=test
    //# The chip MUST store the increased sequence counter before it answers INITIALIZE UPDATE.
    let mut challenges = BTreeSet::new();
    let mut bench = factory();
    for words in 0..=12 * COUNTERS {
        bench.chip.flash().words_left = Some(words % (4 * COUNTERS));
        bench.select(DOMAIN);
        for version in ["00", "31", "32"] {
            let (answer, status) =
                bench.say(&plain(&format!("8050{version}0008 0102030405060708 00")));
            if status == 0x9000 {
                assert!(challenges.insert(answer[13..21].to_vec()), "{words}");
            }
        }
        bench = bench.again();
    }
    assert!(challenges.len() > 20);
    let mut bench = open();
    assert_eq!(bench.say(&plain("84F2400208 0000000000000000")).1, 0x6982);
    for say in [secured("84F24002", "4F00"), secured("84CA9F7F", "")] {
        assert_eq!(bench.say(&say).1, 0x6982);
    }
    assert_eq!(opened(&mut bench), 0x9000);
    assert_eq!(bench.say(&secured("84F28002", "4F00")).1, 0x9000);
}

/// I7. Nothing volatile survives SELECT or reset: rest, chain, verified PIN, session keys.
#[test]
fn i7_nothing_volatile_survives() {
    let reset = |bench: &mut Bench| bench.chip.reset();
    let selects = |bench: &mut Bench| assert_eq!(bench.select(DOMAIN).1, 0x9000);
    for end in [reset, selects] {
        let mut bench = pin_initiated();
        bench.good(&verify(PIN));
        end(&mut bench);
        bench.select(SLOT);
        assert_eq!(bench.say(&first("80")).1, 0x6985);
        bench.options();
        let answer = bench.good(&first("80"));
        assert_eq!(answer[answer.len() - 4..], [0x03, 0xa0, 0x00, 0x00]);
        let mut bench = open();
        bench.say(&plain("80CA9F7F04"));
        end(&mut bench);
        assert_eq!(bench.say(&plain("00C0000000")).1, 0x6985);
        let mut bench = open();
        let piece = bench.wrap([0x84, 0xe2, 0x80, 0], &template(1));
        let begin = [&[0x94, 0xe2, 0x80, 0, 20], &piece[5..25]].concat();
        assert_eq!(bench.raw(&begin).1, 0x9000);
        end(&mut bench);
        // Were the chain there still, this would break it.
        assert_eq!(bench.say(&plain("80CA9F7F00")).1, 0x9000);
        assert_eq!(bench.say(&secured("84F24002", "4F00")).1, 0x6982);
    }
}

/// I8. Whatever was cut off: the status says what there is, and it is committed or rolled back.
#[test]
fn i8_two_phases_are_brought_to_an_end() {
    //= spec/60-provision.md#pro-16-what-is-staged-can-be-dropped
    //= type=test
    //# The chip MUST free the slot and wipe its keys when the issuer rolls back a staged token.
    let mut ends = BTreeSet::new();
    every_cut(|done, bench| {
        let mut bench = bench.again();
        assert_eq!(opened(&mut bench), 0x9000);
        let (listed, status) = bench.say(&secured("84F24002", "4F00"));
        let state = listed.get(15).copied().unwrap_or(0);
        assert_eq!(status == 0x6a88, state == 0, "{done:?}");
        ends.insert(state);
        let acknowledged = done.contains(&Step::Committed);
        assert!(!acknowledged || state >= 0x07, "{done:?}");
        if state != 0x03 {
            return;
        }
        let mut rolled = bench.again();
        bench.commit();
        assert_eq!(bench.chip.image().slots[0].state, State::Active);
        assert_eq!(opened(&mut rolled), 0x9000);
        rolled.good(&secured("84F04001", "4F00"));
        let held = rolled.memory();
        assert!(!held.windows(16).any(|window| window == token_key(1)));
        assert_eq!(
            rolled.chip.image().record(1),
            Record::Token(0, Default::default())
        );
        assert_eq!(rolled.say(&secured("84F04001", "4F00")).1, 0x6a88);
        assert_eq!(rolled.stage(1), 0x9000);
    });
    assert_eq!(
        ends.into_iter().collect::<Vec<_>>(),
        [0x00, 0x03, 0x07, 0x83, 0xff]
    );
}

/// I9. An error answer leaves memory alone, but for the counters; a write that failed is one. See `bytes.rs` for any bytes.
#[test]
fn i9_a_failed_write_can_be_said_again() {
    for words in [0, 1, COUNTERS - 1, COUNTERS] {
        let mut bench = initiated();
        bench.chip.flash().words_left = Some(words);
        assert_eq!(bench.say(&first("80")).1, MEMORY_FAILURE);
        bench.chip.flash().words_left = None;
        assert_eq!(bench.say(&first("80")).1, 0x9000);
        assert_eq!(bench.say(&first("80")).1, 0x6985);
        let image = *bench.chip.image();
        assert_eq!(*bench.again().chip.image(), image);
    }
}

/// Whatever was cut off, starting again completes it.
#[test]
fn a_provisioning_that_was_cut_is_completed_by_starting_again() {
    //= spec/60-provision.md#pro-12-resumable
    //= type=test
    //# A provisioning that was cut off at any point MUST be completed by starting it again.
    let run = |bench: &mut Bench| -> Result<(), u16> {
        let good = |status| {
            if status == 0x9000 {
                Ok(())
            } else {
                Err(status)
            }
        };
        good(opened(bench))?;
        if bench.say(&plain("80CADF2100")).1 == 0x9000 {
            return Ok(());
        }
        let whole = Say::Secured([0x84, 0xe2, 0x80, 0], template(1));
        good(bench.say(&whole).1)?;
        good(bench.say(&secured("84F0400F", "4F00")).1)
    };
    let mut whole = factory();
    assert_eq!(run(&mut whole), Ok(()));
    let all = whole.chip.flash().words_written;
    for words in 0..=all {
        let mut bench = Bench::over(MemoryFlash::default().cut_after(words));
        assert_eq!(
            run(&mut bench).err(),
            Some(MEMORY_FAILURE),
            "{words} of {all}"
        );
        let mut bench = bench.again();
        assert_eq!(run(&mut bench), Ok(()), "{words}");
        let slots = bench.chip.image().slots;
        let active = slots.iter().filter(|slot| slot.state == State::Active);
        assert_eq!(
            (active.count(), slots[1].state),
            (1, State::Empty),
            "{words}"
        );
    }
}

#[test]
fn memory_that_was_written_and_holds_nothing_whole_is_no_chip() {
    let over = |memory| kaika_secure_element::Chip::new(keys(), SE_ID, MemoryFlash::with(memory));
    // The token's record behind the channel's two copies; both of its copies were written.
    for (start, length) in [(0, 20), (40, 116)] {
        let mut memory = active().memory();
        assert!(over(memory).is_ok());
        for copy in [start, start + length] {
            memory[copy + 5] ^= 1;
        }
        assert!(over(memory).is_err(), "{start}");
    }
    for fresh in [[0; FLASH_LEN], [0xff; FLASH_LEN]] {
        assert!(over(fresh).is_ok_and(|chip| *chip.image() == Image::default()));
    }
}
