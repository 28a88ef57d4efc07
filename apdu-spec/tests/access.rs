//! Conditions and security attributes: the card's evaluator against a plain one, and every shape that is none.

#![expect(clippy::unwrap_used, reason = "a panic is a test's verdict")]

use apdu_spec::access::{Access, Condition, Operation, Quorum, Requirement, SecurityAttributes};
use apdu_spec::command::Header;
use apdu_spec::instruction::{KeyVersion, PinReference, SecurityLevel};
use apdu_spec::limits::{CONDITION_DEPTH_MAX, CONDITION_MAX, SECURITY_ATTRIBUTES_MAX};
use apdu_spec::{Full, KeyReference, Tag, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A condition as a person would draw it.
#[derive(Clone, Debug)]
enum Tree {
    Always,
    Never,
    Byte(u8),
    Pin(u8),
    Key(u8),
    /// A key set and whether commands are encrypted and responses are protected.
    Channel(u8, bool, bool),
    Present,
    Any(Vec<Tree>),
    All(Vec<Tree>),
    AtLeast(u8, Vec<Tree>),
}

/// What is so at the moment: PINs, keys, the secure channel with its level, the button.
#[derive(Clone, Debug)]
struct World {
    pins: Vec<u8>,
    keys: Vec<u8>,
    channel: Option<(u8, u8)>,
    present: bool,
}

impl Tree {
    fn holds(&self, world: &World) -> bool {
        let through =
            |version, level: u8| world.channel.is_some_and(|(open, now)| open == version && now & level == level);
        match self {
            Self::Always | Self::Byte(0x00) => true,
            Self::Never | Self::Byte(0xFF) => false,
            Self::Byte(byte) => {
                let number = byte & 0x0F;
                let mut bits = Vec::new();
                if byte & 0x10 != 0 {
                    bits.push(world.pins.contains(&number));
                }
                if byte & 0x20 != 0 {
                    bits.push(world.keys.contains(&(0x20 + number)));
                }
                if byte & 0x40 != 0 {
                    bits.push(through(number, 0x01));
                }
                if byte & 0x80 == 0 { bits.contains(&true) } else { !bits.contains(&false) }
            }
            Self::Pin(pin) => world.pins.contains(pin),
            Self::Key(key) => world.keys.contains(key),
            Self::Channel(version, false, false) => through(*version, 0x01),
            Self::Channel(version, false, true) => through(*version, 0x11),
            Self::Channel(version, true, false) => through(*version, 0x03),
            Self::Channel(version, true, true) => through(*version, 0x33),
            Self::Present => world.present,
            Self::Any(parts) => parts.iter().any(|part| part.holds(world)),
            Self::All(parts) => parts.iter().all(|part| part.holds(world)),
            Self::AtLeast(k, parts) => parts.iter().filter(|part| part.holds(world)).count() >= usize::from(*k),
        }
    }

    /// The bytes, made without the crate.
    fn bytes(&self) -> Vec<u8> {
        let object = |tag: u8, value: Vec<u8>| [vec![tag, u8::try_from(value.len()).unwrap()], value].concat();
        let joined = |parts: &[Self]| parts.iter().flat_map(Self::bytes).collect::<Vec<_>>();
        match self {
            Self::Always => vec![0x90, 0],
            Self::Never => vec![0x97, 0],
            Self::Byte(byte) => vec![0x9E, 1, *byte],
            Self::Pin(pin) => vec![0xA4, 6, 0x83, 1, *pin, 0x95, 1, 0x08],
            Self::Key(key) => vec![0xA4, 6, 0x83, 1, *key, 0x95, 1, 0x80],
            Self::Channel(version, encrypted, responses) => {
                let (tag, usage) = (if *encrypted { 0xB8 } else { 0xB4 }, if *responses { 0x30 } else { 0x10 });
                vec![tag, 6, 0x83, 1, *version, 0x95, 1, usage]
            }
            Self::Present => vec![0xC0, 0],
            Self::Any(parts) => object(0xA0, joined(parts)),
            Self::All(parts) => object(0xAF, joined(parts)),
            Self::AtLeast(k, parts) => object(0xE0, [vec![0x80, 1, *k], joined(parts)].concat()),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let all = |parts: &[Self], out: &mut Writer<'_>| parts.iter().try_for_each(|part| part.encode(out));
        match self {
            Self::Always | Self::Never | Self::Byte(_) => out.put(&self.bytes()),
            Self::Pin(pin) => Requirement::Pin(PinReference::parse(*pin).unwrap()).encode(out),
            Self::Key(key) => Requirement::Key(KeyReference::parse(*key).unwrap()).encode(out),
            Self::Channel(version, encrypted, responses) => {
                let level = match (encrypted, responses) {
                    (false, false) => SecurityLevel::C_MAC,
                    (false, true) => SecurityLevel::C_MAC_R_MAC,
                    (true, false) => SecurityLevel::C_ENC,
                    (true, true) => SecurityLevel::C_ENC_R_ENC,
                };
                Requirement::SecureChannel(KeyVersion::parse(*version).unwrap(), level).encode(out)
            }
            Self::Present => Requirement::UserPresent.encode(out),
            Self::Any(parts) => Quorum::Any.encode(out, |out| all(parts, out)),
            Self::All(parts) => Quorum::All.encode(out, |out| all(parts, out)),
            Self::AtLeast(k, parts) => Quorum::AtLeast(*k).encode(out, |out| all(parts, out)),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Any(parts) | Self::All(parts) | Self::AtLeast(_, parts) => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Always
            | Self::Never
            | Self::Byte(_)
            | Self::Pin(_)
            | Self::Key(_)
            | Self::Channel(..)
            | Self::Present => 0,
        }
    }
}

fn condition_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        Just(0x00_u8),
        Just(0xFF),
        (1..=7_u8, 1..=3_u8, any::<bool>()).prop_map(|(kinds, number, all)| kinds << 4 | number | u8::from(all) << 7),
    ]
}

