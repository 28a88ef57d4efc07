//! Real processes: the project's programs, built, started, watched and ended by their identifiers.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As the tests are.
    Dev,
    /// As it ships, for measurements.
    Release,
}

/// Builds a program of this workspace, in the profile of the tests, and gives its path. Built is what the whole
/// workspace needs for it, as `cargo xtask test` has done already.
pub fn build(program: &str) -> Result<PathBuf> {
    build_in(program, Profile::Dev)
}

/// Builds a program of this workspace likewise and gives its path.
pub fn build_in(program: &str, profile: Profile) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--message-format", "json", "--workspace", "--bin", program]);
    build.args((profile == Profile::Release).then_some("--release"));
    let output = build.current_dir(root).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cannot build {program}");
    let messages = String::from_utf8(output.stdout)?;
    let executables = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = executables.filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)));
    executables.next().with_context(|| format!("{program} is no program"))
}

/// A program that says in JSON on its first line where it listens. Killed when dropped.
pub struct Listener {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Listener {
    /// Starts it and waits until it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::spawn(Command::new(program).args(arguments))
    }

    /// Starts a command likewise.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        command.env("RUST_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let address = said.and_then(|said| Some(said.get("listening")?.as_str()?.to_owned()));
        let mut listener = Self { child, address: String::new() };
        listener.address = address.with_context(|| format!("{command:?} said {line:?}"))?;
        ensure!(listener.child.try_wait()?.is_none(), "{command:?} ended at once");
        Ok(listener)
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that prints lines of JSON and ends by itself. Killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: thread::JoinHandle<String>,
    what: String,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Each line of its output.
    pub results: Vec<Value>,
    /// What it said on the other stream.
    pub errors: String,
    what: String,
}

impl Running {
    /// Starts it.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::spawn(Command::new(program).args(arguments))
    }

    /// Starts a command.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = command.env("RUST_LOG", "error").spawn().with_context(|| what.clone())?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let (line, lines) = channel();
        thread::spawn(move || output.lines().map_while(std::io::Result::ok).try_for_each(|text| line.send(text)));
        let mut errors = child.stderr.take().context("no standard error")?;
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            drop(errors.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self { child, lines, errors, what })
    }

    /// The next line that it prints; `None` where it ends or closes its output instead.
    pub fn line(&self, patience: Duration) -> Result<Option<Value>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                Ok(Some(serde_json::from_str(&line).with_context(|| format!("{} printed {line:?}", self.what))?))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("{} says nothing for {patience:?}", self.what),
        }
    }

    /// Waits for its end; gives the lines that nobody has read.
    pub fn end(mut self, patience: Duration) -> Result<Ended> {
        let until = Instant::now() + patience;
        let mut results = Vec::new();
        while let Some(line) = self.line(until.saturating_duration_since(Instant::now()))? {
            results.push(line);
        }
        let code = self.child.wait()?.code();
        let errors = std::mem::replace(&mut self.errors, thread::spawn(String::new));
        let errors = errors.join().unwrap_or_default();
        Ok(Ended { code, results, errors, what: self.what.clone() })
    }

    /// Asks it to end: SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        terminate(&self.child)
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The last thing that it printed, if it ended well.
    pub fn success(self) -> Result<Value> {
        ensure!(self.code == Some(0), "{} ended with {:?}: {}", self.what, self.code, self.errors.trim());
        self.results.into_iter().next_back().with_context(|| format!("{} printed nothing", self.what))
    }
}

/// A process with which one speaks line by line. Killed when dropped.
pub struct Piped {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Piped {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self { input: child.stdin.take(), child, output: BufReader::new(output) })
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it a line.
    pub fn say(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.input.as_mut().context("its standard input is closed")?, "{line}")?)
    }

    /// Closes its standard input.
    pub fn hang_up(&mut self) {
        drop(self.input.take());
    }

    /// The next line that it says; empty at its end.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Asks it to end: SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        terminate(&self.child)
    }

    /// Waits for its end.
    pub fn end(mut self, patience: Duration) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(began.elapsed() < patience, "it does not end within {patience:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn terminate(child: &Child) -> Result<()> {
    Ok(kill_process(Pid::from_child(child), Signal::TERM)?)
}
