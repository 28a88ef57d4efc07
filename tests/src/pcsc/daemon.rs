//! pcscd and its virtual readers in a namespace of their own: nobody on this machine sees them, and they see nobody.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sim_reader::vpcd::PORT;

use crate::process::Piped;

/// The readers' driver.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// What it takes from Debian: a file of each package.
const PACKAGES: [(&str, &str); 3] =
    [("/usr/sbin/pcscd", "pcscd"), (DRIVER, "vsmartcard-vpcd"), ("/usr/sbin/ip", "iproute2")];

/// Makes the namespace: its own loopback interface, its own `/run` with what pcscd reads. The arguments are the driver,
/// the readers' configuration and their numbers. Then it lasts until its standard input ends.
///
/// Each reader has a copy of the driver for itself: loaded once, it is good for one.
const NAMESPACE: &str = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && ip link set lo up || exit
    driver=$1 && printf %s \"$2\" > /run/readers && shift 2
    for number; do cp \"$driver\" /run/vpcd-$number.so; done
    echo ready && exec cat";

/// What a killed pcscd leaves behind keeps the next one from starting.
const PCSCD: &str = "rm -f /run/pcscd/* && exec /usr/sbin/pcscd --foreground --config /run/readers > /run/pcscd.log";

/// Slots of a virtual reader, in Debian's build of its driver.
const SLOTS: u16 = 2;
/// Slots of all readers that pcscd can have.
const SLOTS_MAX: u16 = 16;
/// How long pcscd may take to load its readers and to listen.
const STARTING: Duration = Duration::from_secs(15);

/// A running pcscd with virtual readers. It ends, by its identifier, when this is dropped.
pub struct Daemon {
    namespace: Piped,
    pcscd: Option<Piped>,
    slots: u16,
}

/// A slot of a virtual reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the reader waits for its card, on the namespace's loopback interface.
    pub port: u16,
    /// What PC/SC calls it.
    pub name: String,
}

impl Slot {
    /// The slot with this number: 0 and 1 are `Virtual PCD 00 00` and `00 01`, which Debian has, 2 and 3 those of
    /// `Virtual PCD 2`, and so on.
    #[must_use]
    pub fn number(number: u16) -> Self {
        Self { port: PORT + number, name: format!("{} 00 {:02}", name(number / SLOTS), number % SLOTS) }
    }
}

impl Daemon {
    /// With Debian's virtual reader of two slots.
    pub fn start() -> Result<Self> {
        Self::with_slots(SLOTS)
    }

    /// With at least so many slots, which are in pairs: two make a reader.
    pub fn with_slots(slots: u16) -> Result<Self> {
        Self::with_driver(Path::new(DRIVER), slots)
    }

    /// With readers of another driver, which is loaded from this file.
    pub fn with_driver(driver: &Path, slots: u16) -> Result<Self> {
        ensure!((1..=SLOTS_MAX).contains(&slots), "pcscd has 1 to {SLOTS_MAX} slots, not {slots}");
        let missing: Vec<_> = PACKAGES.iter().filter(|(file, _)| !Path::new(file).exists()).map(|it| it.1).collect();
        ensure!(missing.is_empty(), "these Debian packages are missing: {}", missing.join(" "));
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "--net", "sh", "-c", NAMESPACE, "sh"]);
        unshare.arg(driver).arg(configuration(slots)).args(readers(slots).map(|number| number.to_string()));
        let mut namespace = Piped::start(&mut unshare)?;
        ensure!(namespace.line()? == "ready", "no namespace: this needs to be root, or unprivileged user namespaces");
        let mut daemon = Self { namespace, pcscd: None, slots };
        daemon.restart()?;
        Ok(daemon)
    }

    /// The slot with this number, from 0.
    pub fn slot(&self, number: u16) -> Result<Slot> {
        ensure!(number < self.slots, "there is no slot {number} of {}", self.slots);
        Ok(Slot::number(number))
    }

    /// Ends pcscd if it runs, as a crash would, and starts it. Afterwards its readers are there.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.pcscd = Some(Piped::start(self.command("sh").args(["-c", PCSCD]))?);
        let (began, socket) = (Instant::now(), self.socket());
        // It listens once it has its readers.
        while let Err(error) = UnixStream::connect(&socket) {
            ensure!(began.elapsed() < STARTING, "pcscd does not start: {error}\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends pcscd if it runs, as a crash would.
    pub fn stop(&mut self) {
        drop(self.pcscd.take());
    }

    /// A command that will run in the namespace, and not outlive the thread that starts it. Its standard streams are
    /// as the caller sets them.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.namespace.id().to_string()]);
        command.args(["--user", "--preserve-credentials", "--mount", "--net"]);
        command.args(["setpriv", "--pdeathsig", "KILL"]).arg(program.as_ref());
        command
    }

    /// The standard output of a program in the namespace.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let Output { status, stdout, stderr } = self.command(program).args(arguments).output()?;
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        ensure!(status.success(), "{program} {arguments:?}: {status}\n{stdout}{stderr}");
        Ok(stdout)
    }

    /// Writes a file under `/run` of the namespace.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        Ok(std::fs::write(self.inside("run").join(name), content)?)
    }

    /// Removes such a file.
    pub fn remove(&self, name: &str) -> Result<()> {
        Ok(std::fs::remove_file(self.inside("run").join(name))?)
    }

    /// What pcscd has printed since it was started.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.inside("run/pcscd.log")).unwrap_or_default()
    }

    fn socket(&self) -> PathBuf {
        self.inside("run/pcscd/pcscd.comm")
    }

    /// A path in the namespace, as this process reaches it.
    fn inside(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.namespace.id().to_string()).join("root").join(path)
    }
}

/// The numbers of the readers that have these slots.
fn readers(slots: u16) -> impl Iterator<Item = u16> {
    0..slots.div_ceil(SLOTS)
}

/// What pcscd calls a reader, before it adds the slot. The first one's name and port are those of Debian's.
fn name(reader: u16) -> String {
    if reader == 0 { "Virtual PCD".to_owned() } else { format!("Virtual PCD {}", reader + 1) }
}

/// The readers of these slots as pcscd's `reader.conf` has it.
fn configuration(slots: u16) -> String {
    let entry = |reader| {
        let (name, port) = (name(reader), PORT + reader * SLOTS);
        let device = format!("/dev/null:{port:#X}");
        format!("FRIENDLYNAME \"{name}\"\nDEVICENAME {device}\nLIBPATH /run/vpcd-{reader}.so\nCHANNELID {port:#X}\n\n")
    };
    readers(slots).map(entry).collect()
}
