//! Fuzz target: [`kaika_fuzz::scp03`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::scp03(data));
