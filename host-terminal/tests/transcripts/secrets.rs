//! A PIN, a key and what a key opened never show in a trace, a capture, an event or words.

use std::sync::{Arc, Mutex};

use apdu_spec::instruction::PinReference;
use host_terminal::card::{Card, Pin};
use host_terminal::decode::Teller;
use host_terminal::observe::{Event, Observer, Several, Tap};

use crate::support::{Records, Scripted, bytes, send};

/// What nobody may see: as digits of a PIN, and as bytes of a key.
const CANARY: &[u8] = b"48151623";

/// Every command of the card that can carry a secret, as INS P1 P2 (ISO/IEC 7816-4 and -8, GlobalPlatform), the class
/// that it has, and what stands before and behind the secret in its data.
const CARRIERS: &[(&str, &str, &str, &str)] = &[
    ("00", "20 00 01", "", ""),         // VERIFY
    ("00", "21 00 01", "80 08", ""),    // the same with a data object
    ("00", "24 00 01", "31323334", ""), // CHANGE REFERENCE DATA: the old PIN and the new one
    ("00", "24 00 01", "", "31323334"),
    ("00", "24 01 01", "", ""),         // the new one alone
    ("00", "2C 00 01", "31323334", ""), // RESET RETRY COUNTER: resetting code, new PIN
    ("00", "2C 01 01", "", ""),
    ("00", "2C 02 01", "", ""),
    ("80", "E2 90 00", "A110 800101 810103 8208", ""), // STORE DATA: a PIN
    ("80", "E2 90 00", "A3 18 800121 810101 8202B640 840100 8708", ""), // a key
    ("80", "E2 90 00", "A40A 8608", ""),               // a provider's new account secret
    ("80", "E2 10 00", "A110 800101 810103 8208", ""), // in blocks
    ("80", "E2 90 01", "", "00"),
    ("80", "E2 88 00", "00A1 10 800101 810103 8208", ""), // as a data grouping identifier
    ("80", "E2 F0 00", "", ""),                           // encrypted
    ("80", "D8 00 81", "01 881110", "03504A77"),          // PUT KEY in the clear
    ("80", "D8 01 01", "01 8810", "03504A77"),
    ("00", "2A 86 80", "", ""), // ENCIPHER
];

/// The bits of a class byte: plain, on other channels, in a chain, in secure channels, on channels that this card has
/// not, as a card for telephones has it.
const CLASSES: [u8; 12] = [0x00, 0x01, 0x03, 0x10, 0x12, 0x04, 0x0C, 0x14, 0x17, 0x40, 0x60, 0x20];

/// Keeps the bytes and words that every observer is told, as the file of events has them.
#[derive(Default)]
struct Everything(Mutex<(Teller, Vec<u8>)>);

impl Observer for Everything {
    fn observe(&self, event: &Event<'_>) {
        let (teller, all) = &mut *self.0.lock().unwrap();
        all.extend(event.bytes);
        all.extend(hex::encode(event.bytes).bytes());
        teller.tell(event).iter().for_each(|line| all.extend(line.bytes()));
    }
}

/// What is left of a conversation for others, in one heap. Where there is no response, the card was taken out.
async fn seen(conversation: &[(&str, &str)]) -> Vec<u8> {
    let (records, everything) = (Records::default(), Arc::new(Everything::default()));
    let observers: Vec<Arc<dyn Observer>> = vec![records.observer(), Arc::clone(&everything) as _];
    let responses: Vec<&str> = conversation.iter().map(|(_, response)| *response).filter(|it| !it.is_empty()).collect();
    let tap = Tap::new(Arc::new(Several(observers)), "a test", "a card");
    let mut card = Card::new(Box::new(Scripted::new(&responses)), tap);
    let commands: Vec<&str> = conversation.iter().map(|(command, _)| *command).collect();
    send(&mut card, &commands).await;
    drop(card);
    let all = everything.0.lock().unwrap().1.clone();
    [records.trace.bytes(), records.capture.bytes(), all].concat()
}

/// Four of its bytes in a row are enough, in any of the forms that a record has.
fn shows_canary(seen: &[u8]) -> bool {
    CANARY.windows(4).any(|part| {
        let digits = hex::encode(part);
        [part, digits.as_bytes(), digits.to_uppercase().as_bytes()]
            .iter()
            .any(|form| seen.windows(form.len()).any(|window| window == *form))
    })
}

