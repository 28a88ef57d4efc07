//! A receipt as printers take it: ESC/POS.

use std::sync::{Arc, Mutex, PoisonError};

use escpos::driver::Driver;
use escpos::errors::Result;
use escpos::printer::Printer;
use escpos::utils::{JustifyMode, PageCode, Protocol};

use super::rows::{Look, Row};

/// Empty lines in front of the cut: the knife is above the print head.
const FEED: u8 = 4;

/// What Windows-1252 has beside ASCII and Latin-1.
const EXTRA: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

pub(super) fn render(rows: &[Row]) -> Vec<u8> {
    let paper = Paper::default();
    // The only errors are those of the driver, which has none, and of sizes, which are constants.
    drop(print(rows, Printer::new(paper.clone(), Protocol::default(), None)));
    paper.take()
}

fn print(rows: &[Row], mut printer: Printer<Paper>) -> Result<()> {
    printer.init()?.page_code(PageCode::WPC1252)?;
    for Row { look, text } in rows {
        let (justify, size) = match look {
            Look::Normal => (JustifyMode::LEFT, 1),
            Look::Centred => (JustifyMode::CENTER, 1),
            Look::Large => (JustifyMode::CENTER, 2),
        };
        let text: String = text.chars().map(in_code_page).collect();
        printer.justify(justify)?.size(size, size)?.bold(*look == Look::Large)?.writeln(&text)?;
    }
    printer.feeds(FEED)?.print_cut()?;
    Ok(())
}

fn in_code_page(character: char) -> char {
    let has = matches!(character, ' '..='~' | '\u{A0}'..='\u{FF}') || EXTRA.contains(character);
    if has { character } else { '?' }
}

/// What would be printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Driver for Paper {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn write(&self, data: &[u8]) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
