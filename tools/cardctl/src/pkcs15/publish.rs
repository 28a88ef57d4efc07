//! Puts the application onto a card, and into EF.DIR, where programs look for applications.

use anyhow::{Context, Result};
use apdu_spec::file::{FileDescriptor, FileState, Records};
use apdu_spec::instruction::{
    AppendRecord, CreateFile, DeleteFile, Select, SelectAnswer, Selector, Target, UpdateBinary,
};
use apdu_spec::limits::{KEY_REFERENCE_MAX, KEY_REFERENCE_MIN, SHORT_DATA_MAX};
use apdu_spec::{Aid, Fcp, FileId, KeyReference, SecurityAttributes, ShortFileId, Status, Tag, Writer};
use host_terminal::card::{Card, CardError};

use super::{CARD_INFORMATION, OBJECT_DIRECTORY, PINS, PRIVATE_KEYS, PUBLIC_KEYS, View, public_key_file};

/// Where the application is. A directory has one name and programs look for either of two: so there are two directories
/// with the same content.
const DIRECTORIES: [(FileId, &[u8], &str); 2] = [
    // PKCS #15, 5.6.
    (FileId(0x5015), b"\xA0\x00\x00\x00\x63PKCS-15", "PKCS #15"),
    // The application for electronic signatures (EN 419212-1): VERIFY, MANAGE SECURITY ENVIRONMENT, PERFORM SECURITY
    // OPERATION. By it OpenSC finds the card.
    (FileId(0x5016), b"\xA0\x00\x00\x01\x67ESIGN", "Signatures"),
];

/// The application template, and the objects in it (ISO/IEC 7816-4, 12.2.3).
const APPLICATION: Tag = Tag(0x61);
const APPLICATION_NAME: Tag = Tag(0x4F);
const APPLICATION_LABEL: Tag = Tag(0x50);
/// The longest record of EF.DIR.
const RECORD_SIZE: u16 = 48;
/// EF.DIR's short identifier (ISO/IEC 7816-4, 8.2.1.1).
const EF_DIR_SHORT_ID: u8 = 30;

/// Reading: always (ISO/IEC 7816-4, 5.5.3); anything else: never.
const READ_ONLY: &[u8] = &[0x01, 0x00];

/// Writes the application and EF.DIR.
pub(crate) async fn publish(card: &mut Card, view: &View) -> Result<()> {
    select(card, Selector::MasterFile).await?;
    write_directory_file(card).await.context("EF.DIR")?;
    let files = view.files()?;
    for (id, name, _) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        let parameters = read_only(FileDescriptor::Directory, id)?;
        create(card, Fcp { name: Aid::parse(name).ok(), security: SecurityAttributes::NOTHING, ..parameters }).await?;
        for (id, content) in &files {
            write(card, *id, content).await.with_context(|| format!("file {:04X}", id.0))?;
        }
    }
    Ok(())
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw(card: &mut Card) -> Result<()> {
    let keys = (KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX).filter_map(|number| KeyReference::parse(number).ok());
    let fixed = [OBJECT_DIRECTORY, CARD_INFORMATION, PRIVATE_KEYS, PUBLIC_KEYS, PINS];
    let files: Vec<FileId> = fixed.into_iter().chain(keys.map(public_key_file)).collect();
    for (id, ..) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        if !is_there(select(card, Selector::ChildDirectory(id)).await)? {
            continue;
        }
        for file in &files {
            delete(card, *file).await?;
        }
        select(card, Selector::MasterFile).await?;
        delete(card, id).await?;
    }
    select(card, Selector::MasterFile).await?;
    delete(card, FileId::DIRECTORY).await
}

async fn write_directory_file(card: &mut Card) -> Result<()> {
    let applications = [(Aid::TRANSACTION.as_bytes(), "Symbolon")];
    let applications: Vec<_> =
        applications.into_iter().chain(DIRECTORIES.map(|(_, name, label)| (name, label))).collect();
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

async fn write(card: &mut Card, id: FileId, content: &[u8]) -> Result<()> {
    let size = u16::try_from(content.len())?;
    create(card, read_only(FileDescriptor::Transparent { size }, id)?).await?;
    for (part, data) in content.chunks(SHORT_DATA_MAX).enumerate() {
        let offset = u16::try_from(part * SHORT_DATA_MAX)?;
        card.send("UPDATE BINARY", &UpdateBinary { file: Target::Current, offset, data }).await?;
    }
    Ok(())
}

async fn create(card: &mut Card, parameters: Fcp<'_>) -> Result<()> {
    card.send("CREATE FILE", &CreateFile { parameters }).await?;
    Ok(())
}

async fn delete(card: &mut Card, id: FileId) -> Result<()> {
    is_there(card.send("DELETE FILE", &DeleteFile { file: Some(id) }).await)?;
    Ok(())
}

async fn select(card: &mut Card, selector: Selector<'_>) -> Result<Vec<u8>, CardError> {
    card.send("SELECT", &Select { selector, answer: SelectAnswer::Nothing }).await
}

/// Whether the file that a command was about exists.
fn is_there(answer: Result<Vec<u8>, CardError>) -> Result<bool, CardError> {
    match answer {
        Err(CardError::Refused { status: Status::FILE_NOT_FOUND, .. }) => Ok(false),
        other => other.map(|_| true),
    }
}

/// The parameters of a file that anybody reads and nobody changes.
fn read_only(descriptor: FileDescriptor, id: FileId) -> Result<Fcp<'static>> {
    let security = SecurityAttributes::parse(READ_ONLY).ok().context("no such condition")?;
    Ok(Fcp { descriptor, id, name: None, short_id: None, state: FileState::Activated, security })
}
