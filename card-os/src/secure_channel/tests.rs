//! What a card of another make said in three recorded secure channels, from the public test suite of pySim
//! (`test_globalplatform.py`, AES-128): this card computes the same.

extern crate std;

use std::vec::Vec;

use apdu_spec::command::Header;
use apdu_spec::instruction::{ExternalAuthenticate, KeyVersion, SecurityLevel};
use apdu_spec::limits::SHORT_DATA_MAX;
use apdu_spec::{Command, Status, Wire, Writer};

use super::Protected;
use super::cipher::{self, Purpose};
use super::handshake::Begun;
use super::key_set::{KeySet, KeySetName};
use super::open::{Open, SessionKeys};
use crate::application::Domain;

struct Recorded {
    host_challenge: &'static str,
    /// Challenge, cryptogram, sequence counter.
    answer: &'static str,
    authenticate: &'static str,
    /// Commands in the order they were sent.
    commands: [&'static str; 5],
    /// To the first command.
    response: &'static str,
}

const PLAIN_COMMANDS: [&str; 5] =
    ["80E2910006BF3E035C015A00", "80F22002", "80CA006600", "80F220020A4F0212345C054F9F70C5", "80F28002024F0000"];
const PLAIN_RESPONSE: &str = "BF3E125A1089882119900000000000000000000005";

const RECORDED: [Recorded; 3] = [
    Recorded {
        host_challenge: "B13E5F938FC108C4",
        answer: "3EB51047495B249F66C484C1D2EF1948000002",
        authenticate: "84821100107D5F5826A993EBC89EEA24957FA0B3CE",
        commands: [
            "84E291000EBF3E035C015A558D036518A2829700",
            "84F220020863A63F8959827FB2",
            "84CA006608A0C6A4A74166F7CE00",
            "84F22002124F0212345C054F9F70C52249B50272656536",
            "84F280020A4F00E91443F6DCE6B8ED00",
        ],
        response: "BF3E125A1089882119900000000000000000000005971BE68992DBBDFA",
    },
    Recorded {
        host_challenge: "8E1552D0513C60F3",
        answer: "30760CD2C47C1DD395065FE5EAD8A9D7000001",
        authenticate: "8482030010FD4721A14D9B07003C451D2F8AE6BB21",
        commands: [
            "84E2910018CA9C00F6713D79BC8BAA642BDFF51C3F6A4082D3BD9AD26C00",
            "84F2200208C9811B11F1264CF1",
            "84CA006608E10AB60B3054798800",
            "84F22002184E2908BDB48B2315A55482E9E936CA122D6ECFAE7D17416E",
            "84F28002180DD10A6B6193E5340B9E77D32D5A179CD710AC2773AEFB2800",
        ],
        response: "BF3E125A1089882119900000000000000000000005",
    },
    Recorded {
        host_challenge: "FDF38259A1E0DE44",
        answer: "3B1ACA81E821F219081CDC01C26B372D000003",
        authenticate: "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
        commands: [
            "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00",
            "84F2200208AC6A59024BED84CC",
            "84CA006608409912AD8FB7AED000",
            "84F22002185F3DAFC3AC14C381536A488BF44E06D056DF9D74DBD21E5A",
            "84F280021865165105BE3373347D0424D4400AF2AC393F569EC779389E00",
        ],
        response: "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B9",
    },
];

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn key_set() -> KeySet {
    let key = |first: u8| core::array::from_fn(|at| first + u8::try_from(at).unwrap()).into();
    let name = KeySetName { domain: Domain::Issuer, version: KeyVersion::parse(0x30).unwrap() };
    KeySet { name, encryption: key(0x00), mac: key(0x10), data: key(0x20) }
}

/// The recorded handshake, up to the open channel.
fn open(recorded: &Recorded) -> Open {
    let host = bytes(recorded.host_challenge);
    let answer = bytes(recorded.answer);
    let (challenge, rest) = answer.split_at(8);
    let (cryptogram, _sequence) = rest.split_at(8);
    let set = key_set();
    let both = [&host[..], challenge];
    let keys = SessionKeys::derive(&set, &both);
    assert_eq!(cipher::derive(&keys.mac, Purpose::CardCryptogram, 8, &both)[..8], *cryptogram);
    let command = bytes(recorded.authenticate);
    let command = Command::parse(&command).unwrap();
    let command = ExternalAuthenticate::parse(&command).unwrap();
    let begun = Begun::new(0, set.name, keys, &both, 8);
    begun.authenticate(&command).unwrap()
}

#[test]
fn recorded_commands_are_understood_and_the_recorded_response_is_given() {
    for recorded in &RECORDED {
        let mut channel = open(recorded);
        for (number, (sent, plain)) in recorded.commands.iter().zip(PLAIN_COMMANDS).enumerate() {
            let (sent, plain) = (bytes(sent), bytes(plain));
            let (sent, plain) = (Command::parse(&sent).unwrap(), Command::parse(&plain).unwrap());
            let mut data = sent.data.to_vec();
            let is_extended = data.len() > SHORT_DATA_MAX;
            let protected =
                Protected { number: 0, header: sent.header, is_extended, data: &mut data, expected: sent.expected };
            assert_eq!(channel.unwrap(protected), Ok(plain), "{sent:02X?}");
            if number == 0 {
                let mut space = [0; 64];
                let mut reply = Writer::new(&mut space);
                reply.put(&bytes(PLAIN_RESPONSE)).unwrap();
                channel.wrap(Status::OK, &mut reply).unwrap();
                assert_eq!(reply.written(), bytes(recorded.response));
            }
        }
    }
}

/// S16 mode, from the public test suite of ievkh/scll-rust, computed there with an independent reference in Python: all
/// keys 404142..4F, host challenge 000102..0F, card challenge 101112..1F. The level, EXTERNAL AUTHENTICATE without its
/// header and cryptogram, and then what 80E60000 with 0102030405 and a response of 00A40400 become.
const S16: [(&str, &str, &str, &str); 3] = [
    (
        "33",
        "782DCBE5BC45C062F64CD61937E03100",
        "7741688C2836B029A8ED938260CC067F4F45621753C5A9317EFB316696FFD61D",
        "E3FCD252C046A09E8E174C4A882615A02CF1558988FF0F3044DE83CA334829FB",
    ),
    (
        "13",
        "343B84121805124B821D0FC05CCBFACD",
        "7741688C2836B029A8ED938260CC067FCAD223BB9F79FB7E5062345977E964CE",
        "00A40400AF04B29A8600F9A6589499AAAC528AB8",
    ),
    (
        "03",
        "5D033E49191B0298AA603187AD0C3582",
        "7741688C2836B029A8ED938260CC067F1214BB4B5AF022C24988E42CDA8F49DD",
        "00A40400",
    ),
];

#[test]
fn s16_mode_says_what_another_implementation_says() {
    let key = |first: u8| core::array::from_fn(|at| first + u8::try_from(at).unwrap()).into();
    let name = KeySetName { domain: Domain::Issuer, version: KeyVersion::parse(1).unwrap() };
    let set = KeySet { name, encryption: key(0x40), mac: key(0x40), data: key(0x40) };
    let challenge = cipher::derive(&set.encryption, Purpose::CardChallenge, 16, &[&bytes("000001A000000151000000")]);
    assert_eq!(challenge[..], bytes("6924434C956736C8EE6122E8A3FC612F"));
    let challenges = bytes("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    for (level, mac, command, response) in S16 {
        let both = [&challenges[..16], &challenges[16..]];
        let keys = SessionKeys::derive(&set, &both);
        let cryptogram = cipher::derive(&keys.mac, Purpose::CardCryptogram, 16, &both);
        assert_eq!(cryptogram[..], bytes("1F3975EB7C6D743F38BB5842328732A1"));
        let (host, mac) = (bytes("313082B4105AE33D7C2D323A1E5CD6FF"), bytes(mac));
        let level = SecurityLevel::parse(bytes(level)[0]).unwrap();
        let authenticate = ExternalAuthenticate { level, cryptogram: &host, mac: &mac };
        let mut open = Begun::new(0, name, keys, &both, 16).authenticate(&authenticate).unwrap();

        let header = Header { class: 0x84, instruction: 0xE6, p1: 0, p2: 0 };
        let mut data = bytes(command);
        let protected = Protected { number: 0, header, is_extended: false, data: &mut data, expected: 0 };
        assert_eq!(open.unwrap(protected).unwrap().data, [1, 2, 3, 4, 5]);
        let mut space = [0; 64];
        let mut reply = Writer::new(&mut space);
        reply.put(&bytes("00A40400")).unwrap();
        open.wrap(Status::OK, &mut reply).unwrap();
        assert_eq!(reply.written(), bytes(response));
    }
}

#[test]
fn a_key_is_known_by_its_check_value() {
    // AES-128 of sixteen bytes 01 under 404142..4F, as GlobalPlatform's default keys have it everywhere.
    let key = core::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap()).into();
    assert_eq!(cipher::check_value(&key), [0x50, 0x4A, 0x77]);
}
