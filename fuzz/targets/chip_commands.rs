//! Fuzz target: [`kaika_fuzz::chip_commands`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::chip_commands(data));
