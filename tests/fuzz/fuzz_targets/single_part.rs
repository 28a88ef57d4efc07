//! `symbolon_fuzz::single_part` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::single_part(data));
