//! What tests have covered, for `cargo xtask test` to add up and tell.

use std::io::Write;

/// Says that so many of something were covered, in a line of its own: `covered: 1200 cut points`.
///
/// The line goes past the test harness, which keeps to itself what a passing test prints.
pub fn covered(count: impl TryInto<u64>, what: &str) {
    let count = count.try_into().unwrap_or(u64::MAX);
    // A figure that cannot be told is no reason to fail.
    let _ = writeln!(std::io::stdout(), "\ncovered: {count} {what}");
}
