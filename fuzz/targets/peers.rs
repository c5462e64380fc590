//! Fuzz target: [`kaika_fuzz::peers`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::peers(data));
