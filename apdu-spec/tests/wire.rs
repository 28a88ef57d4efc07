//! Every value survives the wire, and no bytes make a parser fail in any other way than by refusing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

use apdu_spec::access::{Condition, SecurityAttributes};
use apdu_spec::command::Command;
use apdu_spec::file::{Fcp, FileDescriptor, FileId, FileState, Records, ShortFileId};
use apdu_spec::instruction::{self as ins, Instruction, RecordRange, RecordSelector, Target};
use apdu_spec::journal::{JournalEntry, Step};
use apdu_spec::key::{Algorithm, KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::{APDU_MAX, DATA_MAX, RECORD_SIZE_MAX, RECORDS_MAX, TRANSPARENT_SIZE_MAX};
use apdu_spec::pin::{PinRecord, PinRules};
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference, ProviderUpdate};
use apdu_spec::{Aid, Full, KeyReference, LifeCycle, ParseError, Reader, Response, Tag, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn bytes_of(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut space = vec![0; APDU_MAX];
    let mut out = Writer::new(&mut space);
    write(&mut out).unwrap();
    out.written().to_vec()
}

/// The command comes back, and in less space than it takes it is refused.
fn assert_survives(instruction: Instruction<'_>) {
    let bytes = bytes_of(|out| instruction.encode(out));
    let command = Command::parse(&bytes).unwrap();
    assert!(Instruction::parse(&command) == Ok(instruction), "{bytes:02X?}");
    for length in 0..bytes.len() {
        let mut space = vec![0; length];
        assert_eq!(instruction.encode(&mut Writer::new(&mut space)), Err(Full));
        // A command cut short may still be a command, but never this one.
        assert_ne!(Command::parse(&bytes[..length]), Ok(command), "{bytes:02X?} cut to {length}");
    }
}

fn short_id() -> impl Strategy<Value = ShortFileId> {
    (1..=30_u8).prop_map(|number| ShortFileId::parse(number).unwrap())
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![Just(Target::Current), short_id().prop_map(Target::Short)]
}

/// Every target of a command with data objects that has a form of its own.
fn odd_target() -> impl Strategy<Value = Target> {
    prop_oneof![target(), (0x1F..=0xFFFF_u16).prop_map(|id| Target::Id(FileId(id)))]
}

fn record_range() -> impl Strategy<Value = RecordRange> {
    use ins::Position::{First, Last, Next, Previous};
    let selector = |number: u8| {
        let identified = [First, Last, Next, Previous].map(|position| RecordSelector::Identifier(number, position));
        select([&[RecordSelector::Number(number)][..], &identified].concat())
    };
    (0..=RECORDS_MAX).prop_flat_map(move |number| {
        prop_oneof![
            selector(number).prop_map(RecordRange::One),
            Just(RecordRange::ToLast(number)),
            Just(RecordRange::FromLast(number)),
        ]
    })
}

fn combination() -> impl Strategy<Value = ins::Combination> {
    select(vec![ins::Combination::Replace, ins::Combination::And, ins::Combination::Or, ins::Combination::Xor])
}

fn provider_reference() -> impl Strategy<Value = ProviderReference> {
    (1..=16_u8).prop_map(|number| ProviderReference::parse(number).unwrap())
}

fn pin_reference() -> impl Strategy<Value = ins::PinReference> {
    (1..=14_u8).prop_map(|number| ins::PinReference::parse(number).unwrap())
}

fn key_reference() -> impl Strategy<Value = KeyReference> {
    (0x21..=0x3E_u8).prop_map(|number| KeyReference::parse(number).unwrap())
}

fn purpose() -> impl Strategy<Value = Purpose> {
    let kind = select(vec![KeyKind::Pair, KeyKind::Public, KeyKind::Aes]);
    let (templates, usages) = (vec![0xA4, 0xAA, 0xB4, 0xB6, 0xB8], vec![0x80, 0x40, 0xC0]);
    (kind, select(templates), select(usages)).prop_filter_map("a purpose", |(kind, template, usage)| {
        Purpose::new(kind, Template::parse(template).unwrap(), Usage::parse(usage).unwrap()).ok()
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    any::<u8>().prop_filter_map("a condition", |byte| Condition::from_byte(byte).ok())
}

fn security() -> impl Strategy<Value = Vec<u8>> {
    (0..0x80_u8, vec(condition(), 7)).prop_map(|(mode, conditions)| {
        let conditions = conditions.iter().take(mode.count_ones() as usize);
        std::iter::once(mode).chain(conditions.flat_map(|condition| condition.as_bytes().to_vec())).collect()
    })
}

fn records() -> impl Strategy<Value = Records> {
    (1..=RECORD_SIZE_MAX, 1..=RECORDS_MAX).prop_map(|(size, count)| Records { size, count })
}

fn descriptor() -> impl Strategy<Value = FileDescriptor> {
    prop_oneof![
        Just(FileDescriptor::Directory),
        (1..=TRANSPARENT_SIZE_MAX).prop_map(|size| FileDescriptor::Transparent { size }),
        records().prop_map(FileDescriptor::LinearFixed),
        records().prop_map(FileDescriptor::LinearVariable),
        records().prop_map(FileDescriptor::Cyclic),
        (1..=TRANSPARENT_SIZE_MAX).prop_map(|size| FileDescriptor::DataObjects { size }),
    ]
}

fn file_state() -> impl Strategy<Value = FileState> {
    proptest::sample::select(vec![
        FileState::Creation,
        FileState::Initialization,
        FileState::Activated,
        FileState::Deactivated,
        FileState::Terminated,
    ])
}

fn policy() -> impl Strategy<Value = Policy> {
    (any::<u64>(), any::<u64>(), any::<u8>(), 1..=14_u8).prop_map(
        |(amount_max, amount_without_pin, times_without_pin, pin)| Policy {
            amount_max,
            amount_without_pin,
            times_without_pin,
            pin,
        },
    )
}

proptest! {
    #[test]
    fn file_commands_survive(
        file in target(), high in 0..0x80_u8, low: u8, length in 1..=65_536_usize, number in 0..=RECORDS_MAX,
        records in record_range(), combination in combination(), data in vec(any::<u8>(), 1..400), to_last: bool,
    ) {
        let offset = u16::from_be_bytes([if file == Target::Current { high } else { 0 }, low]);
        assert_survives(Instruction::ReadBinary(ins::ReadBinary { file, offset, length, odd: false }));
        assert_survives(Instruction::ReadRecord(ins::ReadRecord { file, records, part: None, length }));
        if let RecordRange::One(record) = records {
            assert_survives(Instruction::ReadRecord(ins::ReadRecord { file, records, part: Some(offset), length }));
            assert_survives(Instruction::UpdateRecord(ins::UpdateRecord { file, record, data: &data }));
            assert_survives(Instruction::WriteRecord(ins::WriteRecord { file, record, data: &data }));
        }
        let part = ins::UpdateRecordPart { file, number, combination, offset, data: &data };
        assert_survives(Instruction::UpdateRecordPart(part));
        assert_survives(Instruction::AppendRecord(ins::AppendRecord { file, data: &data }));
        assert_survives(Instruction::EraseRecord(ins::EraseRecord { file, number, to_last }));
    }

    #[test]
    fn commands_with_data_objects_survive(
        file in odd_target(), offset: u16, end in proptest::option::of(any::<u16>()), length in 1..=65_536_usize,
        data in vec(any::<u8>(), 1..400), tell: bool,
    ) {
        assert_survives(Instruction::ReadBinary(ins::ReadBinary { file, offset, length, odd: true }));
        assert_survives(Instruction::UpdateBinary(ins::UpdateBinary { file, offset, data: &data }));
        assert_survives(Instruction::WriteBinary(ins::WriteBinary { file, offset, data: &data }));
        assert_survives(Instruction::EraseBinary(ins::EraseBinary { file, offset, end }));
        let search = ins::SearchBinary { file, offset, string: &data, odd: true, tell };
        assert_survives(Instruction::SearchBinary(search));
        if file == Target::Current {
            let search = ins::SearchBinary { offset: offset & 0x7FFF, odd: false, ..search };
            assert_survives(Instruction::SearchBinary(search));
        }
    }

    #[test]
    fn searches_in_records_survive(
        file in target(), number in 0..=RECORDS_MAX, direction: prop::sample::Index, begin: u8, behind: bool,
        string in vec(any::<u8>(), 1..40), length in 0..=256_usize,
    ) {
        use ins::Position::{First, Last, Next, Previous};
        use ins::Direction::{Backward, BackwardFromPrevious, Forward, ForwardFromNext};
        let direction = *direction.get(&[Forward, Backward, ForwardFromNext, BackwardFromPrevious]);
        let begin = if behind { ins::Begin::Behind(begin) } else { ins::Begin::Offset(begin) };
        let mut searches = vec![ins::Search::Numbered { number, direction, begin }];
        searches.extend([First, Last, Next, Previous].map(|position| ins::Search::Identified(number, position)));
        for search in searches {
            let search = ins::SearchRecord { file, search, string: &string, length };
            assert_survives(Instruction::SearchRecord(search));
        }
    }

    #[test]
    fn commands_on_data_objects_survive(
        file in odd_target(), tags in vec(any_tag(), 1..6), value in vec(any::<u8>(), 0..300),
    ) {
        let tags: Vec<_> = tags.into_iter().filter(|tag| is_tag(*tag) && *tag != Tag::FCP.0).collect();
        let list: Vec<u8> =
            tags.iter().flat_map(|tag| tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0)).collect();
        let request = ins::DataRequest::Objects(ins::Tags::parse(&list).unwrap());
        assert_survives(Instruction::GetData(ins::GetData { file, request }));
        let objects = bytes_of(|out| tags.iter().try_for_each(|tag| out.field(Tag(*tag), &value)));
        if let Ok(objects) = ins::Objects::parse(&objects) {
            let file = ins::DataFile::File(file);
            let object = ins::DataObject::Objects(objects);
            assert_survives(Instruction::PutData(ins::PutData { file, object }));
        }
        for tag in tags.into_iter().filter(|tag| *tag <= 0xFFFF).map(Tag) {
            let request = ins::DataRequest::Value(tag);
            assert_survives(Instruction::GetData(ins::GetData { file: Target::Current, request }));
            let file = ins::DataFile::File(Target::Current);
            let object = ins::DataObject::Value(tag, &value);
            assert_survives(Instruction::PutData(ins::PutData { file, object }));
        }
    }

    #[test]
    fn commands_on_whole_files_survive(id: u16, path in vec(any::<[u8; 2]>(), 1..=8)) {
        let id = FileId(id);
        let path = path.concat();
        let ids = ins::FileIds::parse(&path).unwrap();
        let named = [
            ins::Selector::File(id),
            ins::Selector::ChildDirectory(id),
            ins::Selector::ElementaryFile(id),
            ins::Selector::Parent,
            ins::Selector::PathFromMasterFile(ids),
            ins::Selector::PathFromCurrent(ids),
        ];
        for file in named.map(Some).into_iter().chain([None]) {
            assert_survives(Instruction::DeleteFile(ins::DeleteFile { file }));
            assert_survives(Instruction::ActivateFile(ins::ActivateFile { file }));
            assert_survives(Instruction::DeactivateFile(ins::DeactivateFile { file }));
            assert_survives(Instruction::TerminateFile(ins::TerminateFile { file }));
            assert_survives(Instruction::TerminateDirectory(ins::TerminateDirectory { file }));
        }
    }

    #[test]
    fn control_parameters_survive(
        descriptor in descriptor(), id: u16, name in proptest::option::of(vec(any::<u8>(), 5..=16)),
        short_id in proptest::option::of(short_id()), state in file_state(), security in security(),
    ) {
        let name = name.as_deref().filter(|_| descriptor.is_directory()).map(|name| Aid::parse(name).unwrap());
        let parameters = Fcp {
            descriptor,
            id: FileId(id),
            name,
            short_id: short_id.filter(|_| !descriptor.is_directory()),
            state,
            security: SecurityAttributes::parse(&security).unwrap(),
        };
        let create = ins::CreateFile { parameters };
        match state {
            FileState::Creation | FileState::Initialization | FileState::Activated => {
                assert_survives(Instruction::CreateFile(create));
            }
            FileState::Deactivated | FileState::Terminated => {
                let bytes = bytes_of(|out| Instruction::CreateFile(create).encode(out));
                prop_assert!(Instruction::parse(&Command::parse(&bytes).unwrap()).is_err());
            }
        }
        for tag in [Tag::FCP, Tag::FCI] {
            let bytes = bytes_of(|out| parameters.encode(tag, out));
            let template = Reader::all(&bytes, |input| input.field(tag)).unwrap();
            prop_assert_eq!(Fcp::parse(template), Ok(parameters));
        }
    }

    #[test]
    fn selections_survive(id: u16, name in vec(any::<u8>(), 1..=16), path in vec(any::<[u8; 2]>(), 1..=8)) {
        let path = path.concat();
        let ids = ins::FileIds::parse(&path).unwrap();
        let selectors = [
            ins::Selector::MasterFile,
            ins::Selector::File(FileId(id)),
            ins::Selector::ChildDirectory(FileId(id)),
            ins::Selector::ElementaryFile(FileId(id)),
            ins::Selector::Parent,
            ins::Selector::Name(&name, ins::Occurrence::First),
            ins::Selector::Name(&name, ins::Occurrence::Last),
            ins::Selector::Name(&name, ins::Occurrence::Next),
            ins::Selector::Name(&name, ins::Occurrence::Previous),
            ins::Selector::PathFromMasterFile(ids),
            ins::Selector::PathFromCurrent(ids),
        ];
        for selector in selectors {
            for answer in [ins::SelectAnswer::Fci, ins::SelectAnswer::Fcp, ins::SelectAnswer::Nothing] {
                assert_survives(Instruction::Select(ins::Select { selector, answer }));
            }
        }
    }

    #[test]
    fn pins_survive(
        reference in pin_reference(), tries in 1..=15_u8, value in vec(any::<u8>(), 4..=16),
        both in vec(any::<u8>(), 8..=32), code in proptest::option::of(pin_reference()), unblocking in condition(),
        choosing in condition(),
    ) {
        for part in [ins::VerifyPart::Compare(&value), ins::VerifyPart::Ask, ins::VerifyPart::Forget] {
            assert_survives(Instruction::Verify(ins::Verify { reference, part }));
        }
        for part in [ins::ChangePart::OldAndNew(&both), ins::ChangePart::New(&value)] {
            assert_survives(Instruction::ChangeReferenceData(ins::ChangeReferenceData { reference, part }));
        }
        let parts = [
            ins::ResetPart::CodeAndNew(&both),
            ins::ResetPart::Code(&value),
            ins::ResetPart::New(&value),
            ins::ResetPart::Nothing,
        ];
        for part in parts {
            assert_survives(Instruction::ResetRetryCounter(ins::ResetRetryCounter { reference, part }));
        }
        let resetting_code = code.filter(|code| *code != reference);
        let rules = PinRules { resetting_code, unblocking, choosing };
        let record = PinRecord { reference, tries, value: &value, rules };
        assert_survives(Instruction::StoreData(ins::StoreData::Pin(record)));
    }

    #[test]
    fn keys_survive(
        reference in key_reference(), purpose in purpose(), condition in condition(), uses in 1..=u32::MAX,
        tries in 1..=15_u8, value in vec(any::<u8>(), 65), bits in 0..8_u8,
    ) {
        let value = match purpose.kind() {
            KeyKind::Pair => Some(&value[..32]).filter(|_| bits & 1 != 0),
            KeyKind::Public => Some(&value[..]),
            KeyKind::Aes => Some(&value[..16]),
        };
        let uses = Some(uses).filter(|_| bits & 2 != 0);
        let tries = Some(tries).filter(|_| purpose.authenticates_host());
        let attributes = KeyAttributes { purpose, condition, uses, tries };
        assert_survives(Instruction::StoreData(ins::StoreData::Key(KeyRecord { reference, attributes, value })));
        assert_survives(Instruction::StoreData(ins::StoreData::DeleteKey(reference)));

        let template = purpose.template();
        if purpose.kind() == KeyKind::Pair {
            let pair = ins::Pair::Key(template, reference);
            assert_survives(Instruction::GenerateKeyPair(ins::GenerateKeyPair { pair, generate: bits & 4 != 0 }));
        }
        let algorithm = Some(purpose.algorithm()).filter(|_| bits & 4 != 0);
        for usage in [Usage::Verify, Usage::Compute, Usage::Both] {
            let reference = ins::ControlReference { template, usage, key: Some(reference), algorithm };
            assert_survives(Instruction::ManageSecurityEnvironment(ins::ManageSecurityEnvironment::Set(reference)));
        }
    }

    #[test]
    fn security_operations_survive(
        hash: [u8; 32], signature in vec(any::<u8>(), 64), data in vec(any::<u8>(), 0..300), blocks: u32, tell: bool,
    ) {
        use ins::PerformSecurityOperation as Operation;
        let signature = signature[..].try_into().unwrap();
        let begun = ins::HashBegun { state: &hash, bits: u64::from(blocks) * 512 };
        let (nonce, tag) = (hash[..12].try_into().unwrap(), hash[16..].try_into().unwrap());
        for operation in [
            Operation::ComputeSignature(Some(&hash)),
            Operation::ComputeSignature(None),
            Operation::VerifySignature { hash: Some(&hash), signature },
            Operation::VerifySignature { hash: None, signature },
            Operation::Hash { input: ins::HashInput { begun: None, data: &data }, tell },
            Operation::Hash { input: ins::HashInput { begun: Some(begun), data: &data }, tell },
            Operation::Encipher(&data),
            Operation::Decipher(ins::Cryptogram { nonce, ciphertext: &data, tag }),
            Operation::Agree(&[4; 65]),
            Operation::ComputeChecksum(&data),
            Operation::VerifyChecksum { data: &data, checksum: tag },
        ] {
            assert_survives(Instruction::PerformSecurityOperation(operation));
        }
    }

    #[test]
    fn authentications_survive(
        key in proptest::option::of(key_reference()), challenge in vec(any::<u8>(), 8..=64), proof: [u8; 16],
        host: [u8; 16],
    ) {
        assert_survives(Instruction::InternalAuthenticate(ins::InternalAuthenticate { key, challenge: &challenge }));
        for challenge in [None, Some(&host)] {
            assert_survives(Instruction::Authenticate(ins::Authenticate { key, challenge, proof: &proof }));
        }
        let proof = &[7; 64];
        assert_survives(Instruction::Authenticate(ins::Authenticate { key, challenge: None, proof }));
    }

    #[test]
    fn provider_records_survive(
        reference in provider_reference(), provider: [u8; 16], name in "[a-zA-Zäß€ ]{1,20}", instrument in 1..=7_u8,
        condition in condition(), account in vec(any::<u8>(), 1..=64), account_secret: [u8; 16],
        point in vec(any::<u8>(), 64), policy in proptest::option::of(policy()),
        condition_change in proptest::option::of(condition()),
    ) {
        let mut root_key = [4; 65];
        root_key[1..].copy_from_slice(&point);
        let instrument = Instrument::parse(instrument).unwrap();
        let info = ProviderInfo { reference, provider: &provider, name: &name, instrument, condition };
        let record =
            ProviderRecord {
                info,
                account: &account,
                account_secret: &account_secret,
                root_key: &root_key,
                policy,
                condition_change,
            };
        assert_survives(Instruction::StoreData(ins::StoreData::Provider(record)));
        assert_survives(Instruction::ChangeCondition(ins::ChangeCondition { provider: reference, condition }));

        let update = ProviderUpdate {
            root: policy.map(|_| (&provider, &root_key)),
            name: Some(name.as_str()),
            account: policy.map(|_| &account[..]),
            account_secret: Some(&account_secret),
            policy,
        };
        assert_survives(Instruction::StoreData(ins::StoreData::Update(update)));
        let bytes = bytes_of(|out| record.encode(out));
        prop_assert!(Reader::all(&bytes, ProviderRecord::parse) == Ok(record));
        for length in 0..bytes.len() {
            prop_assert!(Reader::all(&bytes[..length], ProviderRecord::parse) != Ok(record));
        }
    }

    #[test]
    fn transaction_commands_survive(
        provider in provider_reference(), kind: u8, data in vec(any::<u8>(), 1..=DATA_MAX), last: bool,
    ) {
        let descriptor = &data[..data.len().min(512)];
        assert_survives(Instruction::ChooseProvider(ins::ChooseProvider { provider }));
        assert_survives(Instruction::LoadDescriptor(ins::LoadDescriptor { descriptor }));
        assert_survives(Instruction::GetJournal(ins::GetJournal { count: provider.number() }));
        for instruction in [
            Instruction::Build(ins::Build { kind, input: &data }),
            Instruction::Sign(ins::Sign { last, count: provider.number(), children: &data }),
            Instruction::Receive(ins::Receive { kind, message: &data }),
        ] {
            let bytes = bytes_of(|out| instruction.encode(out));
            prop_assert!(Instruction::parse(&Command::parse(&bytes).unwrap()) == Ok(instruction));
        }
        for generate in [false, true] {
            let pair = ins::Pair::Provider(provider);
            assert_survives(Instruction::GenerateKeyPair(ins::GenerateKeyPair { pair, generate }));
        }
    }

    #[test]
    fn journal_entries_survive(
        sequence: u32, provider in provider_reference(), transaction: [u8; 16], kind: u8, role: u8, amount: u64,
        currency: [u8; 3], step in 1..=7_u8,
    ) {
        let step = Step::parse(step).unwrap();
        let entry = JournalEntry { sequence, provider, transaction, kind, role, amount, currency, step };
        let bytes = bytes_of(|out| entry.encode(out));
        prop_assert_eq!(bytes.len(), JournalEntry::LENGTH);
        prop_assert_eq!(JournalEntry::parse(&bytes), Ok(entry));
        for length in 0..bytes.len() {
            prop_assert_eq!(JournalEntry::parse(&bytes[..length]), Err(ParseError::Truncated));
        }
        prop_assert_eq!(JournalEntry::parse(&[&bytes[..], &[0]].concat()), Err(ParseError::TrailingData));
    }

    /// What is parsed from any bytes can be said again, and means the same.
    #[test]
    fn any_bytes_are_refused_or_understood(bytes in vec(any::<u8>(), 0..300), header in any_header()) {
        for bytes in [bytes.clone(), [&header[..], &bytes].concat()] {
            let _ = Response::parse(&bytes);
            let _ = Fcp::parse(&bytes);
            let _ = Reader::all(&bytes, ProviderRecord::parse);
            let _ = Reader::all(&bytes, ProviderUpdate::parse);
            let _ = Reader::all(&bytes, ins::RegistryEntry::parse);
            let _ = Reader::all(&bytes, PinRecord::parse);
            let _ = JournalEntry::parse(&bytes);
            let _ = ins::GenerateKeyPair::parse_answer(&bytes);
            let _ = ins::GetStatus::parse_answer(&bytes);
            if let Ok(command) = Command::parse(&bytes) {
                let again = bytes_of(|out| command.encode(out));
                prop_assert_eq!(Command::parse(&again), Ok(command));
                if let Ok(instruction) = Instruction::parse(&command) {
                    let again = bytes_of(|out| instruction.encode(out));
                    prop_assert!(Instruction::parse(&Command::parse(&again).unwrap()) == Ok(instruction));
                }
            }
        }
    }

    #[test]
    fn any_data_objects_survive(tags in vec((any_tag(), vec(any::<u8>(), 0..300)), 0..8)) {
        let objects: Vec<_> = tags
            .iter()
            .filter(|(tag, _)| is_tag(*tag))
            .collect();
        let bytes = bytes_of(|out| objects.iter().try_for_each(|(tag, value)| out.field(Tag(*tag), value)));
        let mut input = Reader::new(&bytes);
        for (tag, value) in objects {
            prop_assert_eq!(input.object(), Ok((Tag(*tag), &value[..])));
        }
        prop_assert_eq!(input.finish(), Ok(()));
    }
}

fn is_tag(tag: u32) -> bool {
    match tag.to_be_bytes() {
        [0, 0, 0, single] => single & 0x1F != 0x1F,
        [0, 0, first, second] => first & 0x1F == 0x1F && (0x1F..0x80).contains(&second),
        [_, first, second, third] => first & 0x1F == 0x1F && second > 0x80 && third < 0x80,
    }
}

fn any_tag() -> impl Strategy<Value = u32> {
    prop_oneof![
        1..=0xFF_u32,
        (0..=7_u32, 0x1F..=0x7F_u32).prop_map(|(class, second)| class << 13 | 0x1F00 | second),
        (0..=7_u32, any::<u16>()).prop_map(|(class, rest)| class << 21 | 0x1F_0000 | u32::from(rest)),
    ]
}

/// Headers that exist, so that bodies are looked at.
fn any_header() -> impl Strategy<Value = [u8; 4]> {
    let known = prop_oneof![
        (
            Just(0x00_u8),
            proptest::sample::select(vec![
                0x20_u8, 0x22, 0x24, 0x2A, 0x47, 0x70, 0x82, 0x84, 0x88, 0xA4, 0xB0, 0xB2, 0xC0, 0xD6, 0xDC, 0xE0,
                0xE2, 0xE4, 0x04, 0x0C, 0x0E, 0x0F, 0x44, 0xA0, 0xA1, 0xA2, 0xB1, 0xB3, 0xCA, 0xCB, 0xD0, 0xD1, 0xD2,
                0xD7, 0xDA, 0xDB, 0xDD, 0xE6, 0xE8, 0xFE,
            ])
        ),
        (
            Just(0x80),
            proptest::sample::select(vec![
                0x10, 0x12, 0x14, 0x16, 0x18, 0x1A, 0x1C, 0x50, 0xCA, 0xD8, 0xE2, 0xE4, 0xF0, 0xF2
            ])
        ),
    ];
    let parameter = || prop_oneof![Just(0_u8), Just(4), Just(0x80), Just(0x90), any::<u8>()];
    (known, parameter(), parameter()).prop_map(|((class, instruction), p1, p2)| [class, instruction, p1, p2])
}

/// The longest value is the one with which the data object is no longer than asked for.
#[test]
fn values_are_as_long_as_they_may_be() {
    for total in 0..1000 {
        let fits = |length: usize| bytes_of(|out| out.field(Tag::DISCRETIONARY, &vec![0; length])).len() <= total;
        let longest = (0..=total).rev().find(|length| fits(*length)).unwrap_or(0);
        assert_eq!(apdu_spec::tlv::value_max(total), longest, "{total}");
    }
}

#[test]
fn commands_without_choice_survive() {
    assert_survives(Instruction::GetStatus(ins::GetStatus::CARD));
    for subset in
        [ins::Subset::Issuer, ins::Subset::Applications, ins::Subset::LoadFiles, ins::Subset::LoadFilesAndModules]
    {
        let status = ins::GetStatus { subset, name: b"\xA0\x00", tags: Some(&[0x4F, 0x9F, 0x70]) };
        assert_survives(Instruction::GetStatus(status));
    }
    for object in [0x0042, 0x0045, 0x0066, 0x00C1, 0x00E0, 0x2F00, 0xFF21, 0xFF22, 0x1234].map(ins::CardObject) {
        assert_survives(Instruction::GetCardData(ins::GetCardData { object }));
    }
    for lock in [true, false] {
        let name = Aid::provider_security_domain(ProviderReference::parse(1).unwrap());
        assert_survives(Instruction::SetStatus(ins::SetStatus::Domain { name, lock }));
    }
    for number in [&[1][..], &[2; 16]] {
        assert_survives(Instruction::StoreData(ins::StoreData::IssuerNumber(number)));
        assert_survives(Instruction::StoreData(ins::StoreData::CardNumber(number)));
    }
    for (is_last, number, is_encrypted, is_dgi) in
        [(true, 1, false, false), (false, 0, false, true), (true, 0, true, false), (false, 255, true, true)]
    {
        let form = ins::StoreForm { is_encrypted, is_dgi };
        let block = ins::StoreBlock { is_last, number, form, data: &[0xA1] };
        assert_survives(Instruction::StoreData(ins::StoreData::Block(block)));
    }

    for length in [8, 16] {
        let bytes = [7; 16];
        let host_challenge = &bytes[..length];
        for version in [None, ins::KeyVersion::parse(127).ok()] {
            assert_survives(Instruction::InitializeUpdate(ins::InitializeUpdate { version, host_challenge }));
        }
        for level in [0x01, 0x03, 0x11, 0x13, 0x33] {
            let level = ins::SecurityLevel::parse(level).unwrap();
            let (cryptogram, mac) = (host_challenge, host_challenge);
            assert_survives(Instruction::ExternalAuthenticate(ins::ExternalAuthenticate { level, cryptogram, mac }));
        }
    }
    let version = ins::KeyVersion::parse(1).unwrap();
    let keys = [ins::KeyBlock { value: &[1; 16], check: &[2; 3] }; 3];
    for replaced in [None, Some(version)] {
        assert_survives(Instruction::PutKey(ins::PutKey { replaced, version, keys }));
    }
    let domain = Aid::provider_security_domain(ProviderReference::parse(16).unwrap());
    for delete in [ins::Delete::KeySet(version), ins::Delete::Domain(domain)] {
        assert_survives(Instruction::Delete(delete));
    }
    assert_survives(Instruction::ListProviders(ins::ListProviders));
    assert_survives(Instruction::ManageSecurityEnvironment(ins::ManageSecurityEnvironment::Restore));
    let hash = ins::ControlReference {
        template: Template::Hash,
        usage: Usage::Compute,
        key: None,
        algorithm: Some(Algorithm::Sha256),
    };
    assert_survives(Instruction::ManageSecurityEnvironment(ins::ManageSecurityEnvironment::Set(hash)));
    assert_survives(Instruction::TerminateCardUsage(ins::TerminateCardUsage));
    for length in [1, 255, 256] {
        assert_survives(Instruction::GetChallenge(ins::GetChallenge { length }));
        assert_survives(Instruction::GetResponse(ins::GetResponse { length }));
    }
    for state in
        [LifeCycle::OpReady, LifeCycle::Initialized, LifeCycle::Secured, LifeCycle::CardLocked, LifeCycle::Terminated]
    {
        assert_survives(Instruction::SetStatus(ins::SetStatus::Card(state)));
    }
    for command in [ins::ManageChannel::OpenAny, ins::ManageChannel::Open(3), ins::ManageChannel::Close(1)] {
        assert_survives(Instruction::ManageChannel(command));
    }
}

#[test]
fn the_seven_cases_have_the_standards_bytes() {
    let long = [0xAB; 256];
    let cases: [(&[u8], &[u8], usize); 7] = [
        (&[0, 0xA4, 4, 0], &[], 0),
        (&[0, 0xA4, 4, 0, 0x10], &[], 0x10),
        (&[0, 0xA4, 4, 0, 1, 0xAB], &[0xAB], 0),
        (&[0, 0xA4, 4, 0, 1, 0xAB, 0], &[0xAB], 256),
        (&[0, 0xA4, 4, 0, 0, 1, 1], &[], 257),
        (&[&[0, 0xA4, 4, 0, 0, 1, 0][..], &long].concat(), &long, 0),
        (&[&[0, 0xA4, 4, 0, 0, 1, 0][..], &long, &[0, 0]].concat(), &long, 65_536),
    ];
    for (bytes, data, expected) in cases {
        let command = Command::parse(bytes).unwrap();
        assert_eq!((command.data, command.expected), (data, expected));
        assert_eq!(bytes_of(|out| command.encode(out)), bytes);
    }
}

#[test]
fn spare_space_is_lent_behind_what_is_written() {
    let mut space = [0; 8];
    let mut out = Writer::new(&mut space);
    out.put(&[1, 2]).unwrap();
    let both = out.with_spare(5, |out, spare| {
        spare.fill(9);
        (out.put(&[3]), out.put(&[4]))
    });
    assert_eq!(both, Ok((Ok(()), Err(Full))), "the spare bytes are not the writer's");
    assert_eq!(out.written(), [1, 2, 3]);
    assert_eq!(out.put(&[5; 5]), Ok(()), "and are again");
    assert_eq!(out.with_spare(1, |_, _| ()), Err(Full));
}

#[test]
fn a_list_of_files_is_told_in_ascending_order_and_read_in_no_other() {
    let ids = [0x5F00, 0x0001, 0xA100, 0x2F00].map(apdu_spec::FileId);
    let list = bytes_of(|out| {
        ids.iter().try_for_each(|id| ins::FileList::insert(*id, out))?;
        ins::FileList::enclose(out)
    });
    assert_eq!(list, [0xFF, 0x22, 8, 0x00, 0x01, 0x2F, 0x00, 0x5F, 0x00, 0xA1, 0x00]);
    let read = ins::FileList::parse(&list).unwrap();
    assert!(read.iter().eq([0x0001, 0x2F00, 0x5F00, 0xA100].map(apdu_spec::FileId)));
    for other in [&[0xFF, 0x22, 1, 0][..], &[0xFF, 0x22, 4, 0, 1, 0, 1], &[0xFF, 0x21, 0], &[0xFF, 0x22, 0, 0]] {
        assert!(ins::FileList::parse(other).is_err(), "{other:02X?}");
    }
}
