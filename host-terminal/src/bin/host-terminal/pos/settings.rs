//! What a till must know: flags, and a file for what they leave out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use host_terminal::reader::Place;
use host_terminal::till::slip::Shop;
use protocol::types::Currency;
use serde::Deserialize;

/// What flags or the file say.
#[derive(Args, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Given {
    /// Where the provider listens.
    #[arg(long, value_name = "HOST:PORT")]
    provider: Option<String>,
    /// The shop's name, as on its receipts.
    #[arg(long)]
    name: Option<String>,
    /// A line below it on receipts; can be given several times.
    #[arg(long, value_name = "LINE")]
    address: Vec<String>,
    /// The currency's three letters.
    #[arg(long)]
    currency: Option<String>,
    /// Where the customers' cards are: tcp://HOST:PORT of a simulated reader, pcsc: or pcsc:NAME of a real one.
    #[arg(long, value_name = "READER")]
    card: Option<String>,
    /// Where the merchant's card is; image:FILE is one in this very process.
    #[arg(long, value_name = "READER")]
    merchant_card: Option<String>,
    /// A file whose first line is the merchant's card's PIN. Without it, the till asks at its start.
    #[arg(long, value_name = "FILE")]
    merchant_pin_file: Option<PathBuf>,
    /// The folder of the day book.
    #[arg(long, value_name = "FOLDER")]
    book: Option<PathBuf>,
    /// A folder in which each receipt is kept, as text and for receipt printers (ESC/POS).
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,
    /// The receipt printer (ESC/POS): its device, or a file that grows.
    #[arg(long, value_name = "FILE")]
    printer: Option<PathBuf>,
}

/// A till's settings, all there.
pub(crate) struct Settings {
    pub(crate) provider: String,
    pub(crate) shop: Shop,
    pub(crate) currency: Currency,
    pub(crate) card: Place,
    pub(crate) merchant_card: Place,
    pub(crate) merchant_pin_file: Option<PathBuf>,
    pub(crate) book: PathBuf,
    pub(crate) receipts: Option<PathBuf>,
    pub(crate) printer: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn new(flags: Given, file: Option<&Path>) -> Result<Self> {
        let file = file.map(Given::read).transpose()?.unwrap_or_default();
        let currency = need(flags.currency.or(file.currency), "currency")?;
        let address = if flags.address.is_empty() { file.address } else { flags.address };
        Ok(Self {
            provider: need(flags.provider.or(file.provider), "provider")?,
            shop: Shop { name: need(flags.name.or(file.name), "name")?, address },
            currency: Currency::parse(&currency).context("a currency has three capital letters")?,
            card: need(flags.card.or(file.card), "card")?.parse()?,
            merchant_card: need(flags.merchant_card.or(file.merchant_card), "merchant-card")?.parse()?,
            merchant_pin_file: flags.merchant_pin_file.or(file.merchant_pin_file),
            book: need(flags.book.or(file.book), "book")?,
            receipts: flags.receipts.or(file.receipts),
            printer: flags.printer.or(file.printer),
        })
    }
}

impl Given {
    /// Reads the file; its paths are from the folder it stands in.
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut given: Self = toml::from_str(&text).with_context(|| format!("settings in {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = [&mut given.merchant_pin_file, &mut given.book, &mut given.receipts, &mut given.printer];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        for place in [&mut given.card, &mut given.merchant_card].into_iter().flatten() {
            if let Ok(Place::Image(image)) = place.parse() {
                *place = Place::Image(folder.join(image)).to_string();
            }
        }
        Ok(given)
    }
}

fn need<T>(given: Option<T>, name: &str) -> Result<T> {
    given.ok_or_else(|| anyhow!("--{name} is missing: give it, or a file with --config"))
}
