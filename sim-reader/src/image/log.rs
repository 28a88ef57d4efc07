//! The file of an image: a header, records in order, zeros.
//!
//! Appending is the only way the file changes, and each record authenticates the one before it. So whatever a crash of
//! the process or of the host leaves of the records that were not yet synced, what is read back is a *prefix* of the
//! flash operations: the host may write blocks in any order, but a record is believed only if all before it are whole.
//! That is the one promise a store on flash needs.
//!
//! A record that is not whole ends the log, unless a later record says that everything before itself had been synced:
//! then the file was damaged, and the image is refused instead of losing what was acknowledged. (Damage to the last two
//! records alone looks like a crash: no whole record behind them can speak for them.)
//!
//! When the log has grown, it is written anew, as the present content, beside the old file, synced and renamed over it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::RngCore;
use rand::rngs::OsRng;

use super::error::{ImageError, at};
use super::header::{HEADER_LENGTH, Header, HeaderError};
use super::record::{self, ALIGNMENT, DATA_MAX, Operation, RECORD_MAX};
use super::seal::{Master, Nonce, Seal, TAG_LENGTH, Tag};
use crate::passphrase::Passphrase;

/// The file grows by this many bytes of zeros at a time, so that most syncs need not record a new length.
const GROWTH: usize = 256 * 1024;
/// The log may outgrow twice the flash by this much before it is written anew.
const SLACK: u64 = 1024 * 1024;
/// How often opening starts over when another process has just replaced the file.
const OPEN_TRIES: usize = 8;

/// An image's file, locked against other processes.
pub(super) struct Log {
    file: File,
    path: PathBuf,
    header: Header,
    master: Option<Master>,
    seal: Seal,
    /// The tag of the last record.
    tag: Tag,
    /// Where the next record goes.
    end: u64,
    /// Bytes of the file; zeros from `end` on.
    allocated: u64,
    /// All before `end` is known to be on the disk.
    durable: bool,
}

impl Log {
    /// Makes a new file, which must not exist, readable by its owner alone.
    pub(super) fn create(path: &Path, header: Header, master: Option<Master>) -> Result<Self, ImageError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| at(path, source))?;
        lock(&file, path)?;
        let path = path.canonicalize().map_err(|source| at(path, source))?;
        let seal = Seal::new(&header, master.as_ref());
        let mut log =
            Self { file, path, header, master, seal, tag: Tag::default(), end: 0, allocated: 0, durable: false };
        let made = log.fill(&[]).and_then(|()| sync_folder(&log.path));
        made.map_err(|source| {
            // Half an image would only stand in the way of the next attempt.
            let _ = std::fs::remove_file(&log.path);
            at(&log.path, source)
        })?;
        Ok(log)
    }

    /// Opens and locks a file and gives every operation in it to `apply`, which says whether it was a valid one.
    pub(super) fn open(
        path: &Path,
        passphrase: Option<&Passphrase>,
        apply: impl FnMut(u32, Operation<'_>) -> bool,
    ) -> Result<Self, ImageError> {
        let (file, path) = open_locked(path)?;
        let (header, bytes) = read(&file, &path)?;
        let master = master(&header, &path, passphrase)?;
        let seal = Seal::new(&header, master.as_ref());
        let tag = header
            .verify(&seal, &bytes)
            .ok_or_else(|| ImageError::WrongKey { path: path.clone(), encrypted: master.is_some() })?;
        let content = read_rest(&file, &path, header.capacity)?;
        let mut log =
            Self { file, path, header, master, seal, tag, end: length(HEADER_LENGTH), allocated: 0, durable: false };
        log.allocated = log.end + length(content.len());
        log.replay(&content, apply)?;
        remove_leftover(&log.path).map_err(|source| at(&log.path, source))?;
        Ok(log)
    }

    /// Appends one operation. The bytes are with the host when this returns, on its disk after [`Log::sync`].
    pub(super) fn append(&mut self, operation: Operation<'_>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(RECORD_MAX);
        let nonce = nonce(&self.seal);
        let tag = record::encode(operation, self.durable, &self.seal, &self.tag, &nonce, &mut bytes)
            .ok_or_else(|| io::Error::other("a flash operation longer than a record"))?;
        let end = self.end + length(bytes.len());
        if end > self.allocated {
            self.grow(end)?;
        }
        self.file.write_all_at(&bytes, self.end)?;
        self.durable = false;
        self.tag = tag;
        self.end = end;
        Ok(())
    }

    /// Returns when everything appended is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.durable {
            self.file.sync_data()?;
            self.durable = true;
        }
        Ok(())
    }

    /// Writes the file anew if it has grown over its bound; `content` is the flash's.
    pub(super) fn compact(&mut self, content: &[u8]) -> io::Result<()> {
        if self.end <= length_max(self.header.capacity) {
            return Ok(());
        }
        self.rewrite(content)
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of header and records.
    pub(super) fn length(&self) -> u64 {
        self.end
    }

    fn rewrite(&mut self, content: &[u8]) -> io::Result<()> {
        let beside = beside(&self.path);
        remove_leftover(&self.path)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&beside)?;
        file.try_lock().map_err(io::Error::from)?;
        let header = Header { generation: random(), ..self.header.clone() };
        let seal = Seal::new(&header, self.master.as_ref());
        let mut new = Self {
            file,
            path: self.path.clone(),
            header,
            master: None,
            seal,
            tag: Tag::default(),
            end: 0,
            allocated: 0,
            durable: false,
        };
        new.fill(content)?;
        std::fs::rename(&beside, &self.path)?;
        sync_folder(&self.path)?;
        new.master = self.master.take();
        *self = new;
        Ok(())
    }

    /// Writes an empty file's header and `content`, synced.
    fn fill(&mut self, content: &[u8]) -> io::Result<()> {
        let (bytes, tag) = self
            .header
            .encode(&self.seal, &nonce(&self.seal))
            .ok_or_else(|| io::Error::other("the header cannot be sealed"))?;
        self.file.write_all_at(&bytes, 0)?;
        (self.tag, self.end, self.allocated) = (tag, length(bytes.len()), length(bytes.len()));
        let mut offset = 0;
        for data in content.chunks(DATA_MAX) {
            if data.iter().any(|byte| *byte != 0xFF) {
                self.append(Operation::Write { offset, data })?;
            }
            offset += u32::try_from(data.len()).map_err(io::Error::other)?;
        }
        self.file.sync_all()?;
        self.durable = true;
        Ok(())
    }

    fn replay(&mut self, content: &[u8], mut apply: impl FnMut(u32, Operation<'_>) -> bool) -> Result<(), ImageError> {
        let mut rest = content;
        while let Some(found) = record::decode(rest, &self.seal, &self.tag) {
            let valid = found.operation().is_some_and(|operation| apply(self.header.capacity, operation));
            if !valid {
                return Err(self.damaged());
            }
            self.tag = found.tag;
            self.end += length(found.length);
            rest = rest.get(found.length..).unwrap_or_default();
        }
        if self.acknowledged_behind(rest) {
            return Err(self.damaged());
        }
        // What a crash left is wiped before anything follows, or a later crash could take it for part of the log.
        if rest.iter().any(|byte| *byte != 0) {
            let zeros = vec![0; rest.len()];
            self.file.write_all_at(&zeros, self.end).map_err(|source| at(&self.path, source))?;
            self.file.sync_data().map_err(|source| at(&self.path, source))?;
        }
        Ok(())
    }

    /// Whether `rest`, which does not begin with a record, holds one that says all before it was synced.
    fn acknowledged_behind(&self, rest: &[u8]) -> bool {
        (ALIGNMENT..rest.len()).step_by(ALIGNMENT).any(|place| {
            let before = rest.get(place - TAG_LENGTH..place).and_then(|tag| Tag::try_from(tag).ok());
            let bytes = rest.get(place..).unwrap_or_default();
            before.and_then(|before| record::decode(bytes, &self.seal, &before)).is_some_and(|found| found.durable)
        })
    }

    fn damaged(&self) -> ImageError {
        ImageError::Damaged { path: self.path.clone(), offset: self.end }
    }

    fn grow(&mut self, needed: u64) -> io::Result<()> {
        let zeros = vec![0; GROWTH];
        while self.allocated < needed {
            self.file.write_all_at(&zeros, self.allocated)?;
            self.allocated += length(zeros.len());
        }
        Ok(())
    }
}

