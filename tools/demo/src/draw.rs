//! Diagrams: who sends what to whom, a line each.

use crate::events::Hop;

/// Where the places stand, in columns, and what they are called.
const COLUMNS: [usize; 5] = [2, 16, 30, 44, 57];
const NAMES: [[&str; 2]; 5] =
    [["Ada's", "card"], ["Ada's", "terminal"], ["Huber's", "terminal"], ["Huber's", "card"], ["First", "Bank"]];

/// Columns of a diagram; what a message measures stands behind.
const WIDTH: usize = 59;

/// The heads of the columns.
pub(crate) fn heads() -> [String; 2] {
    [NAMES.map(|[first, _]| first), NAMES.map(|[_, second]| second)].map(|names| {
        let mut row = String::new();
        for (column, name) in COLUMNS.iter().zip(names) {
            let indent = column.saturating_sub(row.chars().count() + 1);
            row = format!("{row}{:indent$}{name}", "");
        }
        row
    })
}

/// One line.
pub(crate) fn hop(hop: &Hop) -> String {
    let mut row: Vec<char> = (0..WIDTH).map(|column| if COLUMNS.contains(&column) { '│' } else { ' ' }).collect();
    let column = |place: usize| COLUMNS.get(place).copied().unwrap_or_default();
    let (left, right) = (column(hop.from.min(hop.to)), column(hop.from.max(hop.to)));
    for cell in row.iter_mut().take(right).skip(left + 1) {
        *cell = if *cell == '│' { '┼' } else { '─' };
    }
    // The name stands next to where the line begins, in front of whoever it passes.
    let next = COLUMNS.iter().copied().filter(|column| (left + 1..=right).contains(column)).min().unwrap_or(right);
    let label = format!(" {} ", hop.label);
    let room = next - left - 1;
    put(&mut row, left + 1 + room.saturating_sub(label.len()) / 2, &label);
    let rightwards = hop.to > hop.from;
    if rightwards || hop.answer.is_some() {
        put(&mut row, right - 1, "▶");
    }
    if !rightwards || hop.answer.is_some() {
        put(&mut row, left + 1, "◀");
    }
    format!("{} {}", row.iter().collect::<String>(), measures(hop))
}

fn put(row: &mut [char], at: usize, text: &str) {
    row.iter_mut().skip(at).zip(text.chars()).for_each(|(cell, character)| *cell = character);
}

fn measures(hop: &Hop) -> String {
    let bytes = match hop.answer {
        Some(answer) => format!("{}→{answer}", hop.bytes),
        None => hop.bytes.to_string(),
    };
    let time = hop.micros.map_or_else(String::new, |micros| format!("{:>4}.{} ms", micros / 1000, micros % 1000 / 100));
    format!("{bytes:>8} B{time:>10}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: usize, to: usize, answer: Option<usize>) -> String {
        hop(&Hop { from, to, label: "SIGN".to_owned(), bytes: 7, answer, micros: Some(1234) })
    }

    #[test]
    fn lines_go_from_sender_to_receiver_and_fit_the_screen() {
        assert!(line(2, 4, None).contains("│─── SIGN ────┼───────────▶│"), "{}", line(2, 4, None));
        assert!(line(1, 0, None).contains("│◀── SIGN ────│"), "{}", line(1, 0, None));
        assert!(line(1, 0, Some(66)).contains("│◀── SIGN ───▶│"), "{}", line(1, 0, Some(66)));
        assert!(line(1, 0, Some(66)).ends_with("7→66 B    1.2 ms"));
        for (from, to) in [(0, 4), (4, 0), (1, 2), (3, 2)] {
            assert!(line(from, to, Some(3072)).chars().count() <= 80);
        }
        assert!(heads().iter().all(|head| head.chars().count() <= WIDTH + 5));
    }
}
