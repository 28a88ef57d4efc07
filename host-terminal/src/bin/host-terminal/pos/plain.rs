//! The till line by line: each screen as sentences, input by lines. For screen readers, and for pipes.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Read, Write, stdin, stdout};
use std::thread;

use anyhow::Result;
use host_terminal::till::screen::{Event, Key, Model, View, hints, view};
use ratatui::crossterm::event;
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::full_screen::{keys, of_key};
use super::{Counter, stop};

/// The longest line that is read, its end included. A longer one is none, nor is one that is no text.
const LINE_MAX: usize = 256;
/// Lines of a pipe that are held until the till can take them: what answers it, and a `cancel` behind that. At a
/// terminal none is: whoever types too early is told so.
const AHEAD_MAX: usize = 2;

pub(super) async fn run(model: &mut Model, counter: &mut Counter) -> Result<()> {
    let mut stop = std::pin::pin!(stop()?);
    let mut input = Input::new()?;
    let mut shown: Option<View> = None;
    let mut ahead = VecDeque::new();
    let mut wanted_pin = false;
    loop {
        let next = View { keys: hints(model), ..view(model) };
        say(shown.as_ref(), &next, input.line_end())?;
        shown = Some(next);
        if !input.is_open() && ahead.is_empty() && !model.is_busy() {
            return Ok(());
        }
        if model.wants_pin() != wanted_pin {
            wanted_pin = !wanted_pin;
            input.spoil();
        }
        let waits = !input.is_terminal() && !model.takes_lines();
        let event = if let Some(line) = if waits { None } else { ahead.pop_front() } {
            Some(Event::Line(line))
        } else if !input.is_open() && model.wants_pin() {
            // Nobody is there to type the PIN.
            Some(Event::Key(Key::Escape))
        } else {
            tokio::select! {
                () = &mut stop => return Ok(()),
                event = input.next(model), if ahead.len() < AHEAD_MAX && input.is_open() => event?,
                told = counter.told.recv() => match told {
                    Some(told) => Some(Event::Told(told)),
                    None => return Ok(()),
                },
            }
        };
        let event = match event {
            Some(Event::Line(line)) if waits && model.is_selling() && line.trim() == "cancel" => {
                // What was sent before it was for this sale, too.
                ahead.clear();
                Some(Event::Line(line))
            }
            Some(Event::Line(line)) if waits => {
                ahead.push_back(line);
                None
            }
            other => other,
        };
        if let Some(action) = event.and_then(|event| model.handle(event))
            && !counter.carry_out(action).await
        {
            return Ok(());
        }
    }
}

/// Says what has changed: all of another screen, of the same one the lines that are new.
fn say(before: Option<&View>, now: &View, line_end: &str) -> Result<()> {
    let mut out = stdout().lock();
    let same = before.is_some_and(|before| before.title == now.title && before.big == now.big);
    if !same {
        let big = now.big.as_ref().map_or_else(String::new, |(text, _)| format!("  |  {text}"));
        write!(out, "{}{big}{line_end}", now.title)?;
    }
    let said = |line: &(String, _)| same && before.is_some_and(|before| before.lines.contains(line));
    for line in now.lines.iter().filter(|line| !said(line) && !line.0.is_empty()) {
        write!(out, "{}{line_end}", line.0)?;
    }
    if !now.notice.is_empty() && before.is_none_or(|before| before.notice != now.notice) {
        write!(out, "{}{line_end}", now.notice)?;
    }
    if before.is_none_or(|before| before.keys != now.keys || !same) && !now.keys.is_empty() {
        let keys: Vec<String> = now.keys.iter().map(|(key, what)| format!("{key}: {what}")).collect();
        write!(out, "({}){line_end}", keys.join(", "))?;
    }
    Ok(out.flush()?)
}

/// Where lines come from.
enum Input {
    /// A terminal, whose keys come one by one, so that a PIN is not shown.
    Keys { keys: mpsc::Receiver<event::Event>, typed: Typed, _raw: Raw },
    /// A pipe or a file.
    Lines(mpsc::Receiver<Zeroizing<String>>),
    /// There is no more.
    Closed,
}

impl Input {
    fn new() -> Result<Self> {
        if !stdin().is_terminal() {
            return Ok(Self::Lines(lines()));
        }
        enable_raw_mode()?;
        Ok(Self::Keys { keys: keys(), typed: Typed::default(), _raw: Raw })
    }

