//! Files of profiles.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::file::Records;
use apdu_spec::limits::{PATH_DEPTH_MAX, RECORD_SIZE_MAX, RECORDS_MAX, TRANSPARENT_SIZE_MAX};
use apdu_spec::{Aid, Condition, Fcp, FileDescriptor, FileId, FileState, Reader, ShortFileId, Tag, Writer};
use toml::Spanned;

use super::written::{Kind, WrittenFile, WrittenObject};
use super::{Occasion, Source, distinct};
use crate::access::Rules;
use crate::directory::Application;
use crate::files::{Content, path_words};

/// What `cardctl` itself makes in the master file of an issued card.
const TAKEN: [FileId; 5] = [FileId::CARDHOLDER, FileId::DIRECTORY, FileId::ATR_INFO, FileId(0x5015), FileId(0x5016)];

/// Bytes around the value of a data object: a tag of three and a length of three.
const OBJECT_HEADER_MAX: usize = 6;

/// A file to make.
pub(crate) struct CardFile {
    /// Identifiers from the master file on, at least one.
    pub(crate) path: Vec<FileId>,
    pub(crate) content: Content,
    descriptor: FileDescriptor,
    name: Option<Vec<u8>>,
    short_id: Option<ShortFileId>,
    rules: Rules,
}

/// All files, in the order in which they are made.
pub(super) fn resolve_all(
    written: &[Spanned<WrittenFile>],
    source: &Source<'_>,
    occasion: Occasion,
) -> Result<Vec<CardFile>> {
    let mut files: Vec<CardFile> = Vec::new();
    source.each(written, |file| {
        let resolved = file.resolve(source.folder).and_then(|resolved| {
            resolved.has_its_place(&files, occasion)?;
            Ok(resolved)
        });
        files.push(resolved.with_context(|| format!("file {}", file.path))?);
        Ok(())
    })?;
    distinct(files.iter().map(CardFile::shown_path), |path| format!("file {path}"))?;
    Ok(files)
}

impl CardFile {
    /// The control parameters that it is created with.
    pub(crate) fn parameters(&self) -> Result<Fcp<'_>> {
        let id = *self.path.last().context("no path")?;
        let name = self.name.as_deref().map(Aid::parse).transpose();
        let is_directory = self.descriptor.is_directory();
        Ok(Fcp {
            descriptor: self.descriptor,
            id,
            name: name.map_err(|_| anyhow!("a name has 5 to 16 bytes"))?,
            short_id: self.short_id,
            // What is being filled is not under its own conditions yet.
            state: if is_directory { FileState::Activated } else { FileState::Creation },
            security: self.rules.attributes()?,
        })
    }

    /// `A100/0001`.
    pub(crate) fn shown_path(&self) -> String {
        path_words(&self.path)
    }

    /// What EF.DIR says of it, where it is an application. A label is nothing that its profile gives it.
    pub(crate) fn application(&self) -> Option<Application<'_>> {
        Some((self.name.as_deref()?, ""))
    }

    pub(super) fn conditions(&self) -> Result<Vec<Condition>> {
        self.rules.conditions(self.descriptor)
    }

    /// It is in a directory that is made before it, and takes nobody's place.
    fn has_its_place(&self, before: &[Self], occasion: Occasion) -> Result<()> {
        if occasion == Occasion::Change {
            return Ok(());
        }
        let (id, parent) = self.path.split_last().context("no path")?;
        let is_taken = parent.is_empty() && TAKEN.contains(id);
        ensure!(!is_taken, "this one is made for every card: choose another identifier");
        let has_parent =
            parent.is_empty() || before.iter().any(|file| file.path == parent && file.descriptor.is_directory());
        ensure!(has_parent, "there is no directory {} before it", path_words(parent));
        Ok(())
    }
}

impl WrittenFile {
    fn resolve(&self, folder: &Path) -> Result<CardFile> {
        let path = path(&self.path)?;
        let content = self.content(folder)?;
        let descriptor = self.descriptor(&content)?;
        let name = self.name.as_deref().map(hex::decode).transpose();
        let name = name.map_err(|_| anyhow!("name: not hexadecimal"))?;
        ensure!(name.is_none() || descriptor.is_directory(), "name: a directory alone has one");
        let is_possible = name.as_deref().is_none_or(|name| Aid::parse(name).is_ok());
        ensure!(is_possible, "name: it has 5 to 16 bytes");
        let short_id = self.short_id.map(ShortFileId::parse).transpose();
        let short_id = short_id.map_err(|_| anyhow!("short_id: 1 to 30"))?;
        ensure!(short_id.is_none() || !descriptor.is_directory(), "short_id: a directory has none");
        let rules = Rules::new(descriptor, &self.access)?;
        Ok(CardFile { path, content, descriptor, name, short_id, rules })
    }

    fn content(&self, folder: &Path) -> Result<Content> {
        let bytes = value(folder, self.text.as_deref(), self.hex.as_deref(), self.file.as_deref())?;
        let records = self.record.iter().map(|record| {
            let bytes = value(folder, record.text.as_deref(), record.hex.as_deref(), record.file.as_deref())?;
            bytes.filter(|bytes| !bytes.is_empty()).context("a record has content")
        });
        let records = records.collect::<Result<Vec<_>>>()?;
        let objects = self.object.iter().map(|object| object.encode(folder)).collect::<Result<Vec<_>>>()?;
        let has = [bytes.is_some(), !records.is_empty(), !objects.is_empty()];
        let allowed = match self.kind {
            Kind::Transparent => [true, false, false],
            Kind::Records | Kind::FixedRecords | Kind::Cyclic => [false, true, false],
            Kind::DataObjects => [false, false, true],
            Kind::Directory => [false; 3],
        };
        let fits = has.into_iter().zip(allowed).all(|(has, allowed)| allowed || !has);
        ensure!(fits, "its kind has other content: text, hex or file for bytes, `record`, `object`");
        Ok(match self.kind {
            // Record 1 of a cyclic file is the one that came last.
            Kind::Cyclic => Content::Records(records.into_iter().rev().collect()),
            Kind::Records | Kind::FixedRecords => Content::Records(records),
            Kind::DataObjects => Content::Objects(objects),
            Kind::Transparent | Kind::Directory => Content::Bytes(bytes.unwrap_or_default()),
        })
    }

