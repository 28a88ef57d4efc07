//! Files on a card, as issuing makes them.

use anyhow::{Context, Result};
use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::instruction::{CreateFile, DeleteFile, Select, SelectAnswer, Selector, Target, UpdateBinary};
use apdu_spec::limits::SHORT_DATA_MAX;
use apdu_spec::{Fcp, FileId, SecurityAttributes, Status};
use host_terminal::card::{Card, CardError};

/// Reading: always (ISO/IEC 7816-4, 5.5.3); anything else: never.
const READ_ONLY: &[u8] = &[0x01, 0x00];

/// Selects a file or a directory.
pub(crate) async fn select(card: &mut Card, selector: Selector<'_>) -> Result<Vec<u8>, CardError> {
    card.send("SELECT", &Select { selector, answer: SelectAnswer::Nothing }).await
}

/// Creates a file in the current directory.
pub(crate) async fn create(card: &mut Card, parameters: Fcp<'_>) -> Result<()> {
    card.send("CREATE FILE", &CreateFile { parameters }).await?;
    Ok(())
}

/// Creates a transparent file that anybody reads and nobody changes.
pub(crate) async fn write(card: &mut Card, id: FileId, content: &[u8]) -> Result<()> {
    let size = u16::try_from(content.len())?;
    create(card, read_only(FileDescriptor::Transparent { size }, id)?).await?;
    for (part, data) in content.chunks(SHORT_DATA_MAX).enumerate() {
        let offset = u16::try_from(part * SHORT_DATA_MAX)?;
        card.send("UPDATE BINARY", &UpdateBinary { file: Target::Current, offset, data }).await?;
    }
    Ok(())
}

/// Deletes a file in the current directory, if it is there.
pub(crate) async fn delete(card: &mut Card, id: FileId) -> Result<()> {
    is_there(card.send("DELETE FILE", &DeleteFile { file: Some(Selector::File(id)) }).await)?;
    Ok(())
}

/// Whether the file that a command was about exists.
pub(crate) fn is_there(answer: Result<Vec<u8>, CardError>) -> Result<bool, CardError> {
    match answer {
        Err(CardError::Refused { status: Status::FILE_NOT_FOUND, .. }) => Ok(false),
        other => other.map(|_| true),
    }
}

/// The parameters of a file that anybody reads and nobody changes.
pub(crate) fn read_only(descriptor: FileDescriptor, id: FileId) -> Result<Fcp<'static>> {
    let security = SecurityAttributes::parse(READ_ONLY).ok().context("no such condition")?;
    Ok(Fcp { descriptor, id, name: None, short_id: None, state: FileState::Activated, security })
}
