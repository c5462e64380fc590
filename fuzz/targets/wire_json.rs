//! Fuzz target: [`kaika_fuzz::wire_json`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::wire_json(data));
