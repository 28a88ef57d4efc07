//! Every text file of the project, held against the rules of `tests/src/tidy.rs`.

use anyhow::Result;
use symbolon_tests::tidy::{self, FILE_LINES_MAX, FILE_LINES_USUAL, FUNCTION_LINES_MAX, FUNCTION_LINES_USUAL};
use symbolon_tests::workspace::{self, TextFile};

#[test]
fn nothing_is_left_unfinished() -> Result<()> {
    check(|file| !file.is("md"), tidy::unfinished)
}

#[test]
fn the_text_is_for_everybody() -> Result<()> {
    check(|_| true, tidy::private_words)
}

#[test]
fn lines_end_where_their_text_ends() -> Result<()> {
    check(|_| true, tidy::loose_ends)
}

#[test]
fn comments_are_no_wider_than_code() -> Result<()> {
    check(|file| file.is("rs"), tidy::wide_lines)
}

#[test]
fn lints_are_silenced_with_a_reason() -> Result<()> {
    check(|file| file.is("rs"), tidy::silenced_lints)
}

#[test]
fn links_lead_somewhere() -> Result<()> {
    let exists = |path: &std::path::Path| workspace::root().join(path).exists();
    let files = workspace::text_files()?;
    let documents = files.iter().filter(|file| file.is("md"));
    report(documents.flat_map(|file| findings(file, tidy::dead_links(&file.path, &file.text, exists))));
    check(|file| file.is("md"), tidy::dead_anchors)
}

#[test]
fn files_and_functions_keep_to_a_size_that_can_be_read() -> Result<()> {
    let mut too_long = Vec::new();
    for file in workspace::text_files()?.iter().filter(|file| file.is("rs")) {
        let lines = file.text.lines().count();
        let path = &file.path;
        let functions = tidy::function_lengths(&file.text);
        let functions = functions.into_iter().map(|(name, lines)| (format!("{path}: {name}"), lines));
        let sizes = [(path.clone(), lines, FILE_LINES_USUAL, FILE_LINES_MAX)].into_iter();
        let sizes = sizes.chain(functions.map(|(name, lines)| (name, lines, FUNCTION_LINES_USUAL, FUNCTION_LINES_MAX)));
        for (name, lines, usual, max) in sizes.filter(|(_, lines, usual, _)| lines > usual) {
            println!("{name} has {lines} lines, usual are {usual}");
            too_long.extend((lines > max).then(|| format!("{name} has {lines} lines, more than {max}")));
        }
    }
    report(too_long);
    Ok(())
}

fn check(applies: impl Fn(&TextFile) -> bool, rule: impl Fn(&str) -> Vec<String>) -> Result<()> {
    let files = workspace::text_files()?;
    report(files.iter().filter(|file| applies(file)).flat_map(|file| findings(file, rule(&file.text))));
    Ok(())
}

fn findings(file: &TextFile, findings: Vec<String>) -> impl Iterator<Item = String> {
    findings.into_iter().map(|finding| format!("{}:{finding}", file.path))
}

/// Fails with all findings, if there are any.
fn report(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}
