//! What a card is that is not one of ours: from its applications, by name and by EF.DIR, and from its answer to reset.

use apdu_spec::{Aid, Reader as Fields, Tag};

use super::{Reader, ReaderError};
use crate::words::printable;

/// Applications whose names are registered (ISO/IEC 7816-5), each by the beginning of it. A card is asked for each in
/// this order, so that what says more comes first.
const KNOWN: &[(&[u8], &str)] = &[
    (b"1PAY.SYS.DDF01", "a bank's payment card (EMV)"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02], "a telephone's card (USIM)"),
    (&[0xD2, 0x76, 0x00, 0x01, 0x24, 0x01], "an OpenPGP card"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x08], "an identity card (PIV)"),
    (&[0xE8, 0x07, 0x04, 0x00, 0x7F, 0x00, 0x07, 0x03, 0x02], "a German identity card"),
    (&[0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01], "a passport (ICAO 9303)"),
    (&[0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01], "a security key (FIDO)"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4B, 0x43, 0x53, 0x2D, 0x31, 0x35], "a signature card (PKCS #15)"),
    (&[0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01], "a tag (NDEF)"),
    (&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00], "a GlobalPlatform card"),
];

/// Records of EF.DIR that are read at most.
const RECORDS_MAX: u8 = 8;
/// Parts of a response that are fetched at most, with `61xx` and `6Cxx`.
const PARTS_MAX: usize = 4;

/// Characters of a label that are told, four times as many as it may have.
const LABEL_MAX: usize = 64;

/// The application template of EF.DIR, name and label in it (ISO/IEC 7816-4, 12.2.3).
const TEMPLATE: Tag = Tag(0x61);
const NAME: Tag = Tag(0x4F);
const LABEL: Tag = Tag(0x50);

/// Whether the card has the transaction application, which is selected then.
///
/// # Errors
/// The card went away meanwhile.
pub async fn is_ours(reader: &mut dyn Reader) -> Result<bool, ReaderError> {
    Ok(select(reader, Aid::TRANSACTION.as_bytes()).await?.is_some())
}

/// What the card is, in words.
pub async fn identify(reader: &mut dyn Reader) -> String {
    // Whatever cannot be found out is not said.
    if let Ok(Some(label)) = listed(reader).await {
        return label;
    }
    for (name, words) in KNOWN {
        match select(reader, name).await {
            Ok(Some(_)) => return (*words).to_owned(),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    unknown(reader.atr())
}

/// What EF.DIR calls the card's applications.
async fn listed(reader: &mut dyn Reader) -> Result<Option<String>, ReaderError> {
    let chosen = exchange(reader, &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0x2F, 0x00]).await?;
    if chosen.is_none() {
        return Ok(None);
    }
    let mut applications = Vec::new();
    for number in 1..=RECORDS_MAX {
        let Some(record) = exchange(reader, &[0x00, 0xB2, number, 0x04, 0x00]).await? else { break };
        applications.extend(application(&record));
    }
    let known = applications.iter().find_map(|(name, _)| known(name));
    let labels: Vec<&str> = applications.iter().map(|(_, label)| label.as_str()).filter(|it| !it.is_empty()).collect();
    Ok(match (known, labels.is_empty()) {
        (Some(known), _) => Some(known.to_owned()),
        (None, false) => Some(format!("a card with {}", labels.join(", "))),
        (None, true) => None,
    })
}

fn application(record: &[u8]) -> Option<(Vec<u8>, String)> {
    let template = Fields::all(record, |input| input.field(TEMPLATE)).ok()?;
    let mut input = Fields::new(template);
    let name = input.field(NAME).ok()?;
    let label = input.field(LABEL).unwrap_or_default();
    let label: String = String::from_utf8_lossy(label).chars().take(LABEL_MAX).collect();
    Some((name.to_vec(), printable(&label)))
}

fn known(name: &[u8]) -> Option<&'static str> {
    KNOWN.iter().find(|(start, _)| name.starts_with(start)).map(|(_, words)| *words)
}

/// By the answer to reset alone: its historical bytes often have text in them (ISO/IEC 7816-4, 12.1.1).
fn unknown(atr: &[u8]) -> String {
    const TEXT_MIN: usize = 4;
    let runs = atr.split(|byte| !(byte.is_ascii_graphic() || *byte == b' '));
    let longest = runs.max_by_key(|run| run.len()).filter(|run| run.len() >= TEXT_MIN);
    let text = longest.map_or_else(String::new, |text| format!(" ({})", String::from_utf8_lossy(text).trim()));
    format!("an unknown card{text}, ATR {}", hex::encode_upper(atr))
}

/// Selects an application by its name.
async fn select(reader: &mut dyn Reader, name: &[u8]) -> Result<Option<Vec<u8>>, ReaderError> {
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    exchange(reader, &[&[0x00, 0xA4, 0x04, 0x00, length], name, &[0x00]].concat()).await
}

/// The data of a command that succeeds, perhaps with a warning; as ISO/IEC 7816-3 has it for T=0, too.
async fn exchange(reader: &mut dyn Reader, command: &[u8]) -> Result<Option<Vec<u8>>, ReaderError> {
    let mut command = command.to_vec();
    let mut data = Vec::new();
    for _ in 0..PARTS_MAX {
        let response = reader.transmit(&command).await?;
        let Some((part, [first, second])) = response.split_last_chunk() else { return Ok(None) };
        data.extend_from_slice(part);
        match first {
            0x90 | 0x62 | 0x63 => return Ok(Some(data)),
            0x61 => command = vec![0x00, 0xC0, 0x00, 0x00, *second],
            0x6C if command.len() >= 5 => {
                command.pop();
                command.push(*second);
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::Pending;
    use super::*;

    /// A card that knows these commands, written in hexadecimal, and answers `6A82` to others.
    struct Written(Vec<(&'static str, &'static str)>, Vec<u8>);

    impl Reader for Written {
        fn atr(&self) -> &[u8] {
            &self.1
        }

        fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
            let command = hex::encode(command);
            let answer = self.0.iter().find(|(known, _)| *known == command).map_or("6a82", |(_, answer)| answer);
            Box::pin(std::future::ready(Ok(hex::decode(answer).unwrap())))
        }

        fn reset(&mut self) -> Pending<'_, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    #[tokio::test]
    async fn a_card_is_called_what_it_says_it_is() {
        let emv = ("00a404000e315041592e5359532e444446303100", "6f009000");
        let piv = ("00a4040005a00000030800", "6104");
        let rest = ("00c0000004", "010203049000");
        let directory = ("00a4000c022f00", "9000");
        let usim = ("00b2010400", "6c0f");
        let badge = ("00b2010400", "610a4f05f0010203045001429000");
        for (commands, expected) in [
            (vec![emv], "a bank's payment card (EMV)"),
            (vec![piv, rest], "an identity card (PIV)"),
            (vec![directory, usim, ("00b201040f", "61094f07a00000008710029000")], "a telephone's card (USIM)"),
            (vec![directory, badge], "a card with B"),
            (vec![directory, ("00b2010400", "ffff9000")], "an unknown card (Test), ATR 3B045465737400"),
        ] {
            let mut card = Written(commands, b"\x3B\x04Test\x00".to_vec());
            assert_eq!(identify(&mut card).await, expected);
            assert!(!is_ours(&mut card).await.unwrap());
        }
    }

    #[test]
    fn an_answer_to_reset_without_text_is_told_in_hexadecimal() {
        assert_eq!(unknown(&[0x3B, 0x00]), "an unknown card, ATR 3B00");
        assert_eq!(unknown(&[]), "an unknown card, ATR ");
    }
}
