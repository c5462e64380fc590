//! Fuzz target: [`kaika_fuzz::ber_tlv`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kaika_fuzz::ber_tlv(data));
