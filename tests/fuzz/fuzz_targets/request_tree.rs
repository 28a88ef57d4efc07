//! `symbolon_fuzz::request_tree` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| symbolon_fuzz::request_tree(data));
