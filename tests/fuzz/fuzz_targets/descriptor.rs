//! `symbolon_fuzz::descriptor` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::descriptor(data));
