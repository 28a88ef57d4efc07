//! What a file tells of itself, and what is in it.

use anyhow::{Context, Result};
use apdu_spec::instruction::{
    DataRequest, GetData, ReadBinary, ReadRecord, RecordRange, RecordSelector, Select, SelectAnswer, Selector, Tags,
    Target,
};
use apdu_spec::limits::{RECORDS_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::{Fcp, FileDescriptor, Reader, Status, Tag};
use host_terminal::card::{Card, CardError};

use crate::files::Content;

/// The control parameters of a file, as the card told them.
pub(crate) struct Parameters(Vec<u8>);

impl Parameters {
    pub(crate) fn get(&self) -> Result<Fcp<'_>> {
        let template = Reader::all(&self.0, |input| input.field(Tag::FCP));
        template.and_then(Fcp::parse).ok().context("the card tells no file control parameters")
    }
}

/// Selects a file; `None` if there is none. One that is out of use is selected like any other.
pub(crate) async fn select(card: &mut Card, selector: Selector<'_>) -> Result<Option<Parameters>> {
    let (answer, status) = card.ask("SELECT", &Select { selector, answer: SelectAnswer::Fcp }).await?;
    match status {
        Status::FILE_NOT_FOUND => Ok(None),
        Status::OK | Status::FILE_DEACTIVATED | Status::FILE_TERMINATED => {
            let parameters = Parameters(answer);
            parameters.get()?;
            Ok(Some(parameters))
        }
        status => Err(CardError::Refused { command: "SELECT".to_owned(), status }.into()),
    }
}

/// What the current file, which is of this kind, holds; `None` where that may not be read, or where it is a directory.
pub(crate) async fn content(card: &mut Card, descriptor: FileDescriptor) -> Result<Option<Content>> {
    match descriptor {
        FileDescriptor::Directory => Ok(None),
        FileDescriptor::Transparent { size } => Ok(bytes(card, size).await?.map(Content::Bytes)),
        FileDescriptor::LinearFixed(shape) | FileDescriptor::LinearVariable(shape) | FileDescriptor::Cyclic(shape) => {
            Ok(records(card, shape.size.into()).await?.map(Content::Records))
        }
        FileDescriptor::DataObjects { .. } => Ok(objects(card).await?.map(Content::Objects)),
    }
}

async fn bytes(card: &mut Card, size: u16) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while bytes.len() < usize::from(size) {
        let read = ReadBinary {
            file: Target::Current,
            offset: u16::try_from(bytes.len())?,
            length: SHORT_EXPECTED_MAX,
            odd: false,
        };
        match card.ask("READ BINARY", &read).await? {
            (part, Status::OK) if !part.is_empty() => bytes.extend(part),
            (_, status) => return unreadable("READ BINARY", status),
        }
    }
    Ok(Some(bytes))
}

async fn records(card: &mut Card, length: usize) -> Result<Option<Vec<Vec<u8>>>> {
    let mut records = Vec::new();
    for number in 1..=RECORDS_MAX {
        let one = RecordRange::One(RecordSelector::Number(number));
        let read = ReadRecord { file: Target::Current, records: one, part: None, length };
        match card.ask("READ RECORD", &read).await? {
            (record, Status::OK) => records.push(record),
            (_, Status::RECORD_NOT_FOUND) => break,
            (_, status) => return unreadable("READ RECORD", status),
        }
    }
    Ok(Some(records))
}

async fn objects(card: &mut Card) -> Result<Option<Vec<Vec<u8>>>> {
    let all = Tags::parse(&[]).ok().context("no list of tags")?;
    let get = GetData { file: Target::Current, request: DataRequest::Objects(all) };
    let answer = match card.ask("GET DATA", &get).await? {
        (answer, Status::OK) => answer,
        (_, Status::REFERENCE_NOT_FOUND) => Vec::new(),
        (_, status) => return unreadable("GET DATA", status),
    };
    let mut input = Reader::new(&answer);
    let mut objects = Vec::new();
    while !input.is_empty() {
        objects.push(input.whole_object().ok().context("the card's answer is no list of data objects")?.to_vec());
    }
    Ok(Some(objects))
}

/// Not for us, or out of use; anything else is not as it should be.
fn unreadable<T>(command: &str, status: Status) -> Result<Option<T>> {
    match status {
        Status::SECURITY_NOT_SATISFIED | Status::CONDITIONS_NOT_SATISFIED => Ok(None),
        status => Err(CardError::Refused { command: command.to_owned(), status }.into()),
    }
}
