//! What parsing takes from the heap, measured: bytes from strangers decide nothing but the length of what they sent.
//! One test, alone in its process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod support;

use peak_alloc::PeakAlloc;
use protocol::crypto::AwsLc;
use protocol::limits;
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::provider::Requests;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use support::{KINDS, PAIR, Provider, cards, own_part, provider_verifies, purchase};

type ProviderBackend = AwsLc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What a message may take, whatever is in it: room for as many nodes or parts as there can be.
const FIXED_MAX: usize = 128 * 1024;

/// What each of its bytes may take on top: opened seals and texts.
const PER_BYTE_MAX: usize = 4;

/// The most that was taken, beyond what there was.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    work();
    HEAP.peak_usage().saturating_sub(before)
}

#[test]
fn what_parsing_takes_from_the_heap_is_bounded_by_what_was_sent() {
    let mut random = StdRng::seed_from_u64(61);
    let provider = Provider::new(&mut random);
    let cards = cards(&provider, 2, &mut random);
    let run = purchase(&provider, &cards, PAIR, &mut random);
    let mut most = [0; 2];
    let mut inputs: Vec<Vec<u8>> = run.messages.clone();
    inputs.extend(run.messages.iter().flat_map(|message| near(message, &mut random)));
    inputs.extend(lies());
    inputs.extend(large());
    inputs.extend(KINDS.map(|kind| [&[1, kind.byte()], &vec![0; limits::MESSAGE_MAX][..]].concat()));
    let tried = inputs.len();
    for input in inputs {
        let peak = peak_of(|| {
            let _ = Batch::parse(&input).map(drop);
            let _ = Tree::parse(&input).map(|tree| Requests::new::<AwsLc>(tree).map(drop));
            let _ = provider_verifies(&provider, &run, &input);
        });
        let allowed = FIXED_MAX + PER_BYTE_MAX * input.len();
        assert!(peak <= allowed, "{peak} bytes for a message of {}", input.len());
        let large = usize::from(input.len() > 4096);
        most[large] = most[large].max(peak);
    }
    println!("{tried} inputs; at most {} bytes for those of 4 KiB, {} for larger ones", most[0], most[1]);

    // A member takes nothing.
    for number in 0..PAIR.len() {
        for (index, kind) in KINDS.into_iter().enumerate().filter(|(_, kind)| kind.answer().is_none()) {
            let part = own_part(&run.messages[index], number);
            assert_eq!(peak_of(|| support::member_receives(&run, number, kind, &part).unwrap()), 0);
        }
    }
}

/// Messages with a few random bytes in them.
fn near(message: &[u8], random: &mut StdRng) -> Vec<Vec<u8>> {
    let changed = (0..500).map(|_| {
        let mut changed = message.to_vec();
        for _ in 0..random.gen_range(1..4) {
            let at = random.gen_range(0..changed.len());
            changed[at] = random.next_u32().to_le_bytes()[0];
        }
        changed
    });
    changed.collect()
}

/// Well-formed trees near the greatest length of a message, of nodes that say nothing, and as large a batch.
fn large() -> Vec<Vec<u8>> {
    let mut nodes = Vec::new();
    for children in [15].into_iter().chain([[14].as_slice(), &[0; 14]].concat().repeat(15)) {
        // 2048 and 64 as varints.
        nodes.extend([&[children, 0x80, 0x10], &[0; 2048][..], &[64], &[0; 64]].concat());
    }
    let tree = |kind: Kind| [&[1, kind.byte(), 0xe2, 1], nodes.as_slice()].concat();
    let trees = [Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment].map(tree);
    let mut batch = [&[1, Kind::FinalNotice.byte()], &[0; 64][..], &[0x80, 2], &[0; 64], &[0x80, 2]].concat();
    for number in 0..=255_u8 {
        let varint = if number < 0x80 { vec![number] } else { vec![number, 1] };
        batch.extend([varint.as_slice(), &[0; 16], &[0x80, 0x08], &[0; 1024], &[8], &[0; 256]].concat());
    }
    assert!(Batch::parse(&batch).is_ok() && trees.iter().all(|tree| Tree::parse(tree).is_ok()));
    trees.into_iter().chain([batch]).collect()
}

/// The largest counts and lengths that can be said, in front of nothing.
fn lies() -> Vec<Vec<u8>> {
    let header = [0; 64];
    let numbers: [&[u8]; 4] = [&[0x80, 2], &[0xff, 0xff, 3], &[0xff, 0xff, 0xff, 0xff, 0xf], &[0xff; 10]];
    let mut lies = Vec::new();
    for number in numbers {
        for kind in 1..10 {
            lies.push([&[1, kind], number].concat());
            lies.push([&[1, kind, 1, 0], number].concat());
            lies.push([&[1, kind], &header[..], number, &header, number].concat());
            lies.push([&[1, kind], &header[..], &[0x80, 2], &header, &[0x80, 2, 0], &[0; 16], number].concat());
        }
    }
    lies
}