    fn descriptor(&self, content: &Content) -> Result<FileDescriptor> {
        let size = |needed: usize, most: u16| -> Result<u16> {
            let size = self.size.map_or(needed, usize::from);
            ensure!(size >= needed, "size {size} is less than the {needed} bytes that are in it");
            ensure!((1..=usize::from(most)).contains(&size), "size: 1 to {most} bytes, not {size}");
            Ok(u16::try_from(size)?)
        };
        let records = |records: &[Vec<u8>]| -> Result<Records> {
            let count = usize::from(self.count.unwrap_or(u8::try_from(records.len())?));
            ensure!(count >= records.len(), "count {count} is less than the {} that are in it", records.len());
            ensure!((1..=usize::from(RECORDS_MAX)).contains(&count), "count: 1 to {RECORDS_MAX} records, not {count}");
            let longest = records.iter().map(Vec::len).max().unwrap_or_default();
            Ok(Records { size: size(longest, RECORD_SIZE_MAX)?, count: u8::try_from(count)? })
        };
        let has_size = self.size.is_some() || self.count.is_some();
        Ok(match (self.kind, content) {
            (Kind::Directory, _) if has_size => bail!("a directory has no size and no count"),
            (Kind::Directory, _) => FileDescriptor::Directory,
            (Kind::Transparent, Content::Bytes(bytes)) => {
                FileDescriptor::Transparent { size: size(bytes.len(), TRANSPARENT_SIZE_MAX)? }
            }
            (Kind::Records, Content::Records(all)) => FileDescriptor::LinearVariable(records(all)?),
            (Kind::FixedRecords, Content::Records(all)) => {
                FileDescriptor::LinearFixed(same_length(records(all)?, all)?)
            }
            (Kind::Cyclic, Content::Records(all)) => FileDescriptor::Cyclic(same_length(records(all)?, all)?),
            (Kind::DataObjects, Content::Objects(objects)) => {
                let needed = objects.iter().map(Vec::len).sum();
                FileDescriptor::DataObjects { size: size(needed, TRANSPARENT_SIZE_MAX)? }
            }
            (_, _) => bail!("its kind has other content"),
        })
    }
}

fn same_length(shape: Records, records: &[Vec<u8>]) -> Result<Records> {
    let fit = records.iter().all(|record| record.len() == usize::from(shape.size));
    ensure!(fit, "each record must have all {} bytes", shape.size);
    Ok(shape)
}

impl WrittenObject {
    fn encode(&self, folder: &Path) -> Result<Vec<u8>> {
        let tag = hex::decode(&self.tag).map_err(|_| anyhow!("tag {}: not hexadecimal", self.tag))?;
        let number = Reader::all(&tag, Reader::tag).map_err(|_| anyhow!("tag {}: a tag has 1 to 3 bytes", self.tag))?;
        let value = value(folder, self.text.as_deref(), self.hex.as_deref(), self.file.as_deref())?;
        let value = value.filter(|value| !value.is_empty());
        encode_object(number, &value.with_context(|| format!("object {} has no value", self.tag))?)
    }
}

fn encode_object(tag: Tag, value: &[u8]) -> Result<Vec<u8>> {
    let mut space = vec![0; value.len() + OBJECT_HEADER_MAX];
    let mut out = Writer::new(&mut space);
    out.field(tag, value).ok().context("an object is too long")?;
    Ok(out.written().to_vec())
}

/// `A100/0001`, perhaps with the master file before it.
pub(crate) fn path(text: &str) -> Result<Vec<FileId>> {
    let ids = text.split('/').map(|id| u16::from_str_radix(id, 16).ok().filter(|_| id.len() == 4).map(FileId));
    let ids = ids.collect::<Option<Vec<_>>>();
    let mut ids = ids.context("a path is identifiers of four hexadecimal digits with / between them")?;
    if ids.len() > 1 && ids.first() == Some(&FileId::MASTER_FILE) {
        ids.remove(0);
    }
    ensure!(ids.len() <= PATH_DEPTH_MAX, "a path has at most {PATH_DEPTH_MAX} identifiers");
    ensure!(ids.iter().all(|id| id.is_free()), "0000, 3F00, 3FFF and FFFF are not identifiers of files of one's own");
    Ok(ids)
}

fn value(folder: &Path, text: Option<&str>, hex: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>> {
    match (text, hex, file) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(digits), None) => {
            let digits: String = digits.split_whitespace().collect();
            Ok(Some(hex::decode(digits).map_err(|_| anyhow!("hex: not hexadecimal"))?))
        }
        (None, None, Some(name)) => {
            let path = folder.join(name);
            let read = || -> Result<Vec<u8>> {
                let most = u64::from(TRANSPARENT_SIZE_MAX);
                ensure!(std::fs::metadata(&path)?.len() <= most, "it is longer than the {most} bytes of a file");
                Ok(std::fs::read(&path)?)
            };
            Ok(Some(read().with_context(|| path.display().to_string())?))
        }
        _ => bail!("say one of `text`, `hex` and `file`"),
    }
}
