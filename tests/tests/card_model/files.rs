//! The tree of files: creating, selecting and deleting them, and their life.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use crate::apdu::{Apdu, object};
use crate::domains::Application;
use crate::keys::HOST_KEY;
use crate::objects::Objects;
use crate::records::{Records, Structure};
use crate::rights::{Right, Rules};
use crate::world::{ALWAYS, Answer, NEVER, Outcome, World, done};

/// The number that the model gives to the root.
pub(crate) const MASTER_FILE: u32 = 0;

/// States of a file.
pub(crate) const CREATION: u8 = 0x01;
pub(crate) const INITIALISATION: u8 = 0x03;
pub(crate) const DEACTIVATED: u8 = 0x04;
const ACTIVATED: u8 = 0x05;
pub(crate) const TERMINATED: u8 = 0x0C;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) parent: u32,
    id: u16,
    name: Option<Vec<u8>>,
    pub(crate) state: u8,
    pub(crate) rules: Rules,
    pub(crate) content: Content,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Directory,
    Bytes(Vec<u8>),
    Records(Records),
    Objects(Objects),
}

#[derive(Clone, Debug)]
pub(crate) enum FileCommand {
    Create {
        id: u16,
        shape: Shape,
        name: Option<Vec<u8>>,
        state: u8,
        rules: Rules,
    },
    Delete {
        id: Option<u16>,
    },
    Select {
        p1: u8,
        id: u16,
    },
    SelectName {
        name: Vec<u8>,
    },
    /// SELECT of the root (P1 00) or of the parent (03).
    Climb {
        p1: u8,
    },
    Activate {
        id: Option<u16>,
    },
    Deactivate {
        id: Option<u16>,
    },
    TerminateFile {
        id: Option<u16>,
    },
    TerminateDirectory {
        id: Option<u16>,
    },
    /// GET DATA of the files in the current directory.
    List,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Directory,
    Bytes { size: u8 },
    Records { structure: Structure, length: u8, most: u8 },
    Objects { size: u8 },
}

/// The identifiers of directories, which have names.
const DIRECTORIES: [u16; 2] = [0xA001, 0xA002];

pub(crate) fn name_of(id: u16) -> Vec<u8> {
    [&[0xA0, 0x00, 0x00, 0x09], &id.to_be_bytes()[..]].concat()
}

/// An identifier; what an elementary file is its identifier mostly tells, so that commands meet files they fit.
pub(crate) fn any_id() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 1..=6_u16, 1 => select(DIRECTORIES.to_vec())]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let condition = || select(vec![ALWAYS, ALWAYS, 0x11, 0x12, HOST_KEY, 0x41, NEVER]);
    (condition(), condition(), condition(), condition()).prop_map(|(manage, append, update, read)| Rules {
        manage,
        append,
        update,
        read,
    })
}

fn shape_of(id: u16, size: u8, length: u8, most: u8) -> Shape {
    let records = |structure| Shape::Records { structure, length, most };
    match id {
        1 => Shape::Bytes { size },
        2 => records(Structure::Fixed),
        3 => records(Structure::Variable),
        4 => records(Structure::Cyclic),
        5 => Shape::Objects { size },
        6 => Shape::Bytes { size: size / 4 + 1 },
        _ => Shape::Directory,
    }
}

impl FileCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let target = || prop_oneof![2 => any_id().prop_map(Some), 1 => Just(None)];
        let directory = || select(DIRECTORIES.to_vec());
        let state = select(vec![ACTIVATED, ACTIVATED, ACTIVATED, CREATION, INITIALISATION]);
        let create = (any_id(), state, any_rules(), (1..150_u8, 1..20_u8, 1..6_u8), any::<bool>());
        prop_oneof![
            6 => create.prop_map(|(id, state, rules, (size, length, most), is_named)| {
                let shape = shape_of(id, size, length, most);
                let name = matches!(shape, Shape::Directory).then(|| name_of(id)).filter(|_| is_named);
                Self::Create { id, shape, name, state, rules }
            }),
            2 => target().prop_map(|id| Self::Delete { id }),
            9 => (select(vec![0x00, 0x00, 0x01, 0x02, 0x02, 0x02]), any_id())
                .prop_map(|(p1, id)| Self::Select { p1, id }),
            1 => directory().prop_map(|id| Self::SelectName { name: name_of(id) }),
            3 => select(vec![0x00, 0x03]).prop_map(|p1| Self::Climb { p1 }),
            3 => target().prop_map(|id| Self::Activate { id }),
            2 => target().prop_map(|id| Self::Deactivate { id }),
            1 => target().prop_map(|id| Self::TerminateFile { id }),
            1 => prop_oneof![target(), directory().prop_map(Some)].prop_map(|id| Self::TerminateDirectory { id }),
            2 => Just(Self::List),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let target = |instruction, id: &Option<u16>| {
            Apdu::new([0x00, instruction, 0x00, 0x00], id.map_or(Vec::new(), |id| id.to_be_bytes().to_vec()))
        };
        match self {
            Self::Create { id, shape, name, state, rules } => {
                let content = shape.content();
                let file = File {
                    parent: MASTER_FILE,
                    id: *id,
                    name: name.clone(),
                    state: *state,
                    rules: rules.clone(),
                    content,
                };
                Apdu::new([0x00, 0xE0, 0x00, 0x00], file.parameters())
            }
            Self::Delete { id } => target(0xE4, id),
            Self::Select { p1, id } => Apdu::new([0x00, 0xA4, *p1, 0x04], id.to_be_bytes()).expecting(0),
            Self::SelectName { name } => Apdu::new([0x00, 0xA4, 0x04, 0x04], name.clone()).expecting(0),
            Self::Climb { p1 } => Apdu::new([0x00, 0xA4, *p1, 0x04], []).expecting(0),
            Self::Activate { id } => target(0x44, id),
            Self::Deactivate { id } => target(0x04, id),
            Self::TerminateFile { id } => target(0xE8, id),
            Self::TerminateDirectory { id } => target(0xE6, id),
            Self::List => Apdu::new([0x80, 0xCA, 0xFF, 0x22], []).expecting(0),
        }
    }
}

