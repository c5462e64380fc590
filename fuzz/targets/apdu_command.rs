//! Fuzz target: [`kaika_fuzz::apdu_command`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::apdu_command(data));
