//! A toolchain for the card: the oldest compiler the card-side crates promise to build with, and the core library for a
//! Cortex-M4 with a floating-point unit.
//!
//! With rustup that is one command. Debian's compiler of that version does it as well: it comes without a core library
//! for the target, but builds one when it has its own library source, which Debian keeps in the source package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::machine::{Need, apt_install, can_install, install, install_missing};
use crate::process::output_of;
use crate::project::Project;

/// What the card runs on.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// The `rust-version` of the card-side crates.
const VERSION: &str = "1.85.0";

/// Debian's packaging of that version, and the SHA-256 of its source archive.
const DEBIAN_VERSION: &str = "1.85.0+dfsg3-";
const DEBIAN_SOURCE: &str = "SHA256:8cfaf52ab168a12c3082b5956bcc16c8969d8791b2fe54ed5192672b25518af2";

/// Where Debian's compiler looks for the source of its library.
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// What unpacks the source archive.
const TO_UNPACK: &[Need] = &[Need { sign: &["xz", "--version"], package: "xz-utils" }];

/// Environment variables that would let the compiler that built this program build the card, or change its flags.
const INHERITED: &[&str] = &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"];

/// A compiler that can build for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    Rustup,
    Debian,
}

impl Toolchain {
    /// The toolchain that is installed, if one is.
    pub(crate) fn find() -> Option<Self> {
        [Self::Rustup, Self::Debian].into_iter().find(|toolchain| toolchain.is_complete())
    }

    /// A `cargo build` for [`TARGET`], apart from the host's artefacts.
    pub(crate) fn build(self, project: &Project) -> Command {
        let mut command = self.program("cargo");
        command.args(["build", "--release", "--locked", "--target", TARGET]);
        if self == Self::Debian {
            command.arg("-Zbuild-std=core");
        }
        command.env("CARGO_TARGET_DIR", project.target.join("bare-metal"));
        command
    }

    fn is_complete(self) -> bool {
        let version = output_of(self.program("rustc").arg("--version"));
        version.is_some_and(|version| version.starts_with(&format!("rustc {VERSION} "))) && self.library().is_some()
    }

    /// The core library for [`TARGET`], or the source to build it from.
    fn library(self) -> Option<PathBuf> {
        let path = match self {
            Self::Rustup => {
                let sysroot = output_of(self.program("rustc").args(["--print", "sysroot"]))?;
                Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET)
            }
            Self::Debian => Path::new(DEBIAN_LIBRARY).join("core/src/lib.rs"),
        };
        path.exists().then_some(path)
    }

    /// `cargo` or `rustc` of this toolchain.
    fn program(self, name: &str) -> Command {
        let mut command = match self {
            Self::Rustup => Command::new("rustup"),
            Self::Debian => Command::new(format!("/usr/bin/{name}")),
        };
        for variable in INHERITED {
            command.env_remove(variable);
        }
        match self {
            Self::Rustup => command.args(["run", VERSION, name]),
            Self::Debian => command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1"),
        };
        command
    }
}

/// Installs a toolchain where none is: with rustup, or else from Debian.
pub(crate) fn prepare(project: &Project) -> Result<()> {
    if Toolchain::find().is_some() || install_with_rustup(project).is_ok() {
        return Ok(());
    }
    if !can_install() {
        bail!("please install a compiler for the card: rustup toolchain install {VERSION} --target {TARGET}");
    }
    install_from_debian(project)?;
    ensure!(Toolchain::find().is_some(), "Debian's Rust {VERSION} is installed, but cannot be used");
    Ok(())
}

fn install_with_rustup(project: &Project) -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", VERSION, "--profile", "minimal", "--target", TARGET]);
    println!("installing Rust {VERSION} for {TARGET} with rustup");
    install(project, &mut rustup)?;
    ensure!(Toolchain::Rustup.is_complete(), "rustup installed something else");
    Ok(())
}

fn install_from_debian(project: &Project) -> Result<()> {
    println!("rustup cannot; taking Debian's Rust {VERSION} and its library source");
    let sources = DebianSources::new(project)?;
    let version = sources.version()?;
    let packages = ["rustc-web", "cargo-web", "libstd-rust-web-dev"].map(|name| format!("{name}={version}"));
    apt_install(project, &packages.each_ref().map(String::as_str))?;
    if Toolchain::Debian.library().is_none() {
        sources.install_library(&version)?;
    }
    Ok(())
}