/// The command in every shape: short and extended, with and without `Le`, and mistyped.
fn shapes(header: &[u8], data: &[u8]) -> Vec<Vec<u8>> {
    let length = data.len() as u8;
    let short = [header, &[length], data].concat();
    let extended = [header, &[0, 0, length], data].concat();
    vec![
        [&short[..], &[0]].concat(),
        [&extended[..], &[0, 0]].concat(),
        [header, data].concat(),
        [header, &[length - 1], data].concat(),
        [header, &[length + 9], data].concat(),
        [header, &[0, 0, length + 1], data].concat(),
        [&short[..], &[0, 0, 0]].concat(),
        short,
        extended,
    ]
}

#[tokio::test]
async fn no_command_shows_a_pin_or_a_key_that_it_brings() {
    let mut tried = 0;
    for (class, header, before, behind) in CARRIERS {
        let data = [bytes(before), CANARY.to_vec(), bytes(behind)].concat();
        for bits in CLASSES {
            let header = [&[bytes(class)[0] | bits][..], &bytes(header)].concat();
            for command in shapes(&header, &data) {
                let digits = hex::encode_upper(&command);
                let seen = seen(&[(&digits, "9000"), (&digits, "6700")]).await;
                assert!(!shows_canary(&seen), "{digits} shows what it brings");
                tried += 1;
            }
        }
    }
    assert!(tried > 1500, "{tried}");
    // Not answered at all.
    let verify = format!("0020000108{}", hex::encode(CANARY));
    assert!(!shows_canary(&seen(&[(verify.as_str(), "")]).await));
}

#[tokio::test]
async fn no_answer_shows_what_a_key_opened() {
    let plain = format!("0000{}", hex::encode(CANARY));
    let answered = format!("{plain}9000");
    let more = format!("{plain}6110");
    for bits in CLASSES {
        let decipher = hex::encode([&[bits, 0x2A, 0x80, 0x86, 0x02, 0x00, 0x01][..]].concat());
        let get_response = hex::encode([bits & 0x03, 0xC0, 0, 0, 0x10]);
        for conversation in [
            vec![(decipher.as_str(), answered.as_str())],
            vec![(&decipher, "6110"), (&get_response, &more), (&get_response, &answered)],
        ] {
            assert!(!shows_canary(&seen(&conversation).await), "{decipher}");
        }
    }
}

#[tokio::test]
async fn what_is_no_secret_is_seen_wherever_it_is_written() {
    let data = hex::encode(CANARY);
    let (update, read) = (format!("00D6000008{data}"), format!("{data}9000"));
    assert!(shows_canary(&seen(&[(&update, "9000")]).await));
    assert!(shows_canary(&seen(&[("00B0000008", &read)]).await));
    // After another command GET RESPONSE brings something else.
    assert!(shows_canary(&seen(&[("002A808600", "6108"), ("00B00000", "6108"), ("00C0000008", &read)]).await));
}

#[tokio::test]
async fn what_was_left_out_is_seen_to_be() {
    let records = Records::default();
    let mut card = records.card("a card", &["9000", "6108", "0102030405060708 9000", "9000"]);
    send(&mut card, &["0020000104 31323334", "002A808600", "00C0000008", "80D8008103 010203 00"]).await;
    let text = records.trace.text();
    for line in
        ["> 0020 0001 04 ????????\n< 9000\n", "\n< 6108\n", "> 00C0 0000 08\n< .. 9000\n", "> 80D8 0081 03 ?????? 00"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    for words in ["VERIFY: PIN 1, which is not shown", "8 bytes, not shown", "PUT KEY: not shown"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[tokio::test]
async fn of_a_pin_that_is_typed_on_the_reader_not_even_the_length_is_known() {
    let records = Records::default();
    let mut card = records.card("a card", &["63C2", "9000"]);
    let number = PinReference::parse(3).unwrap();
    assert!(card.verify(number, &Pin::on_reader()).await.is_err());
    card.verify(number, &Pin::on_reader()).await.unwrap();
    let text = records.trace.text();
    assert!(text.contains("VERIFY: PIN 3, typed on the reader\n"), "{text}");
    assert!(text.contains("> 0020 0003 ??\n< 63C2\n") && text.contains("> 0020 0003 ??\n< 9000\n"), "{text}");
}
