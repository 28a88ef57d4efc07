//! What `cargo xtask test` tells: a row a step, how many tests ran, and how to repeat what failed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How many tests went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Adds up the closing lines of every test program in the output of `cargo test`.
    pub(crate) fn in_output(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output.lines().filter(|line| line.starts_with("test result: ")) {
            for (number, what) in numbered_words(line) {
                match what {
                    "passed" => counts.passed += number,
                    "failed" => counts.failed += number,
                    "ignored" => counts.skipped += number,
                    _ => {}
                }
            }
        }
        counts
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// What tests say they covered, in lines like `covered: 1200 cut points`: how many of what, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Covered(BTreeMap<String, u64>);

impl Covered {
    /// Adds up the lines in the output of `cargo test`.
    pub(crate) fn in_output(output: &str) -> Self {
        let mut covered = Self::default();
        let said = output.lines().filter_map(|line| line.strip_prefix("covered: ")?.split_once(' '));
        for (count, what) in said.filter_map(|(count, what)| Some((count.parse().ok()?, what))) {
            covered.add(what, count);
        }
        covered
    }

    fn add(&mut self, what: &str, count: u64) {
        *self.0.entry(what.to_owned()).or_default() += count;
    }
}

/// One finished step.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) passed: bool,
    /// The tests it ran; none for a step that is one check.
    pub(crate) tests: Counts,
    /// What they covered.
    pub(crate) covered: Covered,
}

impl Row {
    /// The step's tests; a step without any counts as one, and so does a failure that no test reported.
    fn counts(&self) -> Counts {
        let mut counts = self.tests;
        if self.passed && self.tests.is_empty() {
            counts.passed = 1;
        }
        if !self.passed && self.tests.failed == 0 {
            counts.failed = 1;
        }
        counts
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "ok" } else { "FAILED" };
        write!(out, "{:<28} {verdict:<6} {:>7.1} s", self.name, self.took.as_secs_f64())?;
        if !self.tests.is_empty() {
            write!(out, "   {} tests", self.tests.passed + self.tests.failed)?;
        }
        Ok(())
    }
}

/// All rows.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// From the first step's start to the last one's end; steps overlap.
    pub(crate) took: Duration,
}

impl Report {
    pub(crate) fn is_success(&self) -> bool {
        self.rows.iter().all(|row| row.passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = Counts::default();
        let mut covered = Covered::default();
        for row in &self.rows {
            writeln!(out, "{row}")?;
            counts.add(row.counts());
            row.covered.0.iter().for_each(|(what, count)| covered.add(what, *count));
        }
        writeln!(out, "{:<28} {:<6} {:>7.1} s\n", "together", "", self.took.as_secs_f64())?;
        for (what, count) in &covered.0 {
            writeln!(out, "{count:>10} {what}")?;
        }
        for row in self.rows.iter().filter(|row| !row.passed) {
            writeln!(out, "{} failed; again: cargo xtask test --only '{0}'", row.name)?;
        }
        write!(out, "{} passed, {} failed", counts.passed, counts.failed)?;
        if counts.skipped > 0 {
            write!(out, ", {} skipped", counts.skipped)?;
        }
        Ok(())
    }
}

/// Every number in `line` with the word after it: `3 passed; 1 failed;` is `(3, passed)`, `(1, failed)`.
fn numbered_words(line: &str) -> impl Iterator<Item = (u64, &str)> {
    let words = line.split_whitespace();
    let next = line.split_whitespace().skip(1);
    words.zip(next).filter_map(|(number, word)| Some((number.parse().ok()?, word.trim_end_matches(';'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\n\
        test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";

    #[test]
    fn the_closing_lines_of_all_test_programs_are_added_up() {
        assert_eq!(Counts::in_output(OUTPUT), Counts { passed: 7, failed: 1, skipped: 4 });
        assert!(Counts::in_output("error: could not compile").is_empty());
    }

    #[test]
    fn what_all_test_programs_say_they_covered_is_added_up() {
        let said = "covered: 3 cut points\nnot covered: 1 cut points\ncovered: 4 cut points\ncovered: 2 status words\n";
        let covered = Covered::in_output(said);
        assert_eq!(covered.0, BTreeMap::from([("cut points".into(), 7), ("status words".into(), 2)]));
        let tests = Counts::default();
        let row = || Row { name: "x".into(), took: Duration::ZERO, passed: true, tests, covered: covered.clone() };
        assert!(
            Report { rows: vec![row(), row()], took: Duration::ZERO }.to_string().contains("\n        14 cut points\n")
        );
    }

    #[test]
    fn every_step_counts_at_least_once_and_the_last_line_is_plain() {
        let row = |passed, tests| Row {
            name: "a step".into(),
            took: Duration::from_secs(1),
            passed,
            tests,
            covered: Covered::in_output(OUTPUT),
        };
        let tests = Counts { passed: 2, failed: 0, skipped: 0 };
        let report = |rows| Report { rows, took: Duration::ZERO };
        let good = report(vec![row(true, Counts::default()), row(true, tests)]);
        assert!(good.is_success());
        assert_eq!(good.to_string().lines().last(), Some("3 passed, 0 failed"));

        let bad = report(vec![row(true, tests), row(false, tests), row(false, Counts::in_output(OUTPUT))]);
        assert!(!bad.is_success());
        assert_eq!(bad.to_string().lines().last(), Some("11 passed, 2 failed, 4 skipped"));
        assert!(bad.to_string().contains("a step failed; again: cargo xtask test --only 'a step'"));
    }
}
