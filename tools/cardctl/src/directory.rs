//! What any program finds of a card in the master file (ISO/IEC 7816-4, 12.2): its applications in EF.DIR, what it can
//! do in EF.ATR/INFO.

use anyhow::{Context, Result};
use apdu_spec::card_capabilities::{CARD_CAPABILITIES, EXTENDED_LENGTH_INFORMATION};
use apdu_spec::file::{FileDescriptor, Records};
use apdu_spec::instruction::{AppendRecord, Selector, Target};
use apdu_spec::{Aid, Fcp, FileId, ShortFileId, Tag, Writer};
use host_terminal::card::Card;

use crate::files::{create, delete, read_only, select, write};

/// An application: its name, and what it is called.
pub(crate) type Application = (&'static [u8], &'static str);

/// What every card has.
const TRANSACTION: Application = (Aid::TRANSACTION.as_bytes(), "Symbolon");

/// The application template, and the objects in it (ISO/IEC 7816-4, 12.2.3).
const APPLICATION: Tag = Tag(0x61);
const APPLICATION_NAME: Tag = Tag(0x4F);
const APPLICATION_LABEL: Tag = Tag(0x50);
/// The longest record of EF.DIR.
const RECORD_SIZE: u16 = 48;
/// EF.DIR's short identifier (ISO/IEC 7816-4, 8.2.1.1).
const EF_DIR_SHORT_ID: u8 = 30;

/// Writes both files; `further` are applications beside the transaction application.
pub(crate) async fn write_both(card: &mut Card, further: &[Application]) -> Result<()> {
    select(card, Selector::MasterFile).await?;
    let applications: Vec<Application> = [TRANSACTION].into_iter().chain(further.iter().copied()).collect();
    write_directory(card, &applications).await.context("EF.DIR")?;
    write(card, FileId::ATR_INFO, &[CARD_CAPABILITIES.as_slice(), &EXTENDED_LENGTH_INFORMATION].concat())
        .await
        .context("EF.ATR/INFO")
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw(card: &mut Card) -> Result<()> {
    select(card, Selector::MasterFile).await?;
    delete(card, FileId::DIRECTORY).await?;
    delete(card, FileId::ATR_INFO).await
}

async fn write_directory(card: &mut Card, applications: &[Application]) -> Result<()> {
    let count = u8::try_from(applications.len())?;
    let descriptor = FileDescriptor::LinearVariable(Records { size: RECORD_SIZE, count });
    let short_id = ShortFileId::parse(EF_DIR_SHORT_ID).ok();
    create(card, Fcp { short_id, ..read_only(descriptor, FileId::DIRECTORY)? }).await?;
    for (name, label) in applications {
        let mut space = [0; RECORD_SIZE as usize];
        let mut record = Writer::new(&mut space);
        let template = record.template(APPLICATION, |out| {
            out.field(APPLICATION_NAME, name)?;
            out.field(APPLICATION_LABEL, label.as_bytes())
        });
        template.ok().context("a label is too long")?;
        card.send("APPEND RECORD", &AppendRecord { file: Target::Current, data: record.written() }).await?;
    }
    Ok(())
}