impl Drop for Log {
    /// Closing alone would not do: a child that this process is just starting has the descriptor too, until it runs.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// The length above which a log is written anew.
fn length_max(capacity: u32) -> u64 {
    2 * u64::from(capacity) + SLACK
}

/// Opens and locks the file that `path` names, even if another process replaces it meanwhile.
fn open_locked(path: &Path) -> Result<(File, PathBuf), ImageError> {
    for _ in 0..OPEN_TRIES {
        let name = path.canonicalize().map_err(|source| at(path, source))?;
        let file = OpenOptions::new().read(true).write(true).open(&name).map_err(|source| at(path, source))?;
        lock(&file, path)?;
        let ours = file.metadata().map_err(|source| at(path, source))?;
        let named = std::fs::metadata(&name).map_err(|source| at(path, source))?;
        if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) {
            return Ok((file, name));
        }
    }
    Err(ImageError::InUse(path.to_owned()))
}

fn lock(file: &File, path: &Path) -> Result<(), ImageError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(ImageError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(at(path, source)),
    }
}

fn read(mut file: &File, path: &Path) -> Result<(Header, [u8; HEADER_LENGTH]), ImageError> {
    let mut bytes = [0; HEADER_LENGTH];
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(ImageError::NotAnImage(path.to_owned()));
        }
        Err(source) => return Err(at(path, source)),
    }
    let header = Header::parse(&bytes).map_err(|error| match error {
        HeaderError::NotAnImage => ImageError::NotAnImage(path.to_owned()),
        HeaderError::Version(version) => ImageError::Version { path: path.to_owned(), version },
        HeaderError::Geometry => ImageError::Geometry(path.to_owned()),
    })?;
    Ok((header, bytes))
}

/// All that follows the header, bounded by what a log can have grown to.
fn read_rest(mut file: &File, path: &Path, capacity: u32) -> Result<Vec<u8>, ImageError> {
    let most = 2 * length_max(capacity);
    let present = file.metadata().map_err(|source| at(path, source))?.len();
    if present > most {
        return Err(ImageError::TooLong { path: path.to_owned(), most });
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(|source| at(path, source))?;
    Ok(content)
}

fn master(header: &Header, path: &Path, passphrase: Option<&Passphrase>) -> Result<Option<Master>, ImageError> {
    match (&header.passphrase, passphrase) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(ImageError::PassphraseNeeded(path.to_owned())),
        // Somebody may have put an open image in the place of a sealed one.
        (None, Some(_)) => Err(ImageError::NotEncrypted(path.to_owned())),
        (Some(parameters), Some(passphrase)) => match Master::derive(passphrase, parameters) {
            Some(master) => Ok(Some(master)),
            None => Err(ImageError::Geometry(path.to_owned())),
        },
    }
}

fn nonce(seal: &Seal) -> Nonce {
    match seal {
        Seal::Plain => Nonce::default(),
        Seal::Encrypted(_) => random(),
    }
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// A file that a crash left while the log was written anew holds the card's secrets: it does not stay.
fn remove_leftover(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(beside(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A new name in a folder is on the disk only when the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
