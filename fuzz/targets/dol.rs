//! Fuzz target: [`kaika_fuzz::dol`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::dol(data));
