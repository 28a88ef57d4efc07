//! The prompt, from a script.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::desk::Desk;

fn shell(desk: &Desk, script: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardctl"));
    command.args(["shell", "--card", &desk.card]).args(more).current_dir(desk.folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever fails early does not read the rest.
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_script_of_words_and_hexadecimal_is_run_and_its_answers_are_told() {
    let desk = Desk::issued("[[file]]\npath = \"A100\"\nkind = \"directory\"\n");
    let script = "\
        # comments and empty lines\n\n\
        atr\nls\ncd A100\nls\ncd ..\ncat 2F01\ncat 5F00\nverify 1 pin\ncat 5F00\nselect 2F00\nrecord 1\n\
        00A4 0004 02 3F00 00  # the master file\n\
        channel issuer.keys\n80F2 8002 02 4F00 00\nstatus\nreset\nread 0 4\nnonsense\nquit\natr\n";
    let output = shell(&desk, script, &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = lines(&output);
    let of = |number: usize| &told[number];
    assert!(of(0)["atr"].as_str().unwrap().starts_with("3b8e"));
    assert_eq!(of(1)["files"].as_array().unwrap().len(), 4);
    assert_eq!((&of(2)["directory"], &of(3)["files"]), (&"A100".into(), &serde_json::json!([])));
    assert_eq!(of(5)["content"], "4703f641d37f660802020e0902020e02");
    assert_eq!(of(6)["content"], Value::Null);
    assert_eq!(of(7)["status"], "9000");
    assert!(of(8)["content"].as_str().unwrap().starts_with("5f2008"));
    assert_eq!(of(9)["status"], "9000");
    assert!(of(10)["data"].as_str().unwrap().starts_with("6116"), "{}", of(10));
    assert!(of(11)["data"].as_str().unwrap().starts_with("620d"));
    assert_eq!(of(12)["channel"], "open");
    assert!(of(13)["data"].as_str().unwrap().starts_with("e3134f08a0000001510000009f70010f"), "{}", of(13));
    assert_eq!(of(14)["life_cycle"], "SECURED");
    assert_eq!((&of(16)["status"], &of(16)["decoded"][0]), (&"6986".into(), &"6986: no current file".into()));
    assert!(of(17)["error"].as_str().unwrap().contains("help"));
    assert_eq!(told.len(), 18, "nothing is done after quit");
}

#[test]
fn with_fail_the_first_failure_ends_it_with_its_line() {
    let desk = Desk::issued("");
    for (script, line) in [("atr\nrecord 1\natr\n", "line 2"), ("nonsense\n", "line 1"), ("\ncat 0001\n", "line 2")] {
        let output = shell(&desk, script, &["--fail"]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors.contains(line), "{line} in {errors}");
    }
    assert!(shell(&desk, "atr\n\nstatus\n", &["--fail"]).status.success());
    assert!(shell(&desk, "record 1\n", &[]).status.success());
}

#[test]
fn a_wrong_pin_from_a_file_is_tried_once_and_none_is_told() {
    let desk = Desk::issued("");
    desk.write("wrong", "0000\n");
    let output = shell(&desk, "verify 1 wrong\nverify 1 wrong\npins\nverify 1\n002000010430303030\n", &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("4 tries left") && said.contains("not tried again"), "{said}");
    assert!(said.contains("PIN 1: 4 tries left") && said.contains("nobody is there"), "{said}");
    assert!(!said.contains("0000\n") && !said.contains("30303030"), "{said}");
    assert_eq!(desk.inspect(&[])["pins"][0]["tries_left"], 3);
    let long = format!("{}\n", "00".repeat(10_000));
    assert!(!shell(&desk, &long, &[]).status.success());
}

#[test]
fn a_pin_that_is_verified_is_listed_as_such_and_its_last_try_is_one_try() {
    let desk = Desk::issued("");
    let said = shell(&desk, "verify 1 pin\npins\nreset\npins\n", &[]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("PIN 1: verified") && said.contains("PIN 1: 5 tries left"), "{said}");
    let told = lines(&shell(&desk, "verify 1 pin\npins\n", &["--json"]));
    assert_eq!(told[1]["pins"], serde_json::json!([{ "number": 1, "tries_left": null }]));
    let wrong = "00200001 04 30303030\n".repeat(4);
    let said = String::from_utf8(shell(&desk, &(wrong + "pins\n"), &[]).stdout).unwrap();
    assert!(said.contains("PIN 1: 1 try left"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = shell(&Desk::issued(""), "cat 9999\ncd A200\n", &[]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said, "there is no file 9999\nthere is no file A200\n");
}
