//! A real terminal: tmux, with a server of its own, whose screen is read as a person would.

#![expect(clippy::expect_used, clippy::missing_panics_doc, clippy::unwrap_used, reason = "a panic is a test's verdict")]

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A terminal of a given size, in which a shell runs. Ended when dropped.
pub struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Starts it.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        let terminal = Self { folder: tempfile::tempdir().unwrap() };
        let size = [&columns.to_string(), &rows.to_string()].map(String::as_str).map(str::to_owned);
        let shell = "env -i TERM=screen LANG=C.UTF-8 TZ=UTC PS1='$ ' PATH=/usr/bin:/bin sh";
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], shell]);
        terminal.tmux(&["set-option", "-g", "history-limit", "10000"]);
        terminal
    }

    /// Types text as it is.
    pub fn text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Presses keys by their names: Enter, Escape, BSpace, Up, ...
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is to be seen now.
    #[must_use]
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// All that was ever to be seen and can be scrolled back to.
    #[must_use]
    pub fn scrollback(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    /// A fact that tmux knows.
    #[must_use]
    pub fn fact(&self, format: &str) -> String {
        self.tmux(&["display-message", "-p", format]).trim().to_owned()
    }

    /// Waits until the screen has these words and stays as it is; gives the screen.
    pub fn wait(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = self.screen();
            sleep(Duration::from_millis(50));
            if screen.contains(words) && screen == self.screen() {
                return screen;
            }
            assert!(Instant::now() < until, "{words:?} does not come:\n{screen}");
        }
    }

    /// The process that the shell has started.
    #[must_use]
    pub fn child(&self) -> i32 {
        let shell = self.fact("#{pane_pid}");
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.env_remove("TMUX").arg("-S").arg(self.socket()).args(arguments);
        let output = tmux.output().expect("tmux is installed");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The server of this socket alone; gone already is as good.
        let _ = Command::new("tmux").env_remove("TMUX").arg("-S").arg(self.socket()).arg("kill-server").output();
    }
}

/// Holds a screen to the one that is kept under this name. `SYMBOLON_WRITE_VECTORS=1` keeps it anew.
pub fn compare(name: &str, screen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/screens/{name}.txt"));
    let screen = normal(screen);
    if std::env::var_os("SYMBOLON_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &screen).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(screen, kept, "the screen is not that of {}", path.display());
}

/// A screen in which times, dates and names of transactions are always the same, without what is empty at its end.
#[must_use]
pub fn normal(screen: &str) -> String {
    let lines = screen.lines().map(|line| {
        let words = line.split(' ').map(|word| if is_of_the_moment(word) { blotted(word) } else { word.to_owned() });
        words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    });
    let lines: Vec<String> = lines.collect();
    format!("{}\n", lines.join("\n").trim_end())
}

fn is_of_the_moment(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    let has_form = |form: &str| {
        word.len() == form.len()
            && word.chars().zip(form.chars()).all(|(is, should)| match should {
                'd' => is.is_ascii_digit(),
                'x' => is.is_ascii_hexdigit(),
                other => is == other,
            })
    };
    ["dd:dd:dd", "dddd-dd-dd", "dd:dd", "xxxxxxxx", &"x".repeat(32)].into_iter().any(has_form)
}

fn blotted(word: &str) -> String {
    word.chars().map(|character| if character.is_ascii_hexdigit() { '0' } else { character }).collect()
}
