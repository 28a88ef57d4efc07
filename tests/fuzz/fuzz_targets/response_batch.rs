//! `symbolon_fuzz::response_batch` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::response_batch(data));
