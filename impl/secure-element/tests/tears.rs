//! Power is cut at every word that is written, and inside it: the old or the new stands, and nothing was said before.

mod bench;

use bench::*;
use kaika_crypto::scp03::Level;
use kaika_secure_element::image::{Image, State};
use kaika_secure_element::journal::{FLASH_LEN, MemoryFlash};

/// Answered when memory could not be written.
const MEMORY_FAILURE: u16 = 0x6581;

/// One command that writes, at the place where it is good.
struct Write {
    name: &'static str,
    at: fn() -> Bench,
    says: fn(&mut Bench) -> u16,
    /// Its word when nothing fails.
    good: u16,
    /// How many copies of the image it writes: a deletion wipes the key in the older one too.
    copies: usize,
}

const fn write(name: &'static str, at: fn() -> Bench, says: fn(&mut Bench) -> u16) -> Write {
    let good = 0x9000;
    Write {
        name,
        at,
        says,
        good,
        copies: 1,
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

fn writes() -> Vec<Write> {
    vec![
        write("initialize update", domain, |bench| {
            bench.say(&plain("8050300008 0102030405060708 00")).1
        }),
        Write {
            good: 0x6982,
            ..write("a failed opening", challenged, fails)
        },
        write("the last block", begun, staged_last),
        write("another template", staged, |bench| {
            let whole = Say::Secured([0x84, 0xe2, 0x80, 0], template(2));
            bench.say(&whole).1
        }),
        write("commit", staged, |bench| {
            bench.say(&secured("84F0400F", "4F00")).1
        }),
        write("suspend", active, |bench| slot_command(bench, "84F04080")),
        write("resume", suspended, |bench| slot_command(bench, "84F04000")),
        Write {
            copies: 2,
            ..write("delete", active, |bench| slot_command(bench, "84E40000"))
        },
        write("processing options", selected, |bench| bench.say(&gpo()).1),
        write("a request", initiated, |bench| bench.say(&first("80")).1),
        write("a refusal", initiated, |bench| bench.say(&first("00")).1),
        write("an approval", asked, |bench| bench.say(&second("40")).1),
    ]
}

/// How many words a write takes.
const WORDS: usize = FLASH_LEN / 8;

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

/// Counters of a later image are not less.
fn goes_on(before: &Image, after: &Image) -> bool {
    let slots = before.slots.iter().zip(&after.slots);
    after.sequence >= before.sequence
        && slots
            .into_iter()
            .all(|(a, b)| b.state == State::Deleted || a.state == State::Staged || b.atc >= a.atc)
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
    assert_eq!(written, write.copies * WORDS, "{}", write.name);
    assert!(old != new && goes_on(&old, &new), "{}", write.name);
    for words in 0..=WORDS {
        let mut bench = (write.at)();
        bench.chip.flash().words_left = Some(words);
        let status = (write.says)(&mut bench);
        let about = format!("{} cut after {words} words", write.name);
        // The last word is written and still not known to be durable.
        assert_eq!(status, MEMORY_FAILURE, "{about}");
        assert_eq!(*bench.chip.image(), old, "{about}");
        let after = bench.memory();
        for torn in left_behind(&memory, &after) {
            let found = restarted(&torn);
            assert!(found == old || found == new, "{about}: {found:?}");
        }
        let found = restarted(&after);
        assert_eq!(found, if words == WORDS { new } else { old }, "{about}");
        memory = after;
    }
    // Once the first copy is durable the new image stands, whatever becomes of the second.
    for words in WORDS + 1..write.copies * WORDS {
        let mut bench = (write.at)();
        bench.chip.flash().words_left = Some(words);
        let about = format!("{} cut after {words} words", write.name);
        assert_eq!((write.says)(&mut bench), write.good, "{about}");
        assert_eq!(restarted(&bench.memory()), new, "{about}");
    }
}

#[test]
fn the_old_or_the_new_stands() {
    for write in writes() {
        check(&write);
    }
}

#[test]
fn taking_back_the_count_of_failures_is_whole_too() {
    for words in 0..=WORDS {
        let mut bench = failed_once();
        let card = bench.challenge();
        bench.chip.flash().words_left = Some(words);
        let status = bench.authenticate(Level::Both, &card, None);
        assert_eq!(status, MEMORY_FAILURE);
        assert_eq!(bench.say(&secured("84F24002", "4F00")).1, 0x6982);
        let failures = bench.again().chip.image().failures;
        assert_eq!(failures, if words == WORDS { 0 } else { 1 });
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
        good(bench.select(DOMAIN).1)?;
        let (answer, status) = bench.say(&plain("8050300008 0102030405060708 00"));
        good(status)?;
        let card = answer[13..21].try_into().unwrap_or_default();
        good(bench.authenticate(Level::Both, &card, None))?;
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

/// What a host saw is never seen again: challenges, and counters beside cryptograms.
#[test]
fn nothing_is_answered_twice() {
    //= spec/60-provision.md#pro-3-challenges-never-repeat
    //= type=test
    //# The chip MUST store the increased sequence counter before it answers INITIALIZE UPDATE.
    //= spec/75-tap.md#tap-4-the-chip-never-repeats-a-counter
    //= type=test
    //# The chip MUST store the increased transaction counter before it answers GET PROCESSING OPTIONS.
    let mut challenges = std::collections::BTreeSet::new();
    let mut counters = std::collections::BTreeSet::new();
    let mut bench = selected();
    for words in 0..=4 * WORDS {
        bench.chip.flash().words_left = Some(words);
        bench.select(DOMAIN);
        let (answer, status) = bench.say(&plain("8050300008 0102030405060708 00"));
        if status == 0x9000 {
            assert!(challenges.insert(answer[13..21].to_vec()), "{words}");
        }
        bench.select(SLOT);
        bench.say(&gpo());
        let (answer, status) = bench.say(&first("80"));
        if status == 0x9000 {
            assert!(counters.insert(answer[9..11].to_vec()), "{words}");
        }
        bench = bench.again();
    }
    assert_eq!((challenges.len(), counters.len()), (3 * WORDS, WORDS));
}

/// A chip whose memory failed and came back goes on where it stood, in the same power-up.
#[test]
fn a_failed_write_can_be_said_again() {
    for words in [0, 1, WORDS - 1, WORDS] {
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

#[test]
fn memory_that_was_written_and_holds_nothing_whole_is_no_chip() {
    let mut bench = active();
    let mut memory = bench.memory();
    for copy in [0, FLASH_LEN / 2] {
        memory[copy + 20] ^= 1;
    }
    let over = |memory| kaika_secure_element::Chip::new(keys(), SE_ID, MemoryFlash::with(memory));
    assert!(over(memory).is_err());
    for fresh in [[0; FLASH_LEN], [0xff; FLASH_LEN]] {
        assert!(over(fresh).is_ok_and(|chip| *chip.image() == Image::default()));
    }
}
