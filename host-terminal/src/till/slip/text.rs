//! A receipt as text.

use super::COLUMNS;
use super::rows::{Look, Row};

pub(super) fn render(rows: &[Row]) -> String {
    rows.iter().map(|row| format!("{}\n", line(row).trim_end())).collect()
}

fn line(Row { look, text }: &Row) -> String {
    match look {
        Look::Normal => text.clone(),
        Look::Centred => format!("{text:^COLUMNS$}"),
        Look::Large => format!("{:^COLUMNS$}", format!("*** {text} ***")),
    }
}
