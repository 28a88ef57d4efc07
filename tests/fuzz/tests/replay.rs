//! Every fuzz target, given its corpus once. That needs no nightly compiler: without instrumentation, libFuzzer's
//! `main` still runs the inputs it is shown.

#![allow(clippy::unwrap_used, missing_docs, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The longest that a target may take for one input.
const SECONDS_PER_INPUT: u32 = 10;

macro_rules! replay {
    ($($target:ident)*) => {
        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), env!(concat!("CARGO_BIN_EXE_", stringify!($target))));
            }
        )*
    };
}

replay! {
    card_answer descriptor frame_header member_receive message_parts
    provider_verify request_tree response_batch single_part store_mount
}

#[test]
fn no_target_and_no_corpus_is_left_out() {
    let replayed: BTreeSet<String> = REPLAYED.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names("fuzz_targets"), replayed);
    assert_eq!(names("corpus"), REPLAYED.iter().map(|&name| name.to_owned()).collect());
}

fn replay(target: &str, program: &str) {
    let corpus = format!("corpus/{target}");
    let inputs = names(&corpus).len();
    assert!(inputs > 0, "{corpus} is empty: give the fuzz target a few inputs");
    let broken = concat!(env!("CARGO_TARGET_TMPDIR"), "/");
    let output = Command::new(program)
        .args(["-runs=0", &format!("-timeout={SECONDS_PER_INPUT}"), &format!("-artifact_prefix={broken}"), &corpus])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains(&format!("{inputs} files found in {corpus}")), "{said}");
}

/// What is in a folder of this package.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
