//! What a machine needs before the project builds and its tests run.
//!
//! On Debian as root the missing packages are installed; anywhere else one line says what to install.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{is_installed, output_of, run_logged};
use crate::project::Project;

/// The longest that one installation may take.
const INSTALLATION_LIMIT: Duration = Duration::from_secs(600);

/// A Debian package that the project cannot do without, and how to see that it is there.
pub(crate) struct Need {
    /// A command that succeeds where the package is installed.
    pub(crate) sign: &'static [&'static str],
    pub(crate) package: &'static str,
}

/// What compiling takes: a linker, and a C compiler for SQLite and the provider's cryptography.
const TO_BUILD: &[Need] = &[
    Need { sign: &["cc", "--version"], package: "gcc" },
    Need { sign: &["test", "-e", "/usr/include/stdio.h"], package: "libc6-dev" },
];

/// What the crate `pcsc` links to, where the workspace uses it.
const TO_BUILD_PCSC: &[Need] = &[
    Need { sign: &["pkg-config", "--version"], package: "pkg-config" },
    Need { sign: &["test", "-e", "/usr/include/PCSC/winscard.h"], package: "libpcsclite-dev" },
];

/// libFuzzer is written in C++.
const TO_BUILD_CPP: &[Need] = &[Need { sign: &["c++", "--version"], package: "g++" }];

const TO_RUN_PYTHON: &[Need] = &[
    Need { sign: &[PYTHON, "--version"], package: "python3" },
    Need { sign: &[PYTHON, "-c", "import ensurepip"], package: "python3-venv" },
];

/// The system's Python: its package of pyscard is built, the one from PyPI would need a compiler.
const PYTHON: &str = "/usr/bin/python3";

/// A PC/SC service with virtual readers, in a network of its own.
const TO_RUN_PCSC: &[Need] = &[
    Need { sign: &["test", "-e", "/usr/sbin/pcscd"], package: "pcscd" },
    Need { sign: &["test", "-e", "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"], package: "vsmartcard-vpcd" },
    Need { sign: &["test", "-e", "/usr/sbin/ip"], package: "iproute2" },
];

/// Programs of other hands that use it.
const TO_TEST_PCSC: &[Need] = &[
    Need { sign: &["test", "-e", "/usr/bin/opensc-tool"], package: "opensc" },
    Need { sign: &["test", "-e", "/usr/bin/scriptor"], package: "pcsc-tools" },
    Need { sign: &["test", "-e", "/usr/lib/python3/dist-packages/smartcard"], package: "python3-pyscard" },
    Need { sign: &["test", "-e", "/usr/bin/openssl"], package: "openssl" },
];

/// Wireshark without its windows, which reads traces, and a terminal whose screen can be read.
const TO_TEST_OUTPUT: &[Need] =
    &[Need { sign: &["tshark", "--version"], package: "tshark" }, Need { sign: &["tmux", "-V"], package: "tmux" }];

/// Makes sure that the programs can be compiled.
pub(crate) fn prepare_to_build(project: &Project) -> Result<()> {
    install_missing(project, TO_BUILD)?;
    let lock = fs::read_to_string(project.root.join("Cargo.lock"))?;
    if lock.contains("name = \"pcsc-sys\"") { install_missing(project, TO_BUILD_PCSC) } else { Ok(()) }
}

/// Makes sure that the fuzz targets can be compiled, too.
pub(crate) fn prepare_to_build_all(project: &Project) -> Result<()> {
    prepare_to_build(project)?;
    install_missing(project, TO_BUILD_CPP)
}

/// Makes sure that a measurement can be compiled and run.
pub(crate) fn prepare_to_bench(project: &Project, name: &str) -> Result<()> {
    prepare_to_build(project)?;
    if name == "pcsc" { install_missing(project, TO_RUN_PCSC) } else { Ok(()) }
}

/// Makes sure that the tests can run, too: their Python packages are in `target/python`.
pub(crate) fn prepare_to_test(project: &Project) -> Result<()> {
    prepare_to_build_all(project)?;
    install_missing(project, TO_TEST_OUTPUT)?;
    if project.root.join("tests/tests/pcsc").exists() {
        prepare_for_pcsc(project)?;
        install_missing(project, TO_TEST_PCSC)?;
    }
    let requirements = project.root.join("tests/interop/requirements.txt");
    if requirements.exists() { prepare_python(project, &requirements) } else { Ok(()) }
}

/// Makes sure that there can be a PC/SC service with virtual readers.
pub(crate) fn prepare_for_pcsc(project: &Project) -> Result<()> {
    install_missing(project, TO_RUN_PCSC)
}

fn prepare_python(project: &Project, requirements: &Path) -> Result<()> {
    let venv = project.target.join("python");
    let installed = venv.join("installed.txt");
    let wanted = fs::read(requirements)?;
    if fs::read(&installed).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    install_missing(project, TO_RUN_PYTHON)?;
    println!("installing the tests' Python packages into {}", venv.display());
    let arguments = ["-m", "venv", "--clear", "--system-site-packages"];
    install(project, Command::new(PYTHON).args(arguments).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    install(project, pip.args(["install", "--disable-pip-version-check", "--requirement"]).arg(requirements))?;
    Ok(fs::write(installed, wanted)?)
}

/// Installs what is needed and not there.
pub(crate) fn install_missing(project: &Project, needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs.iter().filter(|need| !need.is_met()).map(|need| need.package).collect();
    if missing.is_empty() { Ok(()) } else { apt_install(project, &missing) }
}

/// Installs Debian packages (`name` or `name=version`), or says that somebody must.
pub(crate) fn apt_install(project: &Project, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !can_install() {
        bail!("please install these Debian packages, or what your system calls them: {list}");
    }
    println!("installing {list}");
    // A stale package list is enough as long as the packages are still to be had.
    install(project, Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut command = Command::new("apt-get");
    // Another installation may be under way, as on a machine that has just started.
    command.arg(format!("-oDPkg::Lock::Timeout={}", INSTALLATION_LIMIT.as_secs() / 2));
    command.args(["install", "--yes", "--quiet", "--no-install-recommends", "--no-remove", "--allow-downgrades"]);
    install(project, command.env("DEBIAN_FRONTEND", "noninteractive").args(packages))
}

/// Whether this program may install Debian packages.
pub(crate) fn can_install() -> bool {
    let user = output_of(Command::new("id").arg("-u"));
    is_installed("apt-get") && user.is_some_and(|user| user.trim() == "0")
}

/// Runs one command of an installation.
pub(crate) fn install(project: &Project, command: &mut Command) -> Result<()> {
    let path = project.target.join("xtask/installation.log");
    fs::create_dir_all(project.target.join("xtask"))?;
    let log = File::create(&path)?;
    let end = run_logged(command, &log, INSTALLATION_LIMIT)?;
    if !end.is_success() {
        let output = fs::read_to_string(&path).unwrap_or_default();
        let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("{} failed: {last} (all of it: {})", command.get_program().display(), path.display());
    }
    Ok(())
}

impl Need {
    fn is_met(&self) -> bool {
        let Some((program, arguments)) = self.sign.split_first() else { return false };
        output_of(Command::new(program).args(arguments)).is_some()
    }
}
