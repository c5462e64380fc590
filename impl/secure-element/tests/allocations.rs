//! A whole life of a chip allocates nothing: provisioning, payment with PIN and issuer's proof, management, a refusal of each kind.

mod bench;

use std::alloc::System;

use bench::*;
use kaika_secure_element::Chip;
use kaika_secure_element::journal::MemoryFlash;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Commands and answers of a life, as the bench says them.
fn recorded() -> (Vec<Vec<u8>>, MemoryFlash) {
    let mut bench = factory();
    let flash = bench.chip.flash().clone();
    let mut said = Vec::new();
    let mut say = |bench: &mut Bench, command: Vec<u8>| {
        let answer = bench.raw(&command);
        said.push(command);
        answer
    };
    say(&mut bench, hex(&format!("00A4040007{DOMAIN}00")));
    let (answer, _) = say(&mut bench, hex("8050300008 0102030405060708 00"));
    let card = answer[13..21].try_into().unwrap_or_default();
    let data = bench.host(kaika_crypto::scp03::Level::Both, &card);
    say(&mut bench, [&hex("8482330010"), &data[..]].concat());
    let named = format!("4F08{SLOT}");
    for (header, data) in [
        ([0x84, 0xe2, 0x80, 0], pin_template(1)),
        ([0x84, 0xf0, 0x40, 0x0f], hex("4F00")),
        ([0x84, 0xf2, 0x40, 0x02], hex("4F00")),
        ([0x84, 0xf0, 0x40, 0x80], hex(&named)),
        ([0x84, 0xf0, 0x40, 0x00], hex(&named)),
    ] {
        let command = bench.wrap(header, &data);
        say(&mut bench, command);
    }
    for command in [
        format!("00A4040008{SLOT}00"),
        format!("80A80000 23 8321 36000000{SALE} 00"),
        "00B2010C00".to_owned(),
        "00B2020C00".to_owned(),
        format!("00200080 08 {OTHER_PIN}"),
        format!("00200080 08 {PIN}"),
        format!("80AE8000 1D {SALE} 00"),
        "00820000080000000000800000".to_owned(),
        format!("80AE4000 1F 3030{SALE} 00"),
        "80CA9F3600".to_owned(),
        "00EE0000".to_owned(),
        "84E2".to_owned(),
    ] {
        say(&mut bench, hex(&command));
    }
    (said, flash)
}

#[test]
fn nothing_is_allocated() {
    let (said, flash) = recorded();
    let keys = keys();
    let mut out = [0; 258];
    let mut good = 0;
    let region = Region::new(COUNTED);
    let Ok(mut chip) = Chip::new(keys, SE_ID, flash) else {
        panic!("no chip")
    };
    for command in &said {
        let length = chip.process(command, &mut out);
        good += usize::from(out[..length].ends_with(&[0x90, 0x00]));
    }
    let counted = region.change();
    assert_eq!((said.len(), good), (20, 16));
    assert_eq!((counted.allocations, counted.reallocations), (0, 0));
}
