//! The day book's file: lines that are durable once appended, a lock, and old sales put aside.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use protocol::types::TransactionId;

use super::record::{HEADER, LINE_MAX, Record};
use super::{BOOK_MAX, BookError};

/// The file in its folder.
const NAME: &str = "book.jsonl";
/// The file that whoever writes has locked.
const LOCK: &str = "book.lock";
/// How the names of files begin that were put aside; the time until when they go follows, in milliseconds since 1970.
const ASIDE: &str = "book-until-";
/// A new file that does not count yet.
const NEW: &str = "book.new";

/// The number of the first line behind the header.
pub(super) const FIRST_RECORD: usize = 2;

/// The file, locked.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Holds the lock.
    _lock: File,
}

impl Journal {
    /// Opens the file, cuts a torn line off, and gives the records.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Record>), BookError> {
        let path = folder.join(NAME);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock = lock(folder)?;
        let mut file = append_to(&path).map_err(failed(&path))?;
        let (records, length) = parse(&path, &read(&path, &file)?)?;
        file.set_len(length).map_err(failed(&path))?;
        let mut written = length;
        if length == 0 {
            file.write_all(HEADER.as_bytes()).map_err(failed(&path))?;
            written = HEADER.len() as u64;
        }
        file.sync_all().and_then(|()| sync_folder(folder)).map_err(failed(&path))?;
        Ok((Self { folder: folder.to_owned(), file, length: written, _lock: lock }, records))
    }

    /// Appends a record. When this returns, it is durable; when it fails, it is not in the file.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), BookError> {
        let line = record.to_line();
        if line.len() > LINE_MAX || self.length + line.len() as u64 > BOOK_MAX {
            return Err(self.full());
        }
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(cause) = written {
            // Part of the line may be there. If it stays, the next to open the file cuts it off, and until then every
            // line would follow it: so that fails, too.
            let cut = self.file.set_len(self.length);
            self.length = if cut.is_ok() { self.length } else { BOOK_MAX };
            return Err(failed(&self.path())(cause));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Puts the file aside under a name that tells until when it goes, and keeps in a new one what `is_kept`. A crash
    /// leaves the old file or the new one.
    pub(super) fn turn_over(
        &mut self,
        until: Timestamp,
        is_kept: impl Fn(TransactionId) -> bool,
    ) -> Result<(), BookError> {
        let (path, new) = (self.path(), self.folder.join(NEW));
        let (records, _) = parse(&path, &read(&path, &self.file)?)?;
        let kept = records.iter().filter(|record| is_kept(record.transaction)).map(Record::to_line);
        let text: String = std::iter::once(HEADER.to_owned()).chain(kept).collect();
        self.replace(&new, &text, until).map_err(failed(&path))
    }

    fn replace(&mut self, new: &Path, text: &str, until: Timestamp) -> io::Result<()> {
        let mut file = File::create(new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let aside = self.folder.join(format!("{ASIDE}{:015}.jsonl", until.as_millisecond()));
        match fs::hard_link(self.path(), aside) {
            // Somebody who crashed between this and the next step has done it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        fs::rename(new, self.path())?;
        sync_folder(&self.folder)?;
        self.file = append_to(&self.path())?;
        self.length = text.len() as u64;
        Ok(())
    }

    pub(super) fn damaged(&self, line: usize) -> BookError {
        BookError::Damaged { path: self.path(), line }
    }

    pub(super) fn full(&self) -> BookError {
        BookError::Full(self.path())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }
}

/// The files of a folder's book: those that were put aside, the oldest first, and the one that is written.
pub(super) fn all(folder: &Path) -> Result<Vec<PathBuf>, BookError> {
    let now = folder.join(NAME);
    if !now.exists() {
        return Err(BookError::Missing(folder.to_owned()));
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            files.push(entry.path());
        }
    }
    files.sort();
    files.push(now);
    Ok(files)
}

/// The records of a file, without a change to it.
pub(super) fn records(path: &Path) -> Result<Vec<Record>, BookError> {
    let file = File::open(path).map_err(failed(path))?;
    Ok(parse(path, &read(path, &file)?)?.0)
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
}

fn lock(folder: &Path) -> Result<File, BookError> {
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BookError::Locked(folder.to_owned())),
        Err(TryLockError::Error(cause)) => Err(BookError::Io { path, cause }),
    }
}

/// Makes durable which files a folder has.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn read(path: &Path, file: &File) -> Result<Vec<u8>, BookError> {
    if file.metadata().map_err(failed(path))?.len() > BOOK_MAX {
        return Err(BookError::Full(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let mut from_start = File::open(path).map_err(failed(path))?.take(BOOK_MAX);
    from_start.read_to_end(&mut bytes).map_err(failed(path))?;
    Ok(bytes)
}

/// The records, and the length of what is whole.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Record>, u64), BookError> {
    let Some(mut rest) = bytes.strip_prefix(HEADER.as_bytes()) else {
        let torn = HEADER.as_bytes().starts_with(bytes);
        return if torn { Ok((Vec::new(), 0)) } else { Err(BookError::Foreign(path.to_owned())) };
    };
    let mut records = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = rest.split_at(end + 1);
        let record = Record::parse(line.trim_ascii_end());
        let line = records.len() + FIRST_RECORD;
        records.push(record.ok_or_else(|| BookError::Damaged { path: path.to_owned(), line })?);
        rest = behind;
    }
    Ok((records, (bytes.len() - rest.len()) as u64))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BookError {
    move |cause| BookError::Io { path: path.to_owned(), cause }
}