    const fn is_open(&self) -> bool {
        !matches!(self, Self::Closed)
    }

    const fn is_terminal(&self) -> bool {
        matches!(self, Self::Keys { .. })
    }

    const fn line_end(&self) -> &'static str {
        if self.is_terminal() { "\r\n" } else { "\n" }
    }

    /// What is typed so far answers no question that comes now.
    fn spoil(&mut self) {
        if let Self::Keys { typed, .. } = self {
            typed.is_stale = !typed.line.is_empty();
        }
    }

    /// The next event; none for what makes none.
    async fn next(&mut self, model: &Model) -> Result<Option<Event>> {
        match self {
            Self::Lines(lines) => {
                let line = lines.recv().await;
                if line.is_none() {
                    *self = Self::Closed;
                }
                Ok(line.map(Event::Line))
            }
            Self::Keys { keys, typed, .. } => match keys.recv().await {
                Some(event::Event::Key(key)) => of_key(key).map_or(Ok(None), |key| typed.edit(key, model)),
                Some(_) => Ok(None),
                None => {
                    *self = Self::Closed;
                    Ok(None)
                }
            },
            Self::Closed => Ok(None),
        }
    }
}

/// The line that is being typed.
struct Typed {
    line: Zeroizing<String>,
    /// Whether it was begun before what is asked for now was asked for. A PIN of which it is unknown where it begins is
    /// tried by no card.
    is_stale: bool,
}

impl Default for Typed {
    fn default() -> Self {
        Self { line: new_line(), is_stale: false }
    }
}

impl Typed {
    /// Changes the line, and shows of it what may be shown.
    fn edit(&mut self, key: Key, model: &Model) -> Result<Option<Event>> {
        let mut out = stdout().lock();
        let mut event = None;
        match key {
            Key::Char(character) if self.line.len() + character.len_utf8() <= LINE_MAX => {
                self.line.push(character);
                if model.shows(character) {
                    write!(out, "{character}")?;
                }
            }
            Key::Backspace => {
                if self.line.pop().is_some_and(|character| model.shows(character)) {
                    write!(out, "\x08 \x08")?;
                }
            }
            Key::Enter => {
                write!(out, "\r\n")?;
                let Self { line, is_stale } = std::mem::take(self);
                if is_stale {
                    write!(out, "That was begun before it was asked for, and not taken. Type it again.\r\n")?;
                } else {
                    event = Some(Event::Line(line));
                }
            }
            Key::Escape => {
                *self = Self::default();
                event = Some(Event::Key(Key::Escape));
            }
            Key::Char(_) | Key::Up | Key::Down | Key::Left | Key::Right => {}
        }
        out.flush()?;
        Ok(event)
    }
}

/// A line with all its space, so that no part of a PIN is left where it grew.
fn new_line() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(LINE_MAX))
}

/// The lines of the standard input.
fn lines() -> mpsc::Receiver<Zeroizing<String>> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = stdin().lock();
        while let Ok(Some(line)) = read_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next line that is one; none at the end.
fn read_line(input: &mut impl BufRead) -> std::io::Result<Option<Zeroizing<String>>> {
    loop {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LINE_MAX));
        if input.by_ref().take(LINE_MAX as u64).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let is_whole = bytes.len() < LINE_MAX || bytes.ends_with(b"\n");
        if !is_whole {
            input.skip_until(b'\n')?;
        } else if let Ok(text) = std::str::from_utf8(&bytes) {
            let mut line = new_line();
            line.push_str(text);
            return Ok(Some(line));
        }
    }
}

/// The terminal gives single keys as long as this is there.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nothing to do about a terminal that is gone.
        drop(disable_raw_mode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_none_and_its_rest_is_not_either() {
        let longest = "1".repeat(LINE_MAX - 1) + "\n";
        let long = "x".repeat(LINE_MAX) + "2.00\n";
        let input = [longest.as_bytes(), long.as_bytes(), b"\xE9\n", b"1.00\n", b"q"].concat();
        let mut input = input.as_slice();
        let mut next = || read_line(&mut input).unwrap().map(|line| line.to_string());
        assert_eq!(next(), Some(longest));
        assert_eq!((next(), next(), next()), (Some("1.00\n".to_owned()), Some("q".to_owned()), None));
    }
}
