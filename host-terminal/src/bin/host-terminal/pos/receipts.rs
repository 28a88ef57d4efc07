//! Receipts in files and on paper.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use host_terminal::till::book::Entry;
use host_terminal::till::slip::{Copy, Slip};
use jiff::tz::TimeZone;
use tokio::time::timeout;

use super::settings::Settings;

/// How long a printer may take to take a receipt: one that is off or has no paper takes none.
const PRINT_TIME: Duration = Duration::from_secs(10);

/// Keeps both copies of a sale's receipt, each as text and as a printer takes it, where the settings say so.
pub(super) fn keep(settings: &Settings, entry: &Entry) -> Result<()> {
    let Some(folder) = &settings.receipts else { return Ok(()) };
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let zone = TimeZone::system();
    let slip = Slip { shop: &settings.shop, entry, zone: &zone };
    let time = entry.at.to_zoned(zone.clone()).strftime("%Y%m%d-%H%M%S").to_string();
    for (copy, name) in [(Copy::Customer, "customer"), (Copy::Merchant, "merchant")] {
        let path = folder.join(format!("{time}-{}-{name}", entry.transaction));
        for (ending, bytes) in [("txt", slip.text(copy).into_bytes()), ("escpos", slip.escpos(copy))] {
            let path = path.with_extension(ending);
            let write = || File::create(&path)?.write_all(&bytes);
            write().with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Prints a receipt.
pub(super) async fn print(settings: &Settings, entry: &Entry, copy: Copy) -> Result<()> {
    let Some(printer) = settings.printer.clone() else { bail!("this till has no printer") };
    let bytes = Slip { shop: &settings.shop, entry, zone: &TimeZone::system() }.escpos(copy);
    let name = printer.display().to_string();
    let printing = tokio::task::spawn_blocking(move || {
        OpenOptions::new().append(true).create(true).open(printer)?.write_all(&bytes)
    });
    let printed = timeout(PRINT_TIME, printing).await.context("the printer takes nothing: is it on, has it paper?")?;
    printed?.context(name)
}
