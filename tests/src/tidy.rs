//! What every text file of the project keeps to, beyond what the compiler and rustfmt look at. Each rule takes a text
//! and gives what it finds wrong, one line a finding.

use std::path::{Component, Path};

/// The widest line of Rust, comments included, in characters.
pub const WIDTH_MAX: usize = 120;

/// Above this a file is worth a second look.
pub const FILE_LINES_USUAL: usize = 600;
/// Above this a file has more than one idea.
pub const FILE_LINES_MAX: usize = 900;

/// Above this a function is worth a second look.
pub const FUNCTION_LINES_USUAL: usize = 70;
/// Above this nobody reads it at once.
pub const FUNCTION_LINES_MAX: usize = 120;

// Taken apart, or this file would find itself.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
];

/// What says something only on one machine, or to the members of one team, and where packages happen to come from.
const PRIVATE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("sha", "red/"),
    concat!("issue", " #"),
    concat!("session ", "budget"),
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("npmjs", ".org"),
    concat!("deb.debian", ".org"),
    concat!("static.rust-lang", ".org"),
];

/// Work that was left for later.
#[must_use]
pub fn unfinished(text: &str) -> Vec<String> {
    let mut found = lines_with(text, UNFINISHED);
    let is_mark = |word: &str| word == concat!("XX", "X");
    // In quotes it is ISO 4217's code for no currency.
    let quoted = [concat!("\"XX", "X\""), concat!("`XX", "X`")];
    found.extend(numbered(text).filter_map(|(number, line)| {
        let unquoted = quoted.iter().fold(line.to_owned(), |line, code| line.replace(code, ""));
        let has_mark = unquoted.split(|character: char| !character.is_alphanumeric()).any(is_mark);
        has_mark.then(|| format!("{number}: {}", line.trim()))
    }));
    found
}

/// Words that mean nothing to somebody who has only the project.
#[must_use]
pub fn private_words(text: &str) -> Vec<String> {
    lines_with(text, PRIVATE)
}

/// Lines with spaces or tabs at their end, and a last line without an end.
#[must_use]
pub fn loose_ends(text: &str) -> Vec<String> {
    // Not `lines`, which would hide a carriage return.
    let lines = (1_usize..).zip(text.split('\n'));
    let loose = lines.filter(|(_, line)| line.ends_with([' ', '\t', '\r']));
    let mut found: Vec<String> = loose.map(|(number, _)| format!("{number}: ends with a space")).collect();
    if !text.is_empty() && !text.ends_with('\n') {
        found.push("the last line has no end".to_owned());
    }
    found
}

/// Lines of more than [`WIDTH_MAX`] characters.
#[must_use]
pub fn wide_lines(text: &str) -> Vec<String> {
    let widths = numbered(text).map(|(number, line)| (number, line.chars().count()));
    widths.filter(|(_, width)| *width > WIDTH_MAX).map(|(number, width)| format!("{number}: {width} wide")).collect()
}

/// Lints that are switched off or expected without a reason.
#[must_use]
pub fn silenced_lints(text: &str) -> Vec<String> {
    let openings = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
    let silencing = |line: &str| openings.iter().any(|opening| line.trim_start().starts_with(opening));
    let lines = numbered(text).filter(|(_, line)| silencing(line));
    let baseless = lines.filter(|(number, _)| !attribute_from(text, *number).contains("reason = "));
    baseless.map(|(number, line)| format!("{number}: says no reason: {}", line.trim())).collect()
}

/// How many lines each function has, with its name. Relies on rustfmt: a function ends where its indentation is back.
#[must_use]
pub fn function_lengths(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut lengths = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indentation = line.len() - line.trim_start().len();
        let end = format!("{}}}", line.get(..indentation).unwrap_or_default());
        let rest = lines.iter().skip(start);
        // A declaration in a trait, or a body on the same line, is over at once.
        let is_over = |line: &&str| line.ends_with(';') || line.ends_with('}') && line.contains('{');
        let mut signature = rest.clone().take_while(|line| !line.ends_with('{'));
        let length = if signature.any(is_over) { Some(0) } else { rest.clone().position(|line| **line == *end) };
        lengths.push((name, length.unwrap_or_default() + 1));
    }
    lengths
}

/// Links of a Markdown text, in the file at `path`, to paths that `exists` does not know.
pub fn dead_links(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = links.filter(|link| !link.contains(':') && !link.starts_with('#') && !link.is_empty());
    let target = |link: &str| normalized(&folder.join(link.split('#').next().unwrap_or_default()));
    inside
        .filter(|link| !target(link).is_some_and(|path| exists(&path)))
        .map(|link| format!("leads nowhere: {link}"))
        .collect()
}

