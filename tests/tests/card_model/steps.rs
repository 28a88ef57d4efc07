//! Random steps: single commands, and several that belong together, so that something comes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sim_reader::flash::Moment;

use crate::act::{Act, Command};
use crate::binary::BinaryCommand;
use crate::domains::{Domain, DomainCommand};
use crate::files::{FileCommand, Shape, any_id, name_of};
use crate::keys::{HOST_KEY, KeyCommand, Purpose, Role};
use crate::objects::ObjectCommand;
use crate::pins::{PinCommand, PinRules, VALUES};
use crate::providers::ProviderCommand;
use crate::records::{RecordCommand, Structure};
use crate::rights::Rules;
use crate::world::{ALWAYS, ChannelCommand, NEVER};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Do(Act),
    Reset,
    /// Power goes in one of the flash operations to come.
    Cut(u64, Moment, u64),
}

/// The length of the records of the files that a card begins with.
const RECORD: u8 = 8;

/// What every card begins with.
pub(crate) fn beginning() -> Vec<Step> {
    let file = |id, shape, rules| Command::File(FileCommand::Create { id, shape, name: None, state: 0x05, rules });
    let records = |structure| Shape::Records { structure, length: RECORD, most: 4 };
    let pin = |pin, rules| Command::Pin(PinCommand::Store { pin, tries: 3, value: VALUES[0], rules });
    let key = |key, purpose| Command::Key(KeyCommand::Store { key, purpose, condition: ALWAYS, uses: None });
    let rules = Rules { manage: 0x12, append: 0x11, update: 0x11, read: ALWAYS };
    let record = |first| Command::Record(RecordCommand::Append { data: vec![first; RECORD.into()] });
    let directory = FileCommand::Create {
        id: 0xA001,
        shape: Shape::Directory,
        name: Some(name_of(0xA001)),
        state: 5,
        rules: Rules::OPEN,
    };
    let commands = vec![
        pin(1, PinRules { code: Some(3), unblocking: HOST_KEY, choosing: NEVER }),
        pin(2, PinRules { code: None, unblocking: 0x11, choosing: ALWAYS }),
        pin(3, PinRules { code: None, unblocking: NEVER, choosing: NEVER }),
        key(0x21, Purpose::Signing),
        Command::Key(KeyCommand::Make { key: 0x21 }),
        key(0x22, Purpose::Checksums),
        key(0x23, Purpose::Proving),
        key(HOST_KEY, Purpose::Host),
        Command::Provider(ProviderCommand::Store { provider: 1, condition: 0x11, change: 0x12 }),
        Command::Domain(DomainCommand::put_key(0, 0x01)),
        Command::Domain(DomainCommand::put_key(0, 0x02)),
        Command::Domain(DomainCommand::SelectDomain { domain: Domain::Provider(1) }),
        Command::Domain(DomainCommand::put_key(0, 0x11)),
        Command::Domain(DomainCommand::put_key(0, 0x12)),
        Command::Domain(DomainCommand::SelectDomain { domain: Domain::Issuer }),
        Command::Provider(ProviderCommand::Store { provider: 2, condition: ALWAYS, change: ALWAYS }),
        file(1, Shape::Bytes { size: 60 }, rules.clone()),
        file(2, records(Structure::Fixed), rules.clone()),
        record(1),
        record(2),
        file(3, records(Structure::Variable), Rules { append: ALWAYS, ..rules.clone() }),
        file(4, records(Structure::Cyclic), rules.clone()),
        record(1),
        record(2),
        record(1),
        file(5, Shape::Objects { size: 80 }, Rules { update: ALWAYS, ..rules.clone() }),
        Command::File(directory),
        file(6, Shape::Bytes { size: 20 }, Rules { read: HOST_KEY, ..rules }),
        Command::File(FileCommand::Climb { p1: 0x00 }),
        Command::Domain(DomainCommand::SelectDomain { domain: Domain::Issuer }),
        Command::Channel(ChannelCommand::Open),
    ];
    commands.into_iter().map(|command| Step::Do(Act::plain(command))).collect()
}

/// Random steps, many or few.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(some_steps(), 1..100).prop_map(|steps| steps.concat())
}

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let moment = select(vec![Moment::Before, Moment::Torn, Moment::Unstable, Moment::After]);
    let cut = (0..8_u64, moment, any::<u64>()).prop_map(|(operation, moment, seed)| Step::Cut(operation, moment, seed));
    prop_oneof![
        40 => commands().prop_flat_map(|commands| {
            let channel = prop_oneof![8 => Just(0), 4 => Just(1), 1 => 2..4_u8];
            (channel, vec(prop::bool::weighted(0.95), commands.len())).prop_map(move |(channel, protected)| {
                let acts = commands.iter().cloned().zip(protected);
                acts.map(|(command, protected)| Step::Do(Act { channel, protected, command })).collect()
            })
        }),
        1 => Just(vec![Step::Reset]),
        4 => cut.prop_map(|cut| vec![cut]),
    ]
}