impl Shape {
    fn content(&self) -> Content {
        match self {
            Self::Directory => Content::Directory,
            Self::Bytes { size } => Content::Bytes(vec![0; (*size).into()]),
            Self::Records { structure, length, most } => {
                Content::Records(Records::new(*structure, (*length).into(), (*most).into()))
            }
            Self::Objects { size } => Content::Objects(Objects::new((*size).into())),
        }
    }
}

pub(crate) fn master_file() -> File {
    File {
        parent: MASTER_FILE,
        id: 0x3F00,
        name: None,
        state: ACTIVATED,
        rules: Rules { manage: NEVER, append: NEVER, update: NEVER, read: NEVER },
        content: Content::Directory,
    }
}

impl File {
    pub(crate) fn is_directory(&self) -> bool {
        self.content == Content::Directory
    }

    /// The file control parameters.
    fn parameters(&self) -> Vec<u8> {
        let number = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
        let (size, descriptor) = match &self.content {
            Content::Directory => (None, vec![0x38]),
            Content::Bytes(bytes) => (Some(number(bytes.len())), vec![0x01]),
            Content::Objects(objects) => (Some(number(objects.size)), vec![0x39]),
            Content::Records(records) => {
                let [high, low] = number(records.length);
                (None, vec![records.structure as u8, 0x41, high, low, u8::try_from(records.most).unwrap()])
            }
        };
        // A new card's root has no rules at all.
        let is_root = self.id == 0x3F00;
        let rules = if is_root { object(&[0x8C], &[0x00]) } else { self.rules.bytes() };
        let parts = [
            size.map_or(Vec::new(), |size| object(&[0x80], &size)),
            object(&[0x82], &descriptor),
            object(&[0x83], &self.id.to_be_bytes()),
            self.name.as_ref().map_or(Vec::new(), |name| object(&[0x84], name)),
            object(&[0x8A], &[self.state]),
            rules,
        ];
        object(&[0x62], &parts.concat())
    }
}

