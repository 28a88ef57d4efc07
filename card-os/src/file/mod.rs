//! Files in the store: a header object with the parent and the control parameters, and the content.
//!
//! A transparent file's content is one object of the file's size, there from its creation; a record is an object of its
//! own.

mod binary;
mod change;
mod data_object;
mod record;
mod search;
mod state;

use apdu_spec::{Fcp, FileDescriptor, FileId, FileState, Operation, Reader, SecurityAttributes, Tag, Writer};
use embedded_storage::nor_flash::NorFlash;

use crate::access::Granted;
use crate::application::Application;
use crate::limits::FILES_MAX;
use crate::objects::FileNumber;
use crate::refusal::Refusal;
use crate::store::{Fault, Store};

pub(crate) use record::Record;
pub(crate) use state::{in_force, is_in_use};

/// The most bytes of a header: the parent's number and control parameters with everything in them.
const HEADER_MAX: usize = 144;

/// A file's header, read from the store.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) number: FileNumber,
    pub(crate) parent: FileNumber,
    header: [u8; HEADER_MAX],
    length: usize,
}

impl File {
    /// The file with this number.
    pub(crate) fn load<F: NorFlash>(store: &mut Store<F>, number: FileNumber) -> Result<Self, Refusal> {
        let mut file = Self { number, parent: number, header: [0; HEADER_MAX], length: 0 };
        file.length = match store.read_all(number.header(), &mut file.header) {
            Err(Fault::NotFound) => return Err(Refusal::FileNotFound),
            outcome => outcome?,
        };
        file.parent = FileNumber(u16::from_be_bytes(*file.header.first_chunk().ok_or(Refusal::Fault)?));
        Ok(file)
    }

    /// Its control parameters.
    pub(crate) fn parameters(&self) -> Result<Fcp<'_>, Refusal> {
        let whole = self.header.get(2..self.length).unwrap_or_default();
        let template = Reader::all(whole, |input| input.field(Tag::FCP)).map_err(|_| Refusal::Fault)?;
        Fcp::parse(template).map_err(|_| Refusal::Fault)
    }
}

/// The master file of a new card. It accepts files until the card is SECURED.
pub(crate) fn create_master_file<F: NorFlash>(store: &mut Store<F>) -> Result<(), Refusal> {
    let parameters = Fcp {
        descriptor: FileDescriptor::Directory,
        id: FileId::MASTER_FILE,
        name: None,
        short_id: None,
        state: FileState::Activated,
        security: SecurityAttributes::NOTHING,
    };
    write_header(store, FileNumber::MASTER_FILE, FileNumber::MASTER_FILE, &parameters)
}

/// Creates a file in the directory that the permission is for.
pub(crate) fn create<F: NorFlash>(
    store: &mut Store<F>,
    directory: &Granted<File>,
    parameters: &Fcp<'_>,
) -> Result<File, Refusal> {
    let parent = directory.subject().number;
    if !directory.subject().parameters()?.descriptor.is_directory() {
        return Err(Refusal::WrongFileType);
    }
    if !parameters.id.is_free() {
        return Err(Refusal::WrongIdentifier);
    }
    if child(store, parent, |other| clash(other, parameters))?.is_some() {
        return Err(Refusal::FileExists);
    }
    if let Some(name) = parameters.name {
        let is_native = Application::native().any(|native| native.name() == Some(name));
        if is_native || find(store, |_, other| other.name == Some(name))?.is_some() {
            return Err(Refusal::NameExists);
        }
    }
    let number = free_number(store)?;
    write_header(store, number, parent, parameters)?;
    if let FileDescriptor::Transparent { size } = parameters.descriptor {
        store.resize(number.content(), size.into())?;
    }
    File::load(store, number)
}

/// Deletes the file that the permission is for; a directory must be empty.
pub(crate) fn delete<F: NorFlash>(store: &mut Store<F>, file: &Granted<File>) -> Result<(), Refusal> {
    let number = file.subject().number;
    if file.subject().parameters()?.descriptor.is_directory()
        && (number == FileNumber::MASTER_FILE || child(store, number, |_| true)?.is_some())
    {
        return Err(Refusal::OutOfOrder);
    }
    if store.length(number.content()).is_some() {
        store.delete(number.content())?;
    }
    let records = number.record(0)..=number.record(u8::MAX);
    loop {
        let Some(record) = store.ids(records.clone()).next() else { break };
        store.delete(record)?;
    }
    Ok(store.delete(number.header())?)
}

/// The first file, by number, whose header and parameters `is_it` accepts.
pub(crate) fn find<F: NorFlash>(
    store: &mut Store<F>,
    mut is_it: impl FnMut(&File, &Fcp<'_>) -> bool,
) -> Result<Option<File>, Refusal> {
    let mut next = Some(FileNumber::MASTER_FILE);
    while let Some(number) = next {
        let file = File::load(store, number)?;
        if is_it(&file, &file.parameters()?) {
            return Ok(Some(file));
        }
        next = store.next(number.header()).and_then(FileNumber::of_header);
    }
    Ok(None)
}

/// The file in this directory that `is_it` accepts.
pub(crate) fn child<F: NorFlash>(
    store: &mut Store<F>,
    directory: FileNumber,
    mut is_it: impl FnMut(&Fcp<'_>) -> bool,
) -> Result<Option<File>, Refusal> {
    find(store, |file, parameters| {
        file.number != FileNumber::MASTER_FILE && file.parent == directory && is_it(parameters)
    })
}

/// The elementary file in this directory that `is_it` accepts.
pub(crate) fn elementary<F: NorFlash>(
    store: &mut Store<F>,
    directory: FileNumber,
    mut is_it: impl FnMut(&Fcp<'_>) -> bool,
) -> Result<File, Refusal> {
    let file = child(store, directory, |parameters| !parameters.descriptor.is_directory() && is_it(parameters))?;
    file.ok_or(Refusal::FileNotFound)
}

/// Which operation creates a file of this kind.
pub(crate) fn creation(descriptor: FileDescriptor) -> Operation {
    if descriptor.is_directory() { Operation::CreateDirectory } else { Operation::CreateFile }
}

fn clash(one: &Fcp<'_>, other: &Fcp<'_>) -> bool {
    one.id == other.id || (one.short_id.is_some() && one.short_id == other.short_id)
}

fn free_number<F: NorFlash>(store: &mut Store<F>) -> Result<FileNumber, Refusal> {
    (1..=FILES_MAX).map(FileNumber).find(|number| store.length(number.header()).is_none()).ok_or(Refusal::NoSpace)
}

fn write_header<F: NorFlash>(
    store: &mut Store<F>,
    number: FileNumber,
    parent: FileNumber,
    parameters: &Fcp<'_>,
) -> Result<(), Refusal> {
    let mut bytes = [0; HEADER_MAX];
    let mut header = Writer::new(&mut bytes);
    header.put_u16(parent.0)?;
    parameters.encode(Tag::FCP, &mut header)?;
    Ok(store.write(number.header(), header.written())?)
}

const _: () = assert!(2 + 2 + 4 + 7 + 4 + 18 + 3 + 3 + 2 + apdu_spec::limits::SECURITY_ATTRIBUTES_MAX <= HEADER_MAX);
