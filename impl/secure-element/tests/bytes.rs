//! Any bytes at any time: no panic, a refusal writes nothing, and what was whole stays whole.

mod bench;

use bench::*;
use kaika_secure_element::image::{Image, RECORDS, State};
use proptest::collection::vec;
use proptest::prelude::*;

const STATES: [fn() -> Bench; 14] = [
    factory,
    domain,
    challenged,
    open,
    begun,
    staged,
    active,
    suspended,
    deleted,
    selected,
    initiated,
    asked,
    pin_initiated,
    ten_asked,
];

const INSTRUCTIONS: [u8; 15] = [
    0x20, 0x2a, 0xa4, 0xb2, 0xc0, 0x50, 0x82, 0xe2, 0xf0, 0xe4, 0xf2, 0xca, 0xa8, 0xae, 0x00,
];

/// A header that is nearly right.
fn header() -> impl Strategy<Value = [u8; 4]> {
    let parameter = || prop_oneof![Just(0), Just(0x40), Just(0x80), Just(0x0f), any::<u8>()];
    (
        prop_oneof![Just(0x00), Just(0x80), Just(0x84), Just(0x94), any::<u8>()],
        prop::sample::select(&INSTRUCTIONS),
        parameter(),
        parameter(),
    )
        .prop_map(|(cla, ins, p1, p2)| [cla, ins, p1, p2])
}

fn said() -> impl Strategy<Value = Say> {
    let whole = (header(), vec(any::<u8>(), 0..60), any::<u8>()).prop_map(|(header, data, le)| {
        let lc = u8::try_from(data.len()).unwrap_or(0);
        Say::Plain([&header[..], &[lc], &data, &[le]].concat())
    });
    prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(Say::Plain),
        (header(), vec(any::<u8>(), 0..40))
            .prop_map(|(header, rest)| Say::Plain([&header[..], &rest].concat())),
        whole,
        (header(), vec(any::<u8>(), 0..200)).prop_map(|(header, data)| Say::Secured(header, data)),
        (header(), vec(any::<u8>(), 0..6)).prop_map(|(header, tail)| {
            let data = [
                &[0x4f, 0x08, 0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x01][..],
                &tail,
            ]
            .concat();
            Say::Secured(header, data)
        }),
    ]
}

/// What a refusal may write: a failed opening is counted, and a wrong PIN.
fn forgiven(status: u16, before: &Image, after: &Image) -> bool {
    let failures = before.failures.saturating_add(1);
    let counted = Image {
        failures,
        ..*before
    };
    let mut tried = *before;
    tried.slots[0].pin_failures += 1;
    after == before
        || status >> 4 == 0x63c && *after == tried
        || matches!(status, 0x6982 | 0x6300) && *after == counted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refusal_leaves_memory_alone(at in 0..STATES.len(), all in vec(said(), 1..12)) {
        //= spec/85-apdu.md#apd-3-refusals-change-nothing
        //= type=test
        //# An error answer MUST leave non-volatile memory unchanged except the sequence counter, the failed-channel counter,
        //# the PIN try counter and the transaction counter.
        let mut bench = STATES[at]();
        for say in &all {
            let (memory, image) = (bench.memory(), *bench.chip.image());
            let (data, status) = match say {
                Say::Plain(command) => bench.raw(command),
                Say::Secured(header, data) => {
                    let command = bench.wrap(*header, data);
                    bench.raw(&command)
                }
            };
            if !matches!(status >> 8, 0x61 | 0x62 | 0x90) {
                prop_assert!(data.is_empty(), "data beside {status:04X}");
                prop_assert!(forgiven(status, &image, bench.chip.image()), "{status:04X}");
                prop_assert!(status >> 8 == 0x63 || status == 0x6982 || bench.memory() == memory);
            }
            let now = *bench.chip.image();
            prop_assert_eq!(*bench.again().chip.image(), now);
        }
    }

    #[test]
    fn any_memory_is_a_chip_or_refused(noise in vec((0..kaika_secure_element::journal::FLASH_LEN, any::<u8>()), 0..8)) {
        let mut bench = full();
        let whole = *bench.chip.image();
        let mut memory = bench.memory();
        for (at, byte) in noise {
            memory[at] ^= byte;
        }
        let flash = kaika_secure_element::journal::MemoryFlash::with(memory);
        // Each record is what was written last, or what stood before that.
        let older = Image::default();
        if let Ok(chip) = kaika_secure_element::Chip::new(keys(), SE_ID, flash) {
            for number in 0..RECORDS {
                let found = chip.image().record(number).payload();
                let is = |image: &Image| image.record(number).payload() == found;
                prop_assert!(is(&whole) || is(&older) || is(&staged_all()), "{number}");
            }
        }
    }
}

/// Four staged tokens: what stood before each was committed.
fn staged_all() -> Image {
    let mut image = *full().chip.image();
    image
        .slots
        .iter_mut()
        .for_each(|slot| slot.state = State::Staged);
    image
}
