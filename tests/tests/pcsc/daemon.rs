//! pcscd and its virtual reader in a namespace of their own: nobody on this machine sees them, and they see nobody.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

/// What the tests need from Debian: a file of each package.
const PACKAGES: [(&str, &str); 7] = [
    ("/usr/sbin/pcscd", "pcscd"),
    ("/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "vsmartcard-vpcd"),
    ("/usr/bin/opensc-tool", "opensc"),
    ("/usr/bin/scriptor", "pcsc-tools"),
    ("/usr/lib/python3/dist-packages/smartcard", "python3-pyscard"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/openssl", "openssl"),
];

/// Makes the namespace: its own loopback interface, its own `/run`. Then it lasts until its standard input ends.
const NAMESPACE: &str = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && ip link set lo up && echo ready && exec cat";

/// What a killed pcscd leaves behind keeps the next one from starting.
const PCSCD: &str = "rm -f /run/pcscd/* && exec /usr/sbin/pcscd --foreground > /run/pcscd.log";

/// A running pcscd with Debian's virtual reader of two slots. It ends, by its identifier, when this is dropped.
pub(crate) struct Daemon {
    namespace: Process,
    pcscd: Option<Process>,
}

impl Daemon {
    pub(crate) fn start() -> Result<Self> {
        let missing: Vec<_> = PACKAGES.iter().filter(|(file, _)| !Path::new(file).exists()).map(|it| it.1).collect();
        ensure!(missing.is_empty(), "these Debian packages are missing: {}", missing.join(" "));
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "--net", "sh", "-c", NAMESPACE]);
        let mut namespace = Process::start(unshare.stdin(Stdio::piped()))?;
        ensure!(namespace.line()? == "ready", "no namespace: this needs to be root, or unprivileged user namespaces");
        let mut daemon = Self { namespace, pcscd: None };
        daemon.restart()?;
        Ok(daemon)
    }

    /// Ends pcscd if it runs, and starts it.
    pub(crate) fn restart(&mut self) -> Result<()> {
        drop(self.pcscd.take());
        self.pcscd = Some(Process::start(self.command("sh").args(["-c", PCSCD]))?);
        Ok(())
    }

    /// A command that will run in the namespace, and not outlive the thread that starts it.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.namespace.0.id().to_string()]);
        command.args(["--user", "--preserve-credentials", "--mount", "--net"]);
        command.args(["setpriv", "--pdeathsig", "KILL"]).arg(program.as_ref());
        command
    }

    /// The standard output of a program in the namespace.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let Output { status, stdout, stderr } = self.command(program).args(arguments).output()?;
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        ensure!(status.success(), "{program} {arguments:?}: {status}\n{stdout}{stderr}");
        Ok(stdout)
    }
}

/// A process, killed when dropped.
pub(crate) struct Process(Child, BufReader<std::process::ChildStdout>);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self(child, BufReader::new(output)))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// The next line that it says; empty at its end.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.1.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The file beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcsc").join(name)
}
