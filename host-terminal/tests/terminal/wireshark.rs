//! Traces for Wireshark, as its own `tshark` reads them, beside the transcripts that were written with them.

use std::path::Path;
use std::process::Command;

use apdu_spec::Class;
use host_terminal::transcript::{Step, Transcript};
use serde_json::Value;

use crate::program::Desk;
use crate::support::cards;

/// What is asked of every packet.
const FIELDS: [&str; 15] = [
    "frame.number",
    "frame.time_epoch",
    "frame.interface_name",
    "frame.p2p_dir",
    "frame.comment",
    "exported_pdu.exported_pdu",
    "iso7816.atr.t0",
    "iso7816.apdu.cla",
    "iso7816.apdu.ins",
    "iso7816.apdu.sw1",
    "iso7816.apdu.sw2",
    "iso7816.resp_to",
    "frame.len",
    "frame.cap_len",
    "_ws.malformed",
];

/// A packet, field by field.
struct Packet(Value);

impl Packet {
    fn text(&self, field: &str) -> Option<&str> {
        self.0["_source"]["layers"][field][0].as_str()
    }

    fn number(&self, field: &str) -> usize {
        self.text(field).unwrap().parse().unwrap()
    }

    /// A number, as tshark writes it.
    fn byte(&self, field: &str) -> Option<u8> {
        let text = self.text(field)?;
        Some(u8::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap())
    }

    fn bytes(&self) -> Vec<u8> {
        hex::decode(self.text("exported_pdu.exported_pdu").unwrap().replace(':', "")).unwrap()
    }

    fn status(&self) -> Option<[u8; 2]> {
        Some([self.byte("iso7816.apdu.sw1")?, self.byte("iso7816.apdu.sw2")?])
    }
}

fn packets(capture: &Path) -> Vec<Packet> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-T", "json"]).args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    packets.into_iter().map(Packet).collect()
}

/// Compares a capture with the transcript of the same commands, packet by packet; gives how many commands there are.
fn same(capture: &Path, transcript: &Path) -> usize {
    let transcript = Transcript::read(transcript).unwrap();
    let packets = packets(capture);
    let mut rest = packets.iter();
    let mut commands = 0;
    for line in &transcript.lines {
        let card = line.card.as_deref();
        let Step::Exchange(command, expected) = &line.step else {
            let packet = rest.next().unwrap();
            assert_eq!((packet.text("frame.p2p_dir"), packet.text("frame.interface_name")), (Some("1"), card));
            assert!(packet.byte("iso7816.atr.t0").is_some(), "{}", line.place);
            continue;
        };
        commands += 1;
        let (sent, received) = (rest.next().unwrap(), rest.next().unwrap());
        let place = format!("{}: {}", line.place, line.step);
        let whole = command.veiled();
        let known = if command.complete().is_some() { whole.len() } else { command.left_out().start };
        assert_eq!(sent.bytes(), whole[..known], "{place}");
        assert_eq!(sent.number("frame.len") - sent.number("frame.cap_len"), whole.len() - known, "{place}");
        assert!(expected.fits(&received.bytes()), "{place}");
        for (packet, direction) in [(sent, "0"), (received, "1")] {
            assert_eq!((packet.text("frame.p2p_dir"), packet.text("frame.interface_name")), (Some(direction), card));
        }
        // What is no command is none to tshark either.
        let is_command = apdu_spec::Command::parse(&whole).is_ok();
        assert!(!is_command || sent.text("_ws.malformed").is_none(), "{place}");
        assert_eq!(received.text("_ws.malformed"), None, "{place}");
        if let &[class, instruction, _, _, ..] = &whole[..] {
            assert_eq!(sent.byte("iso7816.apdu.cla"), Some(class), "{place}");
            // Of other classes tshark says that they are proprietary; our words are in the comment.
            let is_iso = Class::parse(class).is_some_and(|class| !class.proprietary && !class.chaining);
            assert_eq!(sent.byte("iso7816.apdu.ins"), is_iso.then_some(instruction), "{place}");
            assert_eq!(received.text("iso7816.resp_to"), sent.text("frame.number"), "{place}");
        }
        assert_eq!(received.status().unwrap(), *received.bytes().last_chunk().unwrap(), "{place}");
        assert_eq!(sent.text("frame.comment"), Some(command.words().join("\n").as_str()), "{place}");
        assert!(received.text("frame.comment").unwrap().contains(", after "), "{place}");
    }
    assert_eq!(rest.count(), 0, "packets that the transcript has not");
    let times: Vec<f64> =
        packets.iter().map(|packet| packet.text("frame.time_epoch").unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 1.7e9, "{times:?}");
    commands
}

#[tokio::test]
async fn a_purchase_is_dissected_as_the_transcript_has_it() {
    let desk = Desk::new().await;
    let paths = ["shop.pcapng", "shop.apdu", "customer.pcapng", "customer.apdu"].map(|name| desk.path(name));
    let [shop_capture, shop_trace, capture, trace] = &paths;
    let (shop, address) = desk.sell(&["--json", "--trace", shop_capture, "--trace", shop_trace]).await;
    let (status, _, errors) = desk.pay(&address, &["--limit", "20", "--trace", capture, "--trace", trace]).await;
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    let (status, _, _) = crate::program::ended(shop).await;
    assert_eq!(status.code(), Some(0));
    for [capture, trace] in [[shop_capture, shop_trace], [capture, trace]] {
        let commands = same(Path::new(capture), Path::new(trace));
        assert!(commands >= 14, "{commands}");
        let text = std::fs::read_to_string(trace).unwrap();
        assert!(text.contains("BUILD: key exchange request\n") && text.contains("> 0020 0001 04 ????????\n"), "{text}");
    }
}

#[tokio::test]
async fn extended_lengths_chains_and_what_is_no_command_are_dissected() {
    let desk = Desk::new().await;
    let (capture, trace) = (desk.path("it.pcapng"), desk.path("it.apdu"));
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let mut all = 0;
    for name in ["link.apdu", "malformed.apdu", "pin.apdu"] {
        let card = cards::serve_new().await;
        let vector = vectors.join(name).display().to_string();
        let (status, said, errors) = desk.replay(&card, &["--trace", &capture, "--trace", &trace, &vector]).await;
        assert_eq!((status.code(), errors.as_str()), (Some(0), ""), "{said}");
        all += same(Path::new(&capture), Path::new(&trace));
    }
    assert!(all > 100, "{all}");
}
