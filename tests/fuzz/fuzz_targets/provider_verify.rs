//! `symbolon_fuzz::provider_verify` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::provider_verify(data));
