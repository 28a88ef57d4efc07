//! `symbolon_fuzz::member_receive` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::member_receive(data));
