//! `symbolon_fuzz::frame_header` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::frame_header(data));
