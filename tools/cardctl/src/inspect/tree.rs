//! The tree of files.

use anyhow::{Context, Result, ensure};
use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::instruction::Selector;
use apdu_spec::{Fcp, FileId};
use host_terminal::card::Card;

use crate::files::{Content, DEPTH_MAX, list, path_words, select_path};
use crate::reading::Parameters;
use crate::{access, reading};

/// Files that a card can tell of, the master file among them.
const FILES_MAX: usize = 129;

/// A file, and what may be seen of it.
pub(crate) struct FoundFile {
    /// Identifiers from the master file on, which has none.
    pub(crate) path: Vec<FileId>,
    pub(crate) descriptor: FileDescriptor,
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) short_id: Option<u8>,
    pub(crate) state: FileState,
    /// Every operation, and the condition for it in words.
    pub(crate) access: Vec<(&'static str, String)>,
    /// The rules as they stand: tag, length, value.
    pub(crate) rules: Vec<u8>,
    pub(crate) content: FoundContent,
}

/// What is in a file.
pub(crate) enum FoundContent {
    /// A directory holds files, which are told after it.
    Directory,
    /// It may not be read, or the file is out of use.
    Closed,
    Open(Content),
}

/// All files, each directory before what is in it.
pub(crate) async fn tree(card: &mut Card) -> Result<Vec<FoundFile>> {
    let mut files = Vec::new();
    // Paths that are still to be looked at, the next one last.
    let mut waiting = vec![Vec::new()];
    while let Some(path) = waiting.pop() {
        ensure!(files.len() < FILES_MAX, "the card tells of more files than it has room for");
        let found = file(card, &path).await.with_context(|| path_words(&path))?;
        let found = found.with_context(|| format!("{}: it is not where the card says that it is", path_words(&path)));
        let (file, children) = found?;
        waiting.extend(children.into_iter().rev().map(|child| [path.as_slice(), &[child]].concat()));
        files.push(file);
    }
    Ok(files)
}

/// A file and, of a directory, what is in it; `None` if there is none. Deeper than a path can lead nothing is told.
pub(crate) async fn file(card: &mut Card, path: &[FileId]) -> Result<Option<(FoundFile, Vec<FileId>)>> {
    let Some(parameters) = select(card, path).await? else { return Ok(None) };
    let parameters = parameters.get()?;
    let is_directory = parameters.descriptor.is_directory();
    let children = if is_directory && path.len() < DEPTH_MAX { list(card).await? } else { Vec::new() };
    let content = match reading::content(card, parameters.descriptor).await? {
        Some(content) => FoundContent::Open(content),
        None if is_directory => FoundContent::Directory,
        None => FoundContent::Closed,
    };
    Ok(Some((described(path, &parameters, content), children)))
}

async fn select(card: &mut Card, path: &[FileId]) -> Result<Option<Parameters>> {
    let Some((id, parent)) = path.split_last() else { return reading::select(card, Selector::MasterFile).await };
    select_path(card, parent).await?;
    match reading::select(card, Selector::ChildDirectory(*id)).await? {
        None => reading::select(card, Selector::ElementaryFile(*id)).await,
        found => Ok(found),
    }
}

fn described(path: &[FileId], parameters: &Fcp<'_>, content: FoundContent) -> FoundFile {
    let rules = parameters.security;
    let tag = u8::try_from(rules.tag().0).unwrap_or_default();
    let length = u8::try_from(rules.as_bytes().len()).unwrap_or_default();
    FoundFile {
        path: path.to_vec(),
        descriptor: parameters.descriptor,
        name: parameters.name.map(|name| name.as_bytes().to_vec()),
        short_id: parameters.short_id.map(|short_id| short_id.number()),
        state: parameters.state,
        access: access::words(parameters.descriptor, rules),
        rules: [&[tag, length], rules.as_bytes()].concat(),
        content,
    }
}