/// Commands for one logical channel.
fn commands() -> impl Strategy<Value = Vec<Command>> {
    let one = |command: BoxedStrategy<Command>| command.prop_map(|command| vec![command]);
    prop_oneof![
        2 => one(channel_command().boxed()),
        5 => one(FileCommand::any().prop_map(Command::File).boxed()),
        12 => in_a_file(),
        5 => one(PinCommand::any().prop_map(Command::Pin).boxed()),
        5 => one(KeyCommand::any().prop_map(Command::Key).boxed()),
        4 => with_a_key(),
        3 => one(ProviderCommand::any().prop_map(Command::Provider).boxed()),
        4 => with_a_provider(),
        3 => one(DomainCommand::any().prop_map(Command::Domain).boxed()),
        4 => in_a_domain(),
    ]
}

fn channel_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => Just(ChannelCommand::Open),
        3 => prop_oneof![3 => Just(1), 1 => 2..4_u8].prop_map(|number| ChannelCommand::OpenThis { number }),
        1 => (1..4_u8).prop_map(|number| ChannelCommand::Close { number }),
    ]
    .prop_map(Command::Channel)
}

/// Selects a file and does something in it, mostly what fits it.
fn in_a_file() -> impl Strategy<Value = Vec<Command>> {
    let records = |length: u8| RecordCommand::any().prop_map(move |command| command.fitting(length));
    let inside = move |id: u16| match id {
        1 | 6 => BinaryCommand::any().prop_map(Command::Binary).boxed(),
        3 => RecordCommand::any().prop_map(Command::Record).boxed(),
        2 | 4 => prop_oneof![4 => records(RECORD), 1 => records(5)].prop_map(Command::Record).boxed(),
        _ => ObjectCommand::any().prop_map(Command::Object).boxed(),
    };
    any_id().prop_flat_map(move |id| {
        let select = Command::File(FileCommand::Select { p1: 0x02, id });
        vec(inside(id), 1..7).prop_map(move |commands| [vec![select.clone()], commands].concat())
    })
}

/// Names a key and uses it, or lets a host authenticate.
fn with_a_key() -> impl Strategy<Value = Vec<Command>> {
    let is_right = || prop::bool::weighted(0.8);
    let authenticate = is_right().prop_map(|is_right| {
        vec![KeyCommand::Challenge, KeyCommand::Authenticate { key: Some(HOST_KEY), is_right, proof: [0; 16] }]
    });
    let sign = any::<[u8; 4]>()
        .prop_map(|message| vec![KeyCommand::Name { key: 0x21, role: Role::Signing }, KeyCommand::Sign { message }]);
    let checksum = (any::<[u8; 4]>(), is_right()).prop_map(|(data, is_right)| {
        let data = data.to_vec();
        vec![
            KeyCommand::Name { key: 0x22, role: Role::Computing },
            KeyCommand::Checksum { data: data.clone() },
            KeyCommand::Name { key: 0x22, role: Role::Verifying },
            KeyCommand::Verify { data, is_right },
        ]
    });
    prop_oneof![2 => authenticate, 1 => sign, 1 => checksum]
        .prop_map(|commands| commands.into_iter().map(Command::Key).collect())
}

/// Selects the transaction application and does something with records.
fn with_a_provider() -> impl Strategy<Value = Vec<Command>> {
    let select = Command::Domain(DomainCommand::SelectTransaction);
    vec(ProviderCommand::any().prop_map(Command::Provider), 1..4)
        .prop_map(move |commands| [vec![select.clone()], commands].concat())
}

/// Selects a security domain, mostly opens its secure channel, and does something that it is for.
fn in_a_domain() -> impl Strategy<Value = Vec<Command>> {
    let inside = prop_oneof![
        3 => DomainCommand::any().prop_map(Command::Domain),
        2 => ProviderCommand::any().prop_map(Command::Provider),
        1 => PinCommand::any().prop_map(Command::Pin),
        1 => KeyCommand::any().prop_map(Command::Key),
        2 => FileCommand::any().prop_map(Command::File),
    ];
    let open = (DomainCommand::any_begin(), DomainCommand::any_finish());
    (DomainCommand::any_domain(), prop::option::weighted(0.7, open), vec(inside, 1..6)).prop_map(
        |(select, open, commands)| {
            let open = open.into_iter().flat_map(|(begin, finish)| [begin, finish]);
            let begin = [select].into_iter().chain(open).map(Command::Domain);
            begin.chain(commands).collect()
        },
    )
}
