//! Fuzz target: [`kaika_fuzz::vault`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::vault(data));
