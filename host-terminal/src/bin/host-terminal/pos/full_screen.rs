//! The till on a whole screen. However it ends, the terminal is as it was before.

use std::thread;

use anyhow::Result;
use host_terminal::till::screen::{Event, Key, Model, view};
use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::draw::draw;
use super::{Counter, stop};

/// Keys that were pressed and not looked at yet.
const KEYS_MAX: usize = 64;

pub(super) async fn run(model: &mut Model, counter: &mut Counter) -> Result<()> {
    let mut stop = std::pin::pin!(stop()?);
    // A panic restores the terminal, too: this installs a hook for it.
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore;
    let mut keys = keys();
    loop {
        terminal.draw(|frame| draw(frame, &view(model)))?;
        let event = tokio::select! {
            () = &mut stop => return Ok(()),
            key = keys.recv() => match key {
                Some(event::Event::Key(key)) => of_key(key).map(Event::Key),
                // A new size: it is drawn anew.
                Some(_) => None,
                None => return Ok(()),
            },
            told = counter.told.recv() => match told {
                Some(told) => Some(Event::Told(told)),
                None => return Ok(()),
            },
        };
        if let Some(action) = event.and_then(|event| model.handle(event))
            && !counter.carry_out(action).await
        {
            return Ok(());
        }
    }
}

struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What the terminal tells, as long as somebody listens and it is there.
pub(super) fn keys() -> mpsc::Receiver<event::Event> {
    let (sender, receiver) = mpsc::channel(KEYS_MAX);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What a key is to the till.
pub(super) fn of_key(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    if with_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
        return Some(Key::Escape);
    }
    if let KeyCode::Char(character) = key.code {
        return (!with_control && !key.modifiers.contains(KeyModifiers::ALT)).then_some(Key::Char(character));
    }
    KEYS.iter().find(|(code, _)| *code == key.code).map(|(_, key)| *key)
}

/// The keys that are no characters.
const KEYS: [(KeyCode, Key); 7] = [
    (KeyCode::Enter, Key::Enter),
    (KeyCode::Esc, Key::Escape),
    (KeyCode::Backspace, Key::Backspace),
    (KeyCode::Up, Key::Up),
    (KeyCode::Down, Key::Down),
    (KeyCode::Left, Key::Left),
    (KeyCode::Right, Key::Right),
];
