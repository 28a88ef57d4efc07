//! What any program finds of a card in the master file (ISO/IEC 7816-4, 12.2): its applications in EF.DIR, what it can
//! do in EF.ATR/INFO.

use anyhow::{Context, Result};
use apdu_spec::card_capabilities::{CARD_CAPABILITIES, EXTENDED_LENGTH_INFORMATION};
use apdu_spec::file::{FileDescriptor, FileState, Records};
use apdu_spec::instruction::Selector;
use apdu_spec::{Aid, Fcp, FileId, Reader, ShortFileId, Tag, Writer};
use host_terminal::card::Card;

use crate::files::{Content, make, read_only, remove, select, write};
use crate::reading;

/// An application: its name, and what it is called.
pub(crate) type Application<'a> = (&'a [u8], &'a str);

/// What every card has.
const TRANSACTION: Application<'static> = (Aid::TRANSACTION.as_bytes(), "Symbolon");

/// The application template, and the objects in it (ISO/IEC 7816-4, 12.2.3).
const APPLICATION: Tag = Tag(0x61);
const APPLICATION_NAME: Tag = Tag(0x4F);
const APPLICATION_LABEL: Tag = Tag(0x50);
/// The longest record of EF.DIR.
const RECORD_SIZE: u16 = 48;
/// EF.DIR's short identifier (ISO/IEC 7816-4, 8.2.1.1).
const EF_DIR_SHORT_ID: u8 = 30;

/// Writes both files; `further` are applications beside the transaction application.
pub(crate) async fn write_both(card: &mut Card, further: &[Application<'_>]) -> Result<()> {
    select(card, Selector::MasterFile).await?;
    let applications = [TRANSACTION].into_iter().chain(further.iter().copied());
    let records = applications.map(record).collect::<Result<_>>()?;
    write_directory(card, records).await.context("EF.DIR")?;
    write(card, FileId::ATR_INFO, &[CARD_CAPABILITIES.as_slice(), &EXTENDED_LENGTH_INFORMATION].concat())
        .await
        .context("EF.ATR/INFO")
}

/// Adds applications to EF.DIR that are not in it yet.
pub(crate) async fn add(card: &mut Card, further: &[Application<'_>]) -> Result<()> {
    let mut records = applications(card).await?;
    for application in further {
        if !records.iter().any(|record| name_of(record).as_deref() == Some(application.0)) {
            records.push(record(*application)?);
        }
    }
    select(card, Selector::MasterFile).await?;
    remove(card, FileId::DIRECTORY).await?;
    write_directory(card, records).await.context("EF.DIR")
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw(card: &mut Card) -> Result<()> {
    select(card, Selector::MasterFile).await?;
    remove(card, FileId::DIRECTORY).await?;
    remove(card, FileId::ATR_INFO).await
}

/// The records of EF.DIR.
async fn applications(card: &mut Card) -> Result<Vec<Vec<u8>>> {
    select(card, Selector::MasterFile).await?;
    let found = reading::select(card, Selector::ElementaryFile(FileId::DIRECTORY)).await?;
    let Some(parameters) = found else { return Ok(Vec::new()) };
    let descriptor = parameters.get()?.descriptor;
    Ok(match reading::content(card, descriptor).await? {
        Some(Content::Records(records)) => records,
        _ => Vec::new(),
    })
}

async fn write_directory(card: &mut Card, records: Vec<Vec<u8>>) -> Result<()> {
    let longest = records.iter().map(Vec::len).max().unwrap_or_default();
    let size = u16::try_from(longest)?.max(RECORD_SIZE);
    let descriptor = FileDescriptor::LinearVariable(Records { size, count: u8::try_from(records.len())? });
    let short_id = ShortFileId::parse(EF_DIR_SHORT_ID).ok();
    let parameters = read_only(descriptor, FileId::DIRECTORY)?;
    make(card, Fcp { short_id, state: FileState::Creation, ..parameters }, &Content::Records(records)).await
}

fn record((name, label): Application<'_>) -> Result<Vec<u8>> {
    let mut space = [0; RECORD_SIZE as usize];
    let mut record = Writer::new(&mut space);
    let template = record.template(APPLICATION, |out| {
        out.field(APPLICATION_NAME, name)?;
        if label.is_empty() { Ok(()) } else { out.field(APPLICATION_LABEL, label.as_bytes()) }
    });
    template.ok().context("a label is too long")?;
    Ok(record.written().to_vec())
}

fn name_of(record: &[u8]) -> Option<Vec<u8>> {
    let template = Reader::all(record, |input| input.field(APPLICATION)).ok()?;
    Reader::new(template).field(APPLICATION_NAME).ok().map(<[u8]>::to_vec)
}
