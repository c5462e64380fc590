//! Fuzz target: [`kaika_fuzz::taps`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::taps(data));
