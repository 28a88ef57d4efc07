//! The prompt: history, and completion of commands and of files.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use zeroize::Zeroizing;

use super::line::{COMMANDS, Line};

/// Lines that are kept.
const HISTORY_MAX: usize = 1000;

pub(super) struct Prompt {
    editor: Editor<Known, FileHistory>,
    history: Option<PathBuf>,
}

/// What can be completed.
struct Known {
    files: Vec<String>,
}

impl Prompt {
    /// A prompt with the history in this file, or where such things are kept.
    pub(super) fn new(history: Option<PathBuf>) -> Result<Self> {
        // Nothing is kept but what `remember` is given.
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)?
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Known { files: Vec::new() }));
        let history = history.or_else(usual_place);
        if let Some(path) = history.as_ref().filter(|path| path.exists()) {
            editor.load_history(path).with_context(|| format!("history {}", path.display()))?;
        }
        Ok(Self { editor, history })
    }

    /// The next line; nothing at the end.
    pub(super) fn read(&mut self, place: &str) -> Result<Option<Zeroizing<String>>> {
        loop {
            match self.editor.readline(&format!("{place}> ")) {
                Ok(line) => return Ok(Some(Zeroizing::new(line))),
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Keeps a line that was understood, unless there is something secret in it.
    pub(super) fn remember(&mut self, text: &str, line: &Line) {
        if line.is_secret() || matches!(line, Line::Nothing) {
            return;
        }
        // Without a history one can still work.
        let is_new = self.editor.add_history_entry(text.trim()).unwrap_or(false);
        if let Some(path) = self.history.as_ref().filter(|_| is_new) {
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            if self.editor.save_history(path).is_err() && std::io::stderr().is_terminal() {
                self.history = None;
            }
        }
    }

    /// The files that are near.
    pub(super) fn know(&mut self, files: &[String]) {
        if let Some(helper) = self.editor.helper_mut() {
            helper.files = files.to_vec();
        }
    }
}

/// `$XDG_STATE_HOME/cardctl/history`, `.local/state` in the home folder standing for the first.
fn usual_place() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("cardctl/history"))
}

impl Completer for Known {
    type Candidate = String;

    /// The first word is a command, what follows a file.
    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or(line);
        let start = before.rfind([' ', '/']).map_or(0, |space| space + 1);
        let word = before.get(start..).unwrap_or_default();
        let matching = |name: &&str| name.to_lowercase().starts_with(&word.to_lowercase());
        let candidates: Vec<String> = if start == 0 {
            COMMANDS.iter().map(|(name, ..)| *name).filter(matching).map(|name| format!("{name} ")).collect()
        } else {
            self.files.iter().map(String::as_str).filter(matching).map(str::to_owned).collect()
        };
        Ok((start, candidates))
    }
}

impl Hinter for Known {
    type Hint = String;
}
impl Highlighter for Known {}
impl Validator for Known {}
impl Helper for Known {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_files_are_completed() {
        let known = Known { files: vec!["A100".to_owned(), "A200".to_owned(), "5F00".to_owned()] };
        let history = rustyline::history::MemHistory::new();
        let complete = |line: &str| known.complete(line, line.len(), &Context::new(&history)).unwrap();
        assert_eq!(complete("re"), (0, vec!["read ".to_owned(), "record ".to_owned(), "reset ".to_owned()]));
        assert_eq!(complete("cd a"), (3, vec!["A100".to_owned(), "A200".to_owned()]));
        assert_eq!(complete("cat /5"), (5, vec!["5F00".to_owned()]));
        assert!(complete("cat x").1.is_empty());
    }
}