/// Debian's source packages, listed in a folder of the project's own: the machine's package sources stay as they are.
struct DebianSources<'a> {
    project: &'a Project,
    folder: PathBuf,
}

impl<'a> DebianSources<'a> {
    fn new(project: &'a Project) -> Result<Self> {
        let sources = Self { project, folder: project.target.join("xtask/debian") };
        for folder in ["sources", "lists/partial"] {
            fs::create_dir_all(sources.folder.join(folder))?;
        }
        let listed = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
        for path in listed.chain([PathBuf::from("/etc/apt/sources.list")]) {
            if let (Ok(text), Some(name)) = (fs::read_to_string(&path), path.file_name()) {
                fs::write(sources.folder.join("sources").join(name), for_source_packages(&text))?;
            }
        }
        install(project, sources.apt("apt-get").args(["update", "--quiet"]))?;
        Ok(sources)
    }

    /// The full version of the newest packaging whose source archive is the one we know.
    fn version(&self) -> Result<String> {
        let table = output_of(self.apt("apt-cache").args(["madison", "rustc-web"])).unwrap_or_default();
        let versions = table.lines().filter_map(|row| row.split('|').nth(1)).map(str::trim);
        let version = versions.filter(|version| version.starts_with(DEBIAN_VERSION)).max();
        Ok(version.with_context(|| format!("this Debian does not offer rustc-web {DEBIAN_VERSION}*"))?.to_owned())
    }

    /// Unpacks the library from the source archive to where Debian's compiler looks for it.
    fn install_library(&self, version: &str) -> Result<()> {
        install_missing(self.project, TO_UNPACK)?;
        println!("downloading the source of Rust's library, about 80 MB");
        let archive = self.folder.join("rustc.tar.xz");
        let uri = self.archive_uri(version)?;
        let mut download = Command::new("/usr/lib/apt/apt-helper");
        install(self.project, download.args(["download-file", &uri]).arg(&archive).arg(DEBIAN_SOURCE))?;
        let destination = Path::new(DEBIAN_LIBRARY).parent().context("a path without a folder")?;
        fs::create_dir_all(destination)?;
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--xz", "--strip-components=1", "--wildcards", "--file"]).arg(&archive);
        install(self.project, unpack.arg("--directory").arg(destination).arg("rustc-*/library"))?;
        Ok(fs::remove_file(archive)?)
    }

    fn archive_uri(&self, version: &str) -> Result<String> {
        let source = format!("rustc-web={version}");
        let list = output_of(self.apt("apt-get").args(["source", "--print-uris", "--only-source", &source]));
        let list = list.with_context(|| format!("the source of {source} is not listed"))?;
        let uris = list.lines().filter_map(|line| line.strip_prefix('\'')?.split('\'').next());
        let archive = uris.into_iter().find(|uri| uri.ends_with(".orig.tar.xz"));
        Ok(archive.with_context(|| format!("{source} has no source archive"))?.to_owned())
    }

    /// An apt program that looks only at the lists in our folder.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("-oDir::Etc::sourcelist=/dev/null")
            .arg("-oDir::Cache::pkgcache=")
            .arg("-oDir::Cache::srcpkgcache=");
        command.arg(format!("-oDir::Etc::sourceparts={}", self.folder.join("sources").display()));
        command.arg(format!("-oDir::State::lists={}", self.folder.join("lists").display()));
        command
    }
}

/// A file of package sources, in either of apt's formats, turned from binary into source packages.
fn for_source_packages(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("deb ") {
        Some(rest) => format!("deb-src {rest}\n"),
        None if line.trim() == "Types: deb" => "Types: deb-src\n".to_owned(),
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_package_sources_are_turned_to_source_packages() {
        assert_eq!(
            for_source_packages("# note\ndeb http://mirror.example/debian bookworm main"),
            "# note\ndeb-src http://mirror.example/debian bookworm main\n"
        );
        assert_eq!(
            for_source_packages("Types: deb\nURIs: http://mirror.example/debian\n"),
            "Types: deb-src\nURIs: http://mirror.example/debian\n"
        );
    }
}
