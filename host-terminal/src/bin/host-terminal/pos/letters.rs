//! Letters that can be read from afar: five rows each.

/// Rows of a letter.
pub(super) const ROWS: usize = 5;

/// A text in large letters, row by row; `None` where a character has none.
pub(super) fn large(text: &str) -> Option<[String; ROWS]> {
    let mut rows: [String; ROWS] = Default::default();
    for character in text.chars() {
        for (row, part) in rows.iter_mut().zip(letter(character)?) {
            row.push_str(part);
            row.push(' ');
        }
    }
    Some(rows.map(|row| row.replace('#', "█")))
}

fn letter(character: char) -> Option<[&'static str; ROWS]> {
    Some(match character {
        '0' => ["####", "#  #", "#  #", "#  #", "####"],
        '1' => ["  # ", " ## ", "  # ", "  # ", " ###"],
        '2' => ["####", "   #", "####", "#   ", "####"],
        '3' => ["####", "   #", " ###", "   #", "####"],
        '4' => ["#  #", "#  #", "####", "   #", "   #"],
        '5' => ["####", "#   ", "####", "   #", "####"],
        '6' => ["####", "#   ", "####", "#  #", "####"],
        '7' => ["####", "   #", "  # ", " #  ", " #  "],
        '8' => ["####", "#  #", "####", "#  #", "####"],
        '9' => ["####", "#  #", "####", "   #", "####"],
        '.' => [" ", " ", " ", " ", "#"],
        ' ' => ["  "; ROWS],
        'A' => [" ## ", "#  #", "####", "#  #", "#  #"],
        'B' => ["### ", "#  #", "### ", "#  #", "### "],
        'C' => [" ###", "#   ", "#   ", "#   ", " ###"],
        'D' => ["### ", "#  #", "#  #", "#  #", "### "],
        'E' => ["####", "#   ", "### ", "#   ", "####"],
        'F' => ["####", "#   ", "### ", "#   ", "#   "],
        'G' => [" ###", "#   ", "# ##", "#  #", " ###"],
        'H' => ["#  #", "#  #", "####", "#  #", "#  #"],
        'I' => ["###", " # ", " # ", " # ", "###"],
        'J' => ["  ##", "   #", "   #", "#  #", " ## "],
        'K' => ["#  #", "# # ", "##  ", "# # ", "#  #"],
        'L' => ["#   ", "#   ", "#   ", "#   ", "####"],
        'M' => ["#   #", "## ##", "# # #", "#   #", "#   #"],
        'N' => ["#   #", "##  #", "# # #", "#  ##", "#   #"],
        'O' => [" ## ", "#  #", "#  #", "#  #", " ## "],
        'P' => ["### ", "#  #", "### ", "#   ", "#   "],
        'Q' => [" ## ", "#  #", "#  #", "# ##", " ###"],
        'R' => ["### ", "#  #", "### ", "# # ", "#  #"],
        'S' => [" ###", "#   ", " ## ", "   #", "### "],
        'T' => ["#####", "  #  ", "  #  ", "  #  ", "  #  "],
        'U' => ["#  #", "#  #", "#  #", "#  #", " ## "],
        'V' => ["#   #", "#   #", "#   #", " # # ", "  #  "],
        'W' => ["#   #", "#   #", "# # #", "## ##", "#   #"],
        'X' => ["#   #", " # # ", "  #  ", " # # ", "#   #"],
        'Y' => ["#   #", " # # ", "  #  ", "  #  ", "  #  "],
        'Z' => ["####", "  # ", " #  ", "#   ", "####"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_letter_is_as_wide() {
        for character in ('A'..='Z').chain('0'..='9').chain([' ', '.']) {
            let rows = letter(character).unwrap();
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{character}");
        }
    }

    #[test]
    fn what_is_said_large_fits_eighty_columns() {
        for text in ["99999999.99 EUR", "NOT KNOWN YET", "CALLED OFF", "APPROVED", "DECLINED"] {
            let rows = large(text).unwrap();
            assert!(rows.iter().all(|row| row.chars().count() <= 80), "{text}: {}", rows[0].chars().count());
        }
    }
}
