//! Fuzz target: [`kaika_fuzz::iso8583`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::iso8583(data));
