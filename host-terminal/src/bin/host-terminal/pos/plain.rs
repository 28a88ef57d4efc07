//! The till line by line: each screen as sentences, input by lines. For screen readers, and for pipes.

use std::io::{BufRead, IsTerminal, Read, Write, stdin, stdout};
use std::thread;

use anyhow::Result;
use host_terminal::till::screen::{Event, Key, Model, View, view};
use ratatui::crossterm::event;
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::full_screen::{keys, of_key};
use super::{Counter, stop};

/// The longest line that is read, its end included. A longer one is none, nor is one that is no text.
const LINE_MAX: usize = 256;

pub(super) async fn run(model: &mut Model, counter: &mut Counter) -> Result<()> {
    let mut stop = std::pin::pin!(stop()?);
    let mut input = Input::new()?;
    let mut shown: Option<View> = None;
    let mut ahead: Option<Zeroizing<String>> = None;
    loop {
        let next = view(model);
        say(shown.as_ref(), &next, input.line_end())?;
        shown = Some(next);
        if !input.is_open() && !model.is_selling() {
            return Ok(());
        }
        let takes = |line: &Zeroizing<String>| model.takes_lines() || line.trim() == "cancel";
        let event = if let Some(line) = ahead.take_if(|line| takes(line)) {
            Some(Event::Line(line))
        } else if !input.is_open() && model.hides_input() {
            // Nobody is there to type the PIN.
            Some(Event::Key(Key::Escape))
        } else {
            tokio::select! {
                () = &mut stop => return Ok(()),
                event = input.next(model.is_selling()), if ahead.is_none() && input.is_open() => event?,
                told = counter.told.recv() => match told {
                    Some(told) => Some(Event::Told(told)),
                    None => return Ok(()),
                },
            }
        };
        let event = match event {
            Some(Event::Line(line)) if !takes(&line) => {
                ahead = Some(line);
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
    Keys { keys: mpsc::Receiver<event::Event>, line: Zeroizing<String>, _raw: Raw },
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
        Ok(Self::Keys { keys: keys(), line: new_line(), _raw: Raw })
    }

    const fn is_open(&self) -> bool {
        !matches!(self, Self::Closed)
    }

    const fn line_end(&self) -> &'static str {
        if matches!(self, Self::Keys { .. }) { "\r\n" } else { "\n" }
    }

    /// The next event; none for what makes none. `hidden` is what is typed while a sale runs: a PIN may come early.
    async fn next(&mut self, hidden: bool) -> Result<Option<Event>> {
        match self {
            Self::Lines(lines) => {
                let line = lines.recv().await;
                if line.is_none() {
                    *self = Self::Closed;
                }
                Ok(line.map(Event::Line))
            }
            Self::Keys { keys, line, .. } => match keys.recv().await {
                Some(event::Event::Key(key)) => of_key(key).map_or(Ok(None), |key| edit(line, key, hidden)),
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

/// Changes the line that is typed, and shows it unless it is hidden.
fn edit(line: &mut Zeroizing<String>, key: Key, hidden: bool) -> Result<Option<Event>> {
    let mut out = stdout().lock();
    let mut event = None;
    match key {
        Key::Char(character) if line.len() + character.len_utf8() <= LINE_MAX => {
            line.push(character);
            if !hidden {
                write!(out, "{character}")?;
            }
        }
        Key::Backspace => {
            if line.pop().is_some() && !hidden {
                write!(out, "\x08 \x08")?;
            }
        }
        Key::Enter => {
            write!(out, "\r\n")?;
            event = Some(Event::Line(std::mem::replace(line, new_line())));
        }
        Key::Escape => {
            *line = new_line();
            event = Some(Event::Key(Key::Escape));
        }
        Key::Char(_) | Key::Up | Key::Down | Key::Left | Key::Right => {}
    }
    out.flush()?;
    Ok(event)
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
