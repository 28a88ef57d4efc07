//! Files on a card, as issuing makes them.

use anyhow::{Context, Result, ensure};
use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::instruction::{
    ActivateFile, AppendRecord, CardObject, CreateFile, DataFile, DataObject, DeleteFile, FileIds, FileList,
    GetCardData, Objects, PutData, Select, SelectAnswer, Selector, Target, UpdateBinary,
};
use apdu_spec::{Fcp, FileId, SecurityAttributes, Status};
use host_terminal::card::{Card, CardError};

/// Reading: always (ISO/IEC 7816-4, 5.5.3); anything else: never.
const READ_ONLY: &[u8] = &[0x01, 0x00];

/// Bytes that are written at once: as many as fit a short command in a secure channel, padding and MAC included.
const PART: usize = 223;

/// Directories that lie one in another, at most, where all that is in one is looked at.
pub(crate) const DEPTH_MAX: usize = 8;

/// What is in a file.
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// In the order in which they are appended.
    Records(Vec<Vec<u8>>),
    /// Whole data objects.
    Objects(Vec<Vec<u8>>),
}

/// Selects a file or a directory.
pub(crate) async fn select(card: &mut Card, selector: Selector<'_>) -> Result<Vec<u8>, CardError> {
    card.send("SELECT", &Select { selector, answer: SelectAnswer::Nothing }).await
}

/// Selects along a path from the master file on; without identifiers, the master file.
pub(crate) async fn select_path(card: &mut Card, path: &[FileId]) -> Result<()> {
    let bytes: Vec<u8> = path.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    let selector = FileIds::parse(&bytes).map_or(Selector::MasterFile, Selector::PathFromMasterFile);
    ensure!(is_there(select(card, selector).await)?, "there is no {} on the card", path_words(path));
    Ok(())
}

/// `A100/0001`; `3F00` for the master file.
pub(crate) fn path_words(path: &[FileId]) -> String {
    let ids: Vec<String> = path.iter().map(|id| format!("{:04X}", id.0)).collect();
    if ids.is_empty() { "3F00".to_owned() } else { ids.join("/") }
}

/// The files in the current directory.
pub(crate) async fn list(card: &mut Card) -> Result<Vec<FileId>> {
    let answer = card.send("GET DATA", &GetCardData { object: CardObject::FILES }).await;
    let answer = answer.context("the card does not tell which files there are")?;
    let list = FileList::parse(&answer).ok().context("the card's answer is no list of files")?;
    Ok(list.iter().collect())
}

/// Creates a file in the current directory.
pub(crate) async fn create(card: &mut Card, parameters: Fcp<'_>) -> Result<()> {
    card.send("CREATE FILE", &CreateFile { parameters }).await?;
    Ok(())
}

/// Creates a file in the current directory with what is in it. As long as it is being created its own conditions are
/// not in force, so that it can also be filled through the issuer's secure channel.
pub(crate) async fn make(card: &mut Card, parameters: Fcp<'_>, content: &Content) -> Result<()> {
    create(card, parameters).await?;
    fill(card, content).await?;
    if parameters.state != FileState::Activated {
        card.send("ACTIVATE FILE", &ActivateFile { file: None }).await?;
    }
    Ok(())
}

async fn fill(card: &mut Card, content: &Content) -> Result<()> {
    match content {
        Content::Bytes(bytes) => {
            for (part, data) in bytes.chunks(PART).enumerate() {
                let offset = u16::try_from(part * PART)?;
                card.send("UPDATE BINARY", &UpdateBinary { file: Target::Current, offset, data }).await?;
            }
        }
        Content::Records(records) => {
            for data in records {
                card.send("APPEND RECORD", &AppendRecord { file: Target::Current, data }).await?;
            }
        }
        Content::Objects(objects) => {
            for object in objects {
                let objects = Objects::parse(object).ok().context("not a data object")?;
                let put = PutData { file: DataFile::File(Target::Current), object: DataObject::Objects(objects) };
                card.send("PUT DATA", &put).await?;
            }
        }
    }
    Ok(())
}

/// Creates a transparent file that anybody reads and nobody changes.
pub(crate) async fn write(card: &mut Card, id: FileId, content: &[u8]) -> Result<()> {
    let size = u16::try_from(content.len())?;
    let parameters = read_only(FileDescriptor::Transparent { size }, id)?;
    make(card, Fcp { state: FileState::Creation, ..parameters }, &Content::Bytes(content.to_vec())).await
}

/// Deletes a file in the current directory, if it is there, and all that is in it.
pub(crate) async fn remove(card: &mut Card, id: FileId) -> Result<()> {
    remove_within(card, id, DEPTH_MAX).await
}

async fn remove_within(card: &mut Card, id: FileId, depth: usize) -> Result<()> {
    ensure!(depth > 0, "more than {DEPTH_MAX} directories lie one in another");
    if is_there(select(card, Selector::ChildDirectory(id)).await)? {
        for child in list(card).await? {
            Box::pin(remove_within(card, child, depth - 1)).await.with_context(|| format!("file {:04X}", child.0))?;
        }
        select(card, Selector::Parent).await?;
    }
    is_there(card.send("DELETE FILE", &DeleteFile { file: Some(Selector::File(id)) }).await)?;
    Ok(())
}

/// Whether the file that a command was about exists.
pub(crate) fn is_there(answer: Result<Vec<u8>, CardError>) -> Result<bool, CardError> {
    match answer {
        Err(CardError::Refused { status: Status::FILE_NOT_FOUND, .. }) => Ok(false),
        Err(CardError::Refused { status: Status::FILE_DEACTIVATED | Status::FILE_TERMINATED, .. }) => Ok(true),
        other => other.map(|_| true),
    }
}

/// The parameters of a file that anybody reads and nobody changes.
pub(crate) fn read_only(descriptor: FileDescriptor, id: FileId) -> Result<Fcp<'static>> {
    let security = SecurityAttributes::parse(READ_ONLY).ok().context("no such condition")?;
    Ok(Fcp { descriptor, id, name: None, short_id: None, state: FileState::Activated, security })
}
