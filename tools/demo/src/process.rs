//! The project's programs as processes, none of which outlives this one.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The longest that a program may take for what it is asked.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(5);

/// Where the programs are and where their files and logs go.
pub(crate) struct Desk {
    programs: PathBuf,
    pub(crate) folder: PathBuf,
}

/// A running program. It ends with its owner.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    what: String,
    log: PathBuf,
}

/// What a program printed, and how it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Each line of its output, which is JSON.
    pub(crate) lines: Vec<Value>,
    /// What it said on the other stream.
    pub(crate) errors: String,
    what: String,
}

impl Desk {
    /// Programs next to this one; files in `folder`.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let own = std::env::current_exe()?;
        let programs = own.parent().context("this program is nowhere")?.to_owned();
        Ok(Self { programs, folder: folder.to_owned() })
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Starts a program whose first line is JSON with the address where it listens, or that it is connected to; what it
    /// logs goes to `NAME.log`.
    pub(crate) fn serve(&self, name: &str, program: &str, arguments: &[&str]) -> Result<(Running, String)> {
        let mut running = self.start(name, program, arguments)?;
        let first = running.line()?;
        let address = first.get("listening").or_else(|| first.get("connected")).and_then(Value::as_str);
        let address = address.with_context(|| format!("{} does not say where it listens", running.what))?.to_owned();
        Ok((running, address))
    }

    /// What a program prints for people.
    pub(crate) fn text(&self, name: &str, program: &str, arguments: &[&str]) -> Result<String> {
        let log = File::create(self.folder.join(format!("{name}.log")))?;
        let output =
            Command::new(self.programs.join(program)).args(arguments).stdin(Stdio::null()).stderr(log).output()?;
        ensure!(output.status.success(), "{program} ({name}) failed; see its log");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a program to its end, which must be a good one.
    pub(crate) fn run(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Ended> {
        self.attempt(name, program, arguments)?.success()
    }

    /// Runs a program to its end.
    pub(crate) fn attempt(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Ended> {
        self.start(name, program, arguments)?.end()
    }

    fn start(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Running> {
        let log = self.folder.join(format!("{name}.log"));
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        let output = child.stdout.take().context("a program without output")?;
        Ok(Running { child, output: BufReader::new(output), what: format!("{program} ({name})"), log })
    }
}

impl Running {
    /// The next line of its output.
    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("{} ended: {}", self.what, self.errors().trim());
        }
        serde_json::from_str(&line).with_context(|| format!("{} printed {line:?}", self.what))
    }

    /// Waits for its end and reads what else it printed.
    pub(crate) fn end(mut self) -> Result<Ended> {
        let began = Instant::now();
        let status = loop {
            // What it prints is a few lines, which the pipe holds.
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(began.elapsed() < PATIENCE, "{} is not done after {} s", self.what, PATIENCE.as_secs());
            thread::sleep(POLL);
        };
        let mut lines = Vec::new();
        for line in self.output.by_ref().lines() {
            let line = line?;
            lines.push(serde_json::from_str(&line).with_context(|| format!("{} printed {line:?}", self.what))?);
        }
        Ok(Ended { status, lines, errors: self.errors(), what: self.what.clone() })
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // By its own number, and waited for: nothing is left behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    pub(crate) fn success(self) -> Result<Self> {
        ensure!(self.status.success(), "{} failed: {}", self.what, self.errors.trim());
        Ok(self)
    }

    /// Its one result: the last line.
    pub(crate) fn result(&self) -> Result<&Value> {
        self.lines.last().with_context(|| format!("{} printed nothing; it says: {}", self.what, self.errors.trim()))
    }
}

/// A text in a JSON object.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("there is no text {key:?} in {value}"))
}

/// A number in a JSON object.
pub(crate) fn number(value: &Value, key: &str) -> Result<i64> {
    value.get(key).and_then(Value::as_i64).with_context(|| format!("there is no number {key:?} in {value}"))
}

/// The elements of a list in a JSON object.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let list = value.get(key).and_then(Value::as_array).map(Vec::as_slice);
    list.with_context(|| format!("there is no list {key:?} in {value}"))
}
