//! What the fuzz targets do: each function takes any bytes, must not panic, and asserts what holds for all bytes.
//!
//! The first five read bytes as they come. The last two carry out a [`Script`] on a good message, so that what
//! arrives is nearly right: whatever differs from a good message must be refused.

mod mutation;
#[path = "../../../protocol/tests/support/mod.rs"]
pub(crate) mod support;

use std::sync::OnceLock;

use mutation::{Script, encode_tree};
use protocol::crypto::{Crypto, PublicKey, RustCrypto};
use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::message::acknowledgment::Acknowledgment;
use protocol::message::descriptor::{self, Descriptor};
use protocol::message::final_notice::FinalNotice;
use protocol::message::key_exchange::{Cryptogram1, Cryptogram2};
use protocol::message::request::Tree;
use protocol::message::response::{Batch, Single};
use protocol::message::transaction::{Display, Private, Terms};
use protocol::message::{key_exchange, split, transaction};
use protocol::provider::Requests;
use protocol::types::{Digest, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{KINDS, PAIR, Provider, Run, all_options, cards, member_receives, own_part, provider_verifies, purchase};

/// The same bytes on every machine.
type ProviderBackend = RustCrypto;

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("request_tree", request_tree),
    ("response_batch", response_batch),
    ("single_part", single_part),
    ("descriptor", descriptor),
    ("frame_header", frame_header),
    ("message_parts", message_parts),
    ("member_receive", member_receive),
    ("provider_verify", provider_verify),
];

/// A request: what is read is written again as the same bytes.
pub fn request_tree(data: &[u8]) {
    if let Ok(tree) = Tree::parse(data) {
        assert_eq!(tree.encode(), data);
        assert_eq!(tree.digests::<RustCrypto>().len(), tree.nodes().len());
        let below: usize = tree.branches().iter().map(ExactSizeIterator::len).sum();
        assert_eq!(below + 1, tree.nodes().len());
        if let Ok(requests) = Requests::new::<RustCrypto>(tree) {
            let _ = (requests.transaction(), requests.key());
        }
    }
}

/// A response: what is read is written again as the same bytes, and so are its slices.
pub fn response_batch(data: &[u8]) {
    if let Ok(batch) = Batch::parse(data) {
        assert_eq!(batch.encode(), data);
        for part in &batch.parts {
            let slice = batch.slice(part.number..part.number + 1).encode();
            assert!(Single::parse(&slice, batch.kind).is_ok());
        }
    }
}

/// A response with one part, which nobody signed.
pub fn single_part(data: &[u8]) {
    for kind in KINDS {
        if let Ok(single) = Single::parse(data, kind) {
            assert!(single.verify::<RustCrypto>(&nobody(), &Digest([0; 32])).is_err());
            assert_eq!(split(data).map(|(found, _)| found), Ok(kind));
        }
    }
}

/// A descriptor, which nobody signed.
pub fn descriptor(data: &[u8]) {
    assert!(Descriptor::verify::<RustCrypto>(data, &nobody()).is_err());
    let _ = descriptor::parse(data).map(|signed| Descriptor::verify::<RustCrypto>(signed, &nobody()));
}

/// A frame's header.
pub fn frame_header(data: &[u8]) {
    if let Some(bytes) = data.first_chunk::<HEADER_LENGTH>()
        && let Ok(header) = FrameHeader::parse(bytes)
    {
        assert_eq!(header.encode().as_ref(), Ok(bytes));
    }
}

/// Every part of a message that is read behind the tree or the batch, and every plain text behind a seal.
pub fn message_parts(data: &[u8]) {
    let _ = key_exchange::Request::parse(data);
    let _ = key_exchange::Response::parse(data);
    let _ = Cryptogram1::parse(data).map(drop);
    for options in [Options::none(), Options::from_bits(0x3f).unwrap_or_default()] {
        let _ = Cryptogram2::parse(data, options).map(drop);
    }
    let _ = transaction::Request::parse(data);
    let _ = transaction::Response::parse(data);
    let _ = Private::parse(data).map(drop);
    let _ = Display::parse(data);
    assert!(Terms::parse(data).map_or(true, |terms| terms.is_in_order()));
    let _ = Acknowledgment::parse(data);
    let _ = FinalNotice::parse(data);
}

/// A message for a member in any state: another than the right one is refused, and the right one then taken.
pub fn member_receive(data: &[u8]) {
    let mut script = Script::new(data);
    let runs = script.pick(worlds());
    let (number, kind_index) = (script.below(2), [1, 3, 5][script.below(3)]);
    let kind = KINDS[kind_index];
    let good = own_part(&runs.here.messages[kind_index], number);
    let donor = own_part(&runs.there.messages[kind_index], number);
    let message = if script.below(8) == 0 { script.rest().to_vec() } else { script.mutate(&good, &donor) };
    let taken = member_receives(&runs.here, number, kind, &message).is_ok();
    assert_eq!(taken, message == good);
}

/// A request for a provider: another than a good one is refused.
pub fn provider_verify(data: &[u8]) {
    let mut script = Script::new(data);
    let runs = script.pick(worlds());
    let index = [0, 2, 4][script.below(3)];
    let (good, donor) = (&runs.here.messages[index], &runs.there.messages[index]);
    let message = if script.below(4) == 0 { script.mutate(good, donor) } else { script.mutate_tree(good, donor) };
    let taken = provider_verifies(&runs.provider, &runs.here, &message).is_ok();
    // Nobody knows a key exchange's group yet: another one is as good, and so is what a member made before it was
    // combined.
    let leaf = |message: &[u8]| encode_tree(1, &mutation::nodes(message)[1..]);
    let is_good = match index {
        0 => [good.clone(), donor.clone(), leaf(good), leaf(donor)].contains(&message),
        _ => message == *good,
    };
    assert_eq!(taken, is_good, "{index}");
}

/// Two exchanges of the same cards with one provider.
struct World {
    provider: Provider,
    here: Run,
    there: Run,
}

/// With no option and with all.
fn worlds() -> &'static [World] {
    static WORLDS: OnceLock<Vec<World>> = OnceLock::new();
    WORLDS.get_or_init(|| {
        let world = |with_all: bool| {
            let mut random = StdRng::seed_from_u64(41);
            let provider = Provider::new(&mut random);
            let mut cards = cards(&provider, 2, &mut random);
            if with_all {
                cards.iter_mut().for_each(all_options);
            }
            let [here, there] = [(); 2].map(|()| purchase(&provider, &cards, PAIR, &mut random));
            World { provider, here, there }
        };
        vec![world(false), world(true)]
    })
}

/// A key that signed nothing here.
fn nobody() -> PublicKey {
    static KEY: OnceLock<PublicKey> = OnceLock::new();
    *KEY.get_or_init(|| {
        let scalar = protocol::crypto::random_scalar::<RustCrypto>(&mut StdRng::seed_from_u64(42));
        RustCrypto::signing_key(&scalar).map_or(PublicKey([0; 65]), |key| RustCrypto::verification_key(&key))
    })
}