/// Links of a Markdown text to headings of its own that it does not have. A heading's link is what forges make of it:
/// its letters, digits and hyphens, and a hyphen for each space.
#[must_use]
pub fn dead_anchors(text: &str) -> Vec<String> {
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
        kept.map(|character| if character == ' ' { '-' } else { character }).flat_map(char::to_lowercase).collect()
    };
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchors: Vec<String> = headings.map(|line| anchor(line.trim_start_matches('#'))).collect();
    let links = text.split("](#").skip(1).filter_map(|rest| rest.split(')').next());
    links
        .filter(|link| !anchors.iter().any(|anchor| anchor == link))
        .map(|link| format!("leads to no heading: #{link}"))
        .collect()
}

/// A path from the top folder without `.` and `..`; nothing if it leads out of the project.
fn normalized(path: &Path) -> Option<std::path::PathBuf> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.iter().collect())
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn lines_with(text: &str, words: &[&str]) -> Vec<String> {
    let has_one = |line: &str| words.iter().any(|word| line.contains(word));
    numbered(text)
        .filter(|(_, line)| has_one(line))
        .map(|(number, line)| format!("{number}: {}", line.trim()))
        .collect()
}

/// The attribute that begins in the line with this number.
fn attribute_from(text: &str, number: usize) -> String {
    let mut attribute = String::new();
    for line in text.lines().skip(number - 1) {
        attribute.push_str(line);
        if line.ends_with(")]") {
            break;
        }
    }
    attribute
}

fn function_name(line: &str) -> Option<&str> {
    let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern", "\"C\""];
    let mut rest = line.trim_start();
    loop {
        let (word, next) = rest.split_once(' ')?;
        if word == "fn" {
            return next.split(['(', '<']).next();
        }
        if !words.contains(&word) && !word.starts_with("pub(in") {
            return None;
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found_and_similar_words_are_not() {
        for mark in UNFINISHED.iter().chain([&concat!("// XX", "X: later")]) {
            assert_eq!(unfinished(&format!("fine\n    {mark}\n")), [format!("2: {mark}")]);
        }
        assert!(unfinished("61XX answers, mastodon!, ignore me\n").is_empty());
        assert!(unfinished(concat!("let none = b\"XX", "X\"; // `XX", "X`\n")).is_empty());
    }

    #[test]
    fn private_words_are_found() {
        for word in PRIVATE {
            assert_eq!(private_words(&format!("see {word}x")).len(), 1, "{word}");
        }
        assert!(private_words("a shared secret, an issue, a homework\n").is_empty());
    }

    #[test]
    fn links_to_headings_are_followed() {
        let text = "[a](#get-data-80-ca-tag) [b](#nowhere)\n\n### GET DATA: `80 CA tag`\n";
        assert_eq!(dead_anchors(text), ["leads to no heading: #nowhere"]);
    }

    #[test]
    fn loose_ends_are_found_in_every_line_and_at_the_end() {
        assert_eq!(loose_ends("a \nb\t\nc\r\nd\n").len(), 3);
        assert_eq!(loose_ends("a\nb").len(), 1);
        assert!(loose_ends("").is_empty() && loose_ends("a\n\nb\n").is_empty());
    }

    #[test]
    fn width_is_counted_in_characters() {
        assert!(wide_lines(&"é".repeat(WIDTH_MAX)).is_empty());
        assert_eq!(wide_lines(&format!("\n{}", "é".repeat(WIDTH_MAX + 1))), [format!("2: {} wide", WIDTH_MAX + 1)]);
    }

    #[test]
    fn lints_are_silenced_with_a_reason() {
        let bad = "#[allow(dead_code)]\n#![allow(x)]\n#[expect(dead_code)]\nfn f() {}\n    #[expect(\n    a\n)]\n";
        assert_eq!(silenced_lints(bad).len(), 4);
        let good = "#[expect(dead_code, reason = \"x\")]\n    #[expect(\n        a,\n        reason = \"b\"\n    )]\n\
            let x = y.expect(\"z\");\n";
        assert!(silenced_lints(good).is_empty());
    }

    #[test]
    fn functions_are_measured_from_their_signature_to_their_closing_brace() {
        let text = "pub fn one() {}\ntrait T {\n    fn declared(&self);\n    fn short(&self) -> u8 { 1 }\n}\n\
            impl S {\n    pub(crate) async fn long<T>(\n        a: u8,\n    ) {\n        if a {\n        }\n    }\n}\n\
            // fn comment() {\n";
        assert_eq!(function_lengths(text), [("one", 1), ("declared", 1), ("short", 1), ("long", 6)]);
    }

    #[test]
    fn links_are_followed_from_the_file_they_stand_in() {
        let text = "[a](b.md) [b](../c.md#part) [c](https://example.org) [d](#here) [e](../../out.md) [f](gone.md)";
        let exists = |path: &Path| [Path::new("docs/b.md"), Path::new("c.md")].contains(&path);
        assert_eq!(dead_links("docs/a.md", text, exists), ["leads nowhere: ../../out.md", "leads nowhere: gone.md"]);
    }
}
