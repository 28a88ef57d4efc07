//! `symbolon_fuzz::message_parts` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::message_parts(data));
