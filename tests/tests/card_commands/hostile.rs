//! Whatever bytes come, the card answers with a response, keeps its secrets and its state, and still works.

use apdu_spec::limits::APDU_MAX;
use card_os::store::{ObjectId, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sim_reader::flash::RamFlash;

use crate::{card_on, commands, empty_flash, play};

/// What the personalised card must never say: PINs, account information, account secrets.
const SECRETS: [&[u8]; 6] = [
    b"123456",
    b"87654321",
    b"ACC0012345",
    b"IDC0012345",
    &[0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xEB, 0xEC, 0xED, 0xEE, 0xEF],
    &[0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F],
];

fn personalised() -> RamFlash {
    let mut card = card_on(empty_flash());
    play(&mut card, &commands("personalised.apdu"));
    card.flash().clone()
}

/// Headers that exist, with any parameters and any data.
fn near_command() -> impl Strategy<Value = Vec<u8>> {
    let instructions = vec![
        0x04_u8, 0x0C, 0x0E, 0x0F, 0x44, 0xA0, 0xA1, 0xA2, 0xB1, 0xB3, 0xCA, 0xCB, 0xD0, 0xD1, 0xD2, 0xD7, 0xDA, 0xDB,
        0xDD, 0xE6, 0xE8, 0xFE, 0x10, 0x12, 0x14, 0x16, 0x18, 0x1A, 0x1C, 0x1E, 0x20, 0x22, 0x24, 0x2A, 0x47, 0x50,
        0x70, 0x82, 0x84, 0x88, 0xA4, 0xB0, 0xB2, 0xC0, 0xD6, 0xD8, 0xDC, 0xE0, 0xE2, 0xE4, 0xF0, 0xF2, 0x2C,
    ];
    let class = select(vec![0x00_u8, 0x80, 0x10, 0x90, 0x01, 0x81, 0x0C, 0x84, 0xFF]);
    let parameter = || prop_oneof![4 => 0..0x20_u8, 1 => any::<u8>()];
    let data = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 200..2200)];
    let expected = select(vec![&[][..], &[0], &[4], &[0, 0]]);
    (class, select(instructions), parameter(), parameter(), data, expected).prop_map(
        |(class, instruction, p1, p2, data, expected)| {
            let mut bytes = vec![class, instruction, p1, p2];
            match u8::try_from(data.len()) {
                Ok(0) => {}
                Ok(length) => bytes.push(length),
                Err(_) => {
                    bytes.push(0);
                    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                }
            }
            bytes.extend(data);
            bytes.extend(expected);
            bytes
        },
    )
}

/// Commands that somebody meant, from the transcripts, some with a byte changed.
fn meant_command() -> impl Strategy<Value = Vec<u8>> {
    let meant: Vec<_> = [
        "files.apdu",
        "providers.apdu",
        "condition_change.apdu",
        "pin.apdu",
        "pin_reset.apdu",
        "access.apdu",
        "link.apdu",
        "delete.apdu",
        "keys.apdu",
        "security.apdu",
    ]
    .into_iter()
    .flat_map(|name| commands(name).into_iter().flatten())
    .collect();
    (select(meant), any::<Index>(), prop_oneof![3 => Just(0), 1 => any::<u8>()]).prop_map(
        |(mut command, at, difference)| {
            let at = at.index(command.len());
            command[at] ^= difference;
            command
        },
    )
}

fn any_command() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => near_command(), 4 => meant_command(), 1 => vec(any::<u8>(), 0..300)]
}

fn assert_well_formed(response: &[u8], secrets: &[&[u8]]) {
    assert!((2..=APDU_MAX).contains(&response.len()));
    assert!(matches!(response[response.len() - 2], 0x61..=0x6F | 0x90), "{response:02X?}");
    for secret in secrets {
        assert!(!response.windows(secret.len()).any(|window| window == *secret), "a secret came out: {response:02X?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// After SECURED: also the life cycle state and the provider records stay.
    #[test]
    fn a_secured_card_survives_any_commands(commands in vec(any_command(), 1..60)) {
        let mut card = card_on(FLASH.with(RamFlash::clone));
        for command in &commands {
            assert_well_formed(&card.transmit(command).unwrap(), &SECRETS);
        }
        card.power_on().unwrap();
        let status = card.transmit(&[0x80, 0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00]).unwrap();
        prop_assert_eq!((status[15], &status[status.len() - 2..]), (0x0F, &[0x90, 0x00][..]));
        card.transmit(b"\x00\xA4\x04\x0C\x0A\xF0SYMBOLON\x01").unwrap();
        let providers = card.transmit(&[0x80, 0x1C, 0x00, 0x00, 0x00]).unwrap();
        prop_assert_eq!(providers.len(), 40 + 37 + 2);
    }

    /// Before SECURED nearly everything may be changed; the card goes on working all the same.
    #[test]
    fn an_empty_card_survives_any_commands(commands in vec(any_command(), 1..60)) {
        let mut card = card_on(EMPTY.with(RamFlash::clone));
        for command in &commands {
            assert_well_formed(&card.transmit(command).unwrap(), &[]);
        }
        card.power_on().unwrap();
        prop_assert_eq!(card.transmit(&[0x00, 0xA4, 0x00, 0x0C]).unwrap(), [0x90, 0x00]);
    }
}

/// A flash that no card wrote: a named directory that is its own parent, and a file in it.
#[test]
fn directories_that_lie_in_each_other_are_refused() {
    const DIRECTORY: ObjectId = ObjectId(0x0200_0001);
    let mut card = card_on(empty_flash());
    let creation = ["00E0000010 620E 820138 8302A100 8405A000000009", "00E000000D 620B 80020010 820101 83020001"];
    let select = ["00A4040C05 A000000009", "00A4020C02 0001"];
    let plain = |command: &str| hex::decode(command.replace(' ', "")).unwrap();
    for command in creation.map(plain) {
        assert_eq!(card.transmit(&command).unwrap(), [0x90, 0x00]);
    }
    card.power_off();
    let mut store: Store<RamFlash> = Store::mount(card.flash().clone()).unwrap();
    store.patch(DIRECTORY, 0, &[0, 1]).unwrap();
    store.commit().unwrap();
    let mut card = card_on(store.into_flash());
    for command in select.map(plain) {
        assert_eq!(card.transmit(&command).unwrap(), [0x90, 0x00]);
    }
    assert_eq!(card.transmit(&[0x00, 0xB0, 0x00, 0x00, 0x01]).unwrap(), [0x6F, 0x00]);
}

thread_local! {
    static FLASH: RamFlash = personalised();
    static EMPTY: RamFlash = empty_flash();
}
