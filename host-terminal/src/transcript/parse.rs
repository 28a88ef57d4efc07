//! Files into steps.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::command::Wrong;
use super::error::{Mistake, TranscriptError};
use super::{
    Command, Expected, FILES_MAX, INCLUDE_DEPTH_MAX, LINE_MAX, Line, Place, STEPS_MAX, Step, TEXT_MAX, Transcript,
};

/// What begins and ends a block in Markdown, and what begins one of ours.
const FENCE: &str = "```";
const OUR_FENCE: &str = "```apdu";

impl Transcript {
    /// The transcript in a file, with what it includes.
    ///
    /// # Errors
    /// [`TranscriptError`]: the first thing that is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, TranscriptError> {
        let mut reading = Reading::default();
        reading.file(path, INCLUDE_DEPTH_MAX)?;
        Ok(reading.transcript)
    }

    /// The transcript in a text, which stands or could stand in the file at `path`.
    ///
    /// # Errors
    /// [`TranscriptError`]: the first thing that is wrong, and where.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, TranscriptError> {
        let mut reading = Reading::default();
        reading.text(text, path, INCLUDE_DEPTH_MAX)?;
        Ok(reading.transcript)
    }
}

/// A transcript as far as it was read.
#[derive(Default)]
struct Reading {
    transcript: Transcript,
    /// Bytes, and files that were included.
    length: usize,
    files: usize,
    card: Option<Arc<str>>,
}

/// A file as far as it was read.
struct Source {
    path: Arc<Path>,
    /// How deep it may include others.
    depth: usize,
    /// A command without its response.
    command: Option<(Place, Command)>,
}

impl Reading {
    fn file(&mut self, path: &Path, depth: usize) -> Result<(), TranscriptError> {
        let unreadable = |source: io::Error| TranscriptError::Unreadable { path: path.to_owned(), source };
        let mut text = Vec::new();
        // One byte more than there may be, to see that there are too many.
        let limit = u64::try_from(TEXT_MAX - self.length).unwrap_or(u64::MAX) + 1;
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(unreadable)?;
        self.text(&text, path, depth)
    }

    fn text(&mut self, text: &[u8], path: &Path, depth: usize) -> Result<(), TranscriptError> {
        self.length = self.length.saturating_add(text.len());
        if self.length > TEXT_MAX {
            return Err(TranscriptError::TooLong(path.to_owned()));
        }
        let is_markdown = path.extension().is_some_and(|extension| extension == "md");
        let mut source = Source { path: path.into(), depth, command: None };
        let mut inside = !is_markdown;
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let place = Place { file: Arc::clone(&source.path), line: number };
            let line = readable(line).map_err(wrong(&place, 0))?;
            let line = line.split('#').next().unwrap_or_default().trim_end();
            let trimmed = line.trim_start();
            if is_markdown && trimmed.starts_with(FENCE) {
                inside = trimmed == OUR_FENCE;
            } else if inside && !trimmed.is_empty() {
                let column = line.chars().count() - trimmed.chars().count();
                self.line(trimmed, column, &place, &mut source)?;
            }
        }
        match source.command {
            Some((place, _)) => Err(wrong(&place, 0)((0, Mistake::NoResponse))),
            None => Ok(()),
        }
    }

    /// A line that begins behind `column` characters.
    fn line(&mut self, line: &str, column: usize, place: &Place, source: &mut Source) -> Result<(), TranscriptError> {
        let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        let argument = rest.trim();
        let here = |mistake| wrong(place, column)((0, mistake));
        let behind = wrong(place, column + word.chars().count());
        match (word, source.command.take()) {
            (">", None) => source.command = Some((place.clone(), Command::parse(rest).map_err(behind)?)),
            ("<", Some((place, command))) => {
                let expected = Expected::parse(rest).map_err(behind)?;
                self.add(place, Step::Exchange(command, expected))?;
            }
            ("<", None) => return Err(here(Mistake::NoCommand)),
            (_, Some((place, _))) => return Err(wrong(&place, 0)((0, Mistake::NoResponse))),
            ("reset", None) if argument.is_empty() => self.add(place.clone(), Step::Reset)?,
            ("reset", None) => return Err(here(Mistake::Argument("`reset` stands alone"))),
            ("card", None) if argument.is_empty() => return Err(here(Mistake::Argument("which card?"))),
            ("card", None) => self.card = Some(argument.into()),
            ("needs", None) if argument.is_empty() => return Err(here(Mistake::Argument("what does it need?"))),
            ("needs", None) => self.needs(argument),
            ("include", None) => {
                let path = self.included(argument, source).map_err(here)?;
                self.file(&path, source.depth - 1)?;
            }
            _ => return Err(here(Mistake::Unknown)),
        }
        Ok(())
    }

    fn add(&mut self, place: Place, step: Step) -> Result<(), TranscriptError> {
        if self.transcript.lines.len() == STEPS_MAX {
            return Err(wrong(&place, 0)((0, Mistake::TooManySteps)));
        }
        self.transcript.lines.push(Line { place, card: self.card.clone(), step });
        Ok(())
    }

    fn needs(&mut self, what: &str) {
        let needs = &mut self.transcript.needs;
        if !needs.is_empty() {
            needs.push_str(", ");
        }
        needs.push_str(what);
    }

    /// Another file, to be read here.
    fn included(&mut self, name: &str, source: &Source) -> Result<PathBuf, Mistake> {
        let path = beside(&source.path, name).ok_or(Mistake::Argument("`include` names a file of the same folder"))?;
        if source.depth == 0 {
            return Err(Mistake::TooDeep);
        }
        self.files += 1;
        if self.files < FILES_MAX { Ok(path) } else { Err(Mistake::TooManyFiles) }
    }
}

/// A line without its end, if it is text and no longer than one can be.
fn readable(line: &[u8]) -> Result<&str, Wrong> {
    if line.len() > LINE_MAX {
        return Err((0, Mistake::LineTooLong));
    }
    std::str::from_utf8(line).map_err(|_| (0, Mistake::NoText))
}

/// The path of a file that has its folder in common with the one at `path`.
fn beside(path: &Path, name: &str) -> Option<PathBuf> {
    let mut components = Path::new(name).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(name)), None) => Some(path.with_file_name(name)),
        _ => None,
    }
}

/// Makes an error of what is wrong behind so many characters of a line.
fn wrong(place: &Place, before: usize) -> impl Fn(Wrong) -> TranscriptError {
    let place = place.clone();
    move |(column, mistake)| TranscriptError::Mistaken { place: place.clone(), column: before + column + 1, mistake }
}