impl World {
    pub(crate) fn manage_files(&mut self, channel: u8, command: &FileCommand) -> Outcome {
        match command {
            FileCommand::Create { id, shape, name, state, rules } => {
                let parent = self.channel(channel).directory;
                let content = shape.content();
                let right = if content == Content::Directory { Right::Append } else { Right::Update };
                self.must_be_in_use(parent)?;
                self.permit_existence(channel, parent, right)?;
                if self.child(parent, *id).is_some() {
                    return Err(0x6A89);
                }
                if name.is_some() && self.files.values().any(|file| file.name == *name) {
                    return Err(0x6A8A);
                }
                let number = self.files.keys().max().unwrap() + 1;
                let (name, rules) = (name.clone(), rules.clone());
                self.files.insert(number, File { parent, id: *id, name, state: *state, rules, content });
                self.enter(channel, number);
                done(&[])
            }
            FileCommand::Delete { id } => self.delete(channel, *id),
            FileCommand::Select { p1, id } => {
                let directory = self.channel(channel).directory;
                let found = match p1 {
                    0x00 => self.around(directory, *id),
                    0x01 => self.child(directory, *id).filter(|file| self.files[file].is_directory()),
                    _ => self.child(directory, *id).filter(|file| !self.files[file].is_directory()),
                };
                self.selected(channel, found)
            }
            FileCommand::SelectName { name } => {
                let found = self.files.iter().find(|(_, file)| file.name.as_ref() == Some(name));
                let found = found.map(|(number, _)| *number);
                self.selected(channel, found)
            }
            FileCommand::Climb { p1: 0x00 } => self.selected(channel, Some(MASTER_FILE)),
            FileCommand::Climb { .. } => {
                let parent = self.files[&self.channels[&channel].directory].parent;
                self.selected(channel, Some(parent))
            }
            FileCommand::Activate { id } => {
                let target = self.target(channel, *id)?;
                self.live(channel, target, ACTIVATED, &[CREATION, INITIALISATION, DEACTIVATED, ACTIVATED])
            }
            FileCommand::Deactivate { id } => {
                let target = self.target(channel, *id)?;
                self.live(channel, target, DEACTIVATED, &[ACTIVATED, DEACTIVATED])
            }
            FileCommand::TerminateFile { id } => {
                let target = self.target(channel, *id)?;
                if self.files[&target].is_directory() {
                    return Err(0x6981);
                }
                self.live(channel, target, TERMINATED, &[])
            }
            FileCommand::TerminateDirectory { id } => {
                let directory = self.channel(channel).directory;
                let target = if id.is_some() { self.target(channel, *id)? } else { directory };
                if !self.files[&target].is_directory() {
                    return Err(0x6981);
                }
                self.live(channel, target, TERMINATED, &[])
            }
            FileCommand::List => {
                let directory = self.channel(channel).directory;
                let files =
                    self.files.iter().filter(|(number, file)| **number != MASTER_FILE && file.parent == directory);
                let ids: BTreeSet<u16> = files.map(|(_, file)| file.id).collect();
                let ids: Vec<u8> = ids.into_iter().flat_map(u16::to_be_bytes).collect();
                done(&object(&[0xFF, 0x22], &ids))
            }
        }
    }

    /// Deletes a file that is permitted to be deleted, or whose directory permits it.
    fn delete(&mut self, channel: u8, id: Option<u16>) -> Outcome {
        let target = self.target(channel, id)?;
        let parent = self.files[&target].parent;
        if self.permit_existence(channel, target, Right::Manage).is_err() {
            self.permit_existence(channel, parent, Right::Read)?;
        }
        if target == MASTER_FILE || self.files.values().any(|file| file.parent == target) {
            return Err(0x6985);
        }
        self.files.remove(&target);
        for channel in self.channels.values_mut() {
            if channel.directory == target {
                channel.directory = parent;
            }
            if channel.file == Some(target) {
                channel.file = None;
                channel.record = 0;
            }
            if channel.application == Application::Directory(target) {
                channel.application = Application::Issuer;
            }
        }
        done(&[])
    }

    /// Takes a file to a state from one of others; from any, if none is named.
    fn live(&mut self, channel: u8, target: u32, to: u8, from: &[u8]) -> Outcome {
        self.permit_existence(channel, target, Right::Manage)?;
        let state = self.files[&target].state;
        if target == MASTER_FILE || !(from.is_empty() || from.contains(&state)) {
            return Err(0x6985);
        }
        self.files.get_mut(&target).unwrap().state = to;
        done(&[])
    }

    /// The file with the identifier in the current directory, or the current file or directory.
    fn target(&self, channel: u8, id: Option<u16>) -> Result<u32, u16> {
        let channel = &self.channels[&channel];
        match id {
            Some(id) => self.child(channel.directory, id).ok_or(0x6A82),
            None => Ok(channel.file.unwrap_or(channel.directory)),
        }
    }

    fn child(&self, directory: u32, id: u16) -> Option<u32> {
        let mut files = self.files.iter();
        let found =
            files.find(|(number, file)| **number != MASTER_FILE && file.parent == directory && file.id == id)?;
        Some(*found.0)
    }

    fn around(&self, directory: u32, id: u16) -> Option<u32> {
        let parent = self.files[&directory].parent;
        let has_it = |number: &u32| self.files[number].id == id;
        let near = || [directory, parent].into_iter().find(has_it);
        self.child(directory, id).or_else(near).or_else(|| self.child(parent, id))
    }

    fn selected(&mut self, channel: u8, found: Option<u32>) -> Outcome {
        let number = found.ok_or(0x6A82_u16)?;
        self.enter(channel, number);
        let file = &self.files[&number];
        let status = match file.state {
            DEACTIVATED => 0x6283,
            TERMINATED => 0x6285,
            _ => 0x9000,
        };
        let answer: Answer = (file.parameters(), status);
        Ok(answer)
    }

    /// Makes a file the current one, or the current directory.
    fn enter(&mut self, channel: u8, number: u32) {
        let file = self.files[&number].clone();
        let channel = self.channel(channel);
        channel.record = 0;
        if file.is_directory() {
            channel.directory = number;
            channel.file = None;
            if file.name.is_some() {
                channel.application = Application::Directory(number);
            }
        } else {
            channel.directory = file.parent;
            channel.file = Some(number);
        }
    }
}