fn leaf() -> impl Strategy<Value = Tree> {
    prop_oneof![
        Just(Tree::Always),
        Just(Tree::Never),
        Just(Tree::Present),
        condition_byte().prop_map(Tree::Byte),
        (1..=3_u8).prop_map(Tree::Pin),
        (0x21..=0x24_u8).prop_map(Tree::Key),
        (1..=2_u8, any::<bool>(), any::<bool>())
            .prop_map(|(version, encrypted, responses)| Tree::Channel(version, encrypted, responses)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(5, 12, 4, |inner| {
        let parts = vec(inner, 1..5);
        prop_oneof![
            parts.clone().prop_map(Tree::Any),
            parts.clone().prop_map(Tree::All),
            (parts, any::<Index>())
                .prop_map(|(parts, k)| { Tree::AtLeast(u8::try_from(1 + k.index(parts.len())).unwrap(), parts) }),
        ]
    })
}

fn world() -> impl Strategy<Value = World> {
    let channel = proptest::option::of((1..=2_u8, select(vec![0x01_u8, 0x03, 0x11, 0x13, 0x33])));
    (proptest::sample::subsequence(vec![1_u8, 2, 3], 0..=3), vec(0x21..=0x24_u8, 0..3), channel, any::<bool>())
        .prop_map(|(pins, keys, channel, present)| World { pins, keys, channel, present })
}

fn is_met(condition: Condition, world: &World) -> bool {
    condition.is_met(|requirement| match requirement {
        Requirement::Pin(pin) => world.pins.contains(&pin.number()),
        Requirement::Key(key) => world.keys.contains(&key.number()),
        Requirement::SecureChannel(version, level) => world
            .channel
            .is_some_and(|(open, now)| open == version.number() && SecurityLevel::parse(now).unwrap().includes(level)),
        Requirement::UserPresent => world.present,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Every tree is either too large or too deep and refused, or means what the plain evaluator says.
    #[test]
    fn a_condition_means_what_a_plain_evaluator_says(tree in tree(), worlds in vec(world(), 8)) {
        let bytes = tree.bytes();
        let fits = bytes.len() <= CONDITION_MAX && tree.depth() <= CONDITION_DEPTH_MAX;
        let parsed = Condition::parse(&bytes);
        prop_assert_eq!(parsed.is_ok(), fits, "{:02X?}", bytes);
        let mut space = [0; 1024];
        let mut out = Writer::new(&mut space);
        tree.encode(&mut out).unwrap();
        prop_assert_eq!(out.written(), &bytes[..]);
        if let Ok(condition) = parsed {
            prop_assert_eq!(condition.as_bytes(), &bytes[..]);
            for world in &worlds {
                prop_assert_eq!(is_met(condition, world), tree.holds(world), "{:?} in {:?}", tree, world);
            }
        }
    }

    #[test]
    fn a_condition_byte_means_what_a_plain_evaluator_says(byte in condition_byte(), world in world()) {
        let condition = Condition::from_byte(byte).unwrap();
        let bytes = [byte];
        prop_assert_eq!(Condition::parse(&bytes), Ok(condition));
        prop_assert_eq!(is_met(condition, &world), Tree::Byte(byte).holds(&world));
    }

    /// What is changed somewhere is refused or is another condition; nothing panics, and what is refused cannot be met.
    #[test]
    fn no_mutation_of_attributes_panics(
        trees in vec(tree(), 1..3), mode in 0..0x80_u8, instruction: u8, at: Index, difference in 1..=255_u8,
        cut: Index, world in world(),
    ) {
        let mut bytes = Vec::new();
        for tree in &trees {
            bytes.extend([0x80, 1, mode]);
            bytes.extend(tree.bytes());
        }
        bytes.extend([0x84, 1, instruction, 0x90, 0]);
        let at = at.index(bytes.len());
        bytes[at] ^= difference;
        let cut = cut.index(bytes.len());
        for attributes in [&bytes[..], &bytes[..cut]] {
            let whole = SecurityAttributes::parse_expanded(attributes);
            let compact = SecurityAttributes::parse(attributes);
            for attributes in whole.into_iter().chain(compact) {
                for operation in [Operation::Read, Operation::DeleteSelf, Operation::ChangeAttributes] {
                    let access = Access { operation, header: Header::iso(instruction, 0, 0) };
                    let met = attributes.conditions(access).filter(|condition| is_met(*condition, &world)).count();
                    prop_assert!(met <= SECURITY_ATTRIBUTES_MAX);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_a_panic(bytes in vec(any::<u8>(), 0..120), world in world()) {
        let _ = Condition::parse(&bytes).map(|condition| is_met(condition, &world));
        let _ = SecurityAttributes::parse_expanded(&bytes);
    }
}

/// Two of the three, and the levels of a secure channel.
#[test]
fn a_threshold_counts_and_a_level_includes_lower_ones() {
    let bytes = [0xE0, 12, 0x80, 1, 2, 0x9E, 1, 0x11, 0x9E, 1, 0x12, 0x9E, 1, 0x13];
    let condition = Condition::parse(&bytes).unwrap();
    for pins in [vec![], vec![1], vec![2, 3], vec![1, 2, 3]] {
        let enough = pins.len() >= 2;
        assert_eq!(is_met(condition, &World { pins, keys: vec![], channel: None, present: false }), enough);
    }
    let encrypted = Condition::parse(&[0xB8, 6, 0x83, 1, 1, 0x95, 1, 0x10]).unwrap();
    for (level, is_enough) in [(0x01, false), (0x11, false), (0x03, true), (0x13, true), (0x33, true)] {
        let world = World { pins: vec![], keys: vec![], channel: Some((1, level)), present: false };
        assert_eq!(is_met(encrypted, &world), is_enough, "{level:02X}");
    }
}

#[test]
fn every_malformed_condition_is_refused() {
    let nested = |depth: usize| (0..depth).fold(vec![0x90, 0], |inner, _| Tree::wrap(0xA0, &inner));
    assert!(Condition::parse(&nested(CONDITION_DEPTH_MAX)).is_ok());
    let too_deep = nested(CONDITION_DEPTH_MAX + 1);
    let wide = Tree::wrap(0xA0, &[0x90, 0].repeat((CONDITION_MAX - 2) / 2));
    assert!(wide.len() == CONDITION_MAX && Condition::parse(&wide).is_ok());
    let too_long = Tree::wrap(0xA0, &[0x90, 0].repeat(CONDITION_MAX / 2));
    let malformed: [&[u8]; 38] = [
        &[],
        &[0x10],
        &[0x1F],
        &[0x0F],
        &[0x80],
        &[0xF0],
        &[0x90],
        &[0x90, 1, 0],
        &[0x90, 0, 0x90, 0],
        &[0x97, 1, 0],
        &[0x9E, 0],
        &[0x9E, 1, 0x10],
        &[0x9E, 2, 0x11, 0x12],
        &[0x91, 0],
        &[0xC0, 1, 1],
        &[0xA0, 0],
        &[0xAF, 0],
        &[0xA0, 2, 0x90, 0, 0x90, 0],
        &[0xA0, 3, 0x90, 0],
        &[0xA0, 1, 0x90],
        &[0xA7, 2, 0x97, 0],
        &[0xB6, 6, 0x83, 1, 1, 0x95, 1, 0x10],
        &[0xE0, 0],
        &[0xE0, 3, 0x80, 1, 1],
        &[0xE0, 2, 0x90, 0],
        &[0xE0, 5, 0x80, 1, 0, 0x90, 0],
        &[0xE0, 5, 0x80, 1, 2, 0x90, 0],
        &[0xE0, 4, 0x80, 0, 0x90, 0],
        &[0xA4, 3, 0x83, 1, 1],
        &[0xA4, 6, 0x95, 1, 0x08, 0x83, 1, 1],
        &[0xA4, 6, 0x83, 1, 15, 0x95, 1, 0x08],
        &[0xA4, 6, 0x83, 1, 0x20, 0x95, 1, 0x80],
        &[0xA4, 6, 0x83, 1, 0x21, 0x95, 1, 0x08],
        &[0xA4, 6, 0x83, 1, 1, 0x95, 1, 0x80],
        &[0xB4, 6, 0x83, 1, 0, 0x95, 1, 0x10],
        &[0xB4, 6, 0x83, 1, 1, 0x95, 1, 0x20],
        &too_deep,
        &too_long,
    ];
    for bytes in malformed {
        assert!(Condition::parse(bytes).is_err(), "{bytes:02X?}");
    }
}

impl Tree {
    fn wrap(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }
}

/// ISO/IEC 7816-4, 5.4.3.1: the conditions follow in the order of the mode byte's bits, the highest first.
#[test]
fn compact_conditions_belong_to_the_bits_of_the_access_mode() {
    let attributes = SecurityAttributes::parse(&[0x43, 0xFF, 0x12, 0x00]).unwrap();
    let conditions =
        |operation| attributes.conditions(access(operation, 0xB0)).map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(conditions(Operation::DeleteSelf), [[0xFF]]);
    assert_eq!(conditions(Operation::Update), [[0x12]]);
    assert_eq!(conditions(Operation::Read), [[0x00]]);
    assert!(conditions(Operation::Append).is_empty());
    assert!(conditions(Operation::ChangeAttributes).is_empty());
    for malformed in [&[][..], &[0x80], &[0x03, 0x00], &[0x01, 0x00, 0x00], &[0x01, 0x0F], &[0x01, 0x1F]] {
        assert!(SecurityAttributes::parse(malformed).is_err(), "{malformed:02X?}");
    }
    assert!(SecurityAttributes::parse(&[0xFF, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
}

fn access(operation: Operation, instruction: u8) -> Access {
    Access { operation, header: Header::iso(instruction, 0x81, 0x02) }
}

/// Each rule in its own words: by the mode's bits, or by the parts of the header that the tag announces.
#[test]
fn expanded_rules_cover_operations_and_headers() {
    let covers = |mode: &[u8], operation, instruction| {
        let bytes = [mode, &[0x90, 0]].concat();
        let attributes = SecurityAttributes::parse_expanded(&bytes).unwrap();
        assert_eq!(attributes.tag(), Tag::EXPANDED_ATTRIBUTES);
        attributes.conditions(access(operation, instruction)).count()
    };
    assert_eq!(covers(&[0x80, 1, 0x03], Operation::Read, 0xB0), 1);
    assert_eq!(covers(&[0x80, 1, 0x03], Operation::Append, 0xE2), 0);
    assert_eq!(covers(&[0x80, 1, 0x7F], Operation::ChangeAttributes, 0xDB), 0);
    assert_eq!(covers(&[0x84, 2, 0xDA, 0xDB], Operation::ChangeAttributes, 0xDB), 1);
    assert_eq!(covers(&[0x84, 2, 0xDA, 0xDB], Operation::Read, 0xB0), 0);
    // CLA; INS P1 P2; P1; P2; CLA INS P1 P2, the second of two.
    assert_eq!(covers(&[0x88, 1, 0x00], Operation::Read, 0xB0), 1);
    assert_eq!(covers(&[0x88, 1, 0x80], Operation::Read, 0xB0), 0);
    assert_eq!(covers(&[0x87, 3, 0xB0, 0x81, 0x02], Operation::Read, 0xB0), 1);
    assert_eq!(covers(&[0x87, 3, 0xB0, 0x81, 0x03], Operation::Read, 0xB0), 0);
    assert_eq!(covers(&[0x82, 1, 0x81], Operation::Read, 0xB0), 1);
    assert_eq!(covers(&[0x81, 1, 0x81], Operation::Read, 0xB0), 0);
    assert_eq!(covers(&[0x8F, 8, 0, 0xB0, 0, 0, 0, 0xB0, 0x81, 0x02], Operation::Read, 0xB0), 1);
}

#[test]
fn every_malformed_rule_is_refused() {
    let too_long = [0x80, 1, 0x01, 0x90, 0].repeat(SECURITY_ATTRIBUTES_MAX / 5 + 1);
    let malformed: [&[u8]; 12] = [
        &[0x80, 1, 0x01],
        &[0x80, 0, 0x90, 0],
        &[0x80, 1, 0x81, 0x90, 0],
        &[0x80, 2, 1, 1, 0x90, 0],
        &[0x84, 0, 0x90, 0],
        &[0x86, 3, 1, 2, 3, 0x90, 0],
        &[0x90, 0],
        &[0x80, 1, 0x01, 0x90, 0, 0x90, 0],
        &[0x80, 1, 0x01, 0x80, 1, 0x02, 0x90, 0],
        &[0x9C, 1, 0x01, 0x90, 0],
        &[0x80, 1, 0x01, 0xA7, 2, 0x90, 0],
        &too_long,
    ];
    for bytes in malformed {
        assert!(SecurityAttributes::parse_expanded(bytes).is_err(), "{bytes:02X?}");
    }
    assert!(SecurityAttributes::parse_expanded(&[]).is_ok(), "no rule permits nothing");
}
