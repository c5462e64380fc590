//! Fuzz target: [`kaika_fuzz::empty`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::empty(data));
