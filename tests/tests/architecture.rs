//! Who knows whom, what the card is made of, and under which licences: as ARCHITECTURE.md and deny.toml say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use symbolon_tests::architecture::{Room, rooms};
use symbolon_tests::{licence, workspace};

/// What the card runs on, as far as the choice of dependencies goes.
const CARD: &str = "thumbv7em-none-eabihf";

#[test]
fn every_room_is_a_package_and_every_package_a_room() -> Result<()> {
    let rooms: BTreeSet<String> = our_rooms()?.into_iter().map(|room| room.folder).collect();
    let packages: BTreeSet<String> = our_packages()?.into_keys().collect();
    assert_eq!(rooms, packages);
    Ok(())
}

#[test]
fn packages_depend_only_on_those_they_may_know() -> Result<()> {
    let packages = our_packages()?;
    let rooms = our_rooms()?;
    let names = room_names(&packages);
    for room in &rooms {
        let package = packages.get(&room.folder).with_context(|| format!("no package in {}", room.folder))?;
        for dependency in dependencies(package).filter(|dependency| dependency["kind"] != "dev") {
            if let Some(other) = dependency["name"].as_str().and_then(|name| names.get(name)) {
                assert!(room.may_depend_on(other), "{} depends on {other}", room.folder);
            }
        }
    }
    Ok(())
}

#[test]
fn what_only_a_binary_may_know_is_not_in_the_library() -> Result<()> {
    let rooms = our_rooms()?;
    let files = workspace::text_files()?;
    for room in rooms.iter().filter(|room| !room.binary_may_know.is_empty()) {
        let source = format!("{}/src/", room.folder);
        let library = files.iter().filter(|file| file.path.starts_with(&source) && !is_of_binary(&file.path, &source));
        for file in library {
            for name in &room.binary_may_know {
                assert!(!file.text.contains(&format!("{}::", name.replace('-', "_"))), "{} uses {name}", file.path);
            }
        }
    }
    Ok(())
}

#[test]
fn the_card_side_has_neither_the_standard_library_nor_the_heap() -> Result<()> {
    for room in our_rooms()?.iter().filter(|room| room.is_no_std()) {
        let library = workspace::read(&format!("{}/src/lib.rs", room.folder))?;
        assert!(library.contains("\n#![no_std]\n") || library.starts_with("#![no_std]\n"), "{}", room.folder);
        for (package, features) in card_graph(room.name())? {
            let given = ["std", "alloc"].into_iter().find(|feature| features.contains(*feature));
            assert_eq!(given, None, "{} gets {package} with this feature", room.name());
        }
    }
    Ok(())
}

#[test]
fn the_card_side_has_one_release_of_each_library() -> Result<()> {
    for room in our_rooms()?.iter().filter(|room| room.is_no_std()) {
        let mut releases = BTreeMap::<String, BTreeSet<String>>::new();
        for package in card_graph(room.name())?.into_keys() {
            let (name, version) = package.split_once(' ').with_context(|| format!("no version: {package}"))?;
            releases.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
        for (name, versions) in &releases {
            assert_eq!(versions.len(), 1, "{} gets {name} {versions:?}", room.name());
        }
        // The generation of RustCrypto that the card's compiler accepts.
        let digest = releases.get("digest").into_iter().flatten().all(|version| version.starts_with("v0.10."));
        assert!(digest, "{} has left digest 0.10", room.name());
    }
    Ok(())
}

#[test]
fn no_package_may_contain_unsafe_code() -> Result<()> {
    let workspace: toml::Table = workspace::read("Cargo.toml")?.parse()?;
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for folder in our_packages()?.keys() {
        let manifest: toml::Table = workspace::read(&format!("{folder}/Cargo.toml"))?.parse()?;
        let lints = manifest.get("lints").with_context(|| format!("{folder} has no lints"))?;
        let inherits = lints.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        let own = lints.get("rust").and_then(|rust| rust.get("unsafe_code")).and_then(toml::Value::as_str);
        assert!(inherits || own == Some("forbid"), "{folder} does not forbid unsafe code");
    }
    Ok(())
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() -> Result<()> {
    let deny: toml::Table = workspace::read("deny.toml")?.parse()?;
    let allowed = deny["licenses"]["allow"].as_array().context("deny.toml allows no licence")?;
    let allowed: Vec<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();
    for package in workspace::packages()? {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(licence::is_allowed(licence, &allowed), "{} is under {licence:?}", package["name"]);
    }
    Ok(())
}

fn our_rooms() -> Result<Vec<Room>> {
    rooms(&workspace::read("ARCHITECTURE.md")?)
}

/// The workspace's packages, by folder.
fn our_packages() -> Result<BTreeMap<String, Value>> {
    let mut packages = BTreeMap::new();
    for package in workspace::packages()?.into_iter().filter(|package| package["source"].is_null()) {
        let manifest = package.get("manifest_path").and_then(Value::as_str).context("a package without a manifest")?;
        let folder = Path::new(manifest).parent().context("a manifest without a folder")?;
        packages.insert(folder.strip_prefix(workspace::root())?.display().to_string(), package);
    }
    Ok(packages)
}

/// From a package's name to its room's: they differ where a folder has a name that would say too little elsewhere.
fn room_names(packages: &BTreeMap<String, Value>) -> BTreeMap<&str, &str> {
    let names =
        packages.iter().filter_map(|(folder, package)| Some((package["name"].as_str()?, folder.rsplit('/').next()?)));
    names.collect()
}

fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn is_of_binary(path: &str, source: &str) -> bool {
    let inside = path.strip_prefix(source).unwrap_or_default();
    inside == "main.rs" || inside.starts_with("bin/")
}

/// What a package is linked with on the card: each package as `name version`, with the features it gets there.
fn card_graph(package: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let edges = ["--edges", "normal,no-proc-macro", "--target", CARD];
    let form = ["--prefix", "none", "--no-dedupe", "--format", "{p}|{f}", "--package", package];
    let tree = workspace::cargo(&[&["tree", "--locked"], edges.as_slice(), form.as_slice()].concat())?;
    let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
    for line in tree.lines() {
        let (name, features) = line.split_once('|').with_context(|| format!("cargo tree says {line}"))?;
        let name = name.split(" (").next().unwrap_or(name);
        graph.entry(name.to_owned()).or_default().extend(features.split(',').map(str::to_owned));
    }
    Ok(graph)
}
