//! Whole exchanges: members over RustCrypto, the provider over aws-lc, in every shape and with every option.

#![allow(clippy::unwrap_used, missing_docs, reason = "a panic fails the test")]

mod support;

use protocol::crypto::AwsLc;
use protocol::member::FreshKey;
use protocol::types::{Ending, Number, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{PAIR, Provider, cards, purchase};

type ProviderBackend = AwsLc;

const LEAF: &[Option<Number>] = &[None];
const SERIES: &[Option<Number>] = &[None, Some(0), Some(1), Some(2)];
const TREE: &[Option<Number>] = &[None, Some(0), Some(1), Some(1), Some(0), Some(4), Some(4)];

#[test]
fn a_leaf_a_pair_a_series_and_a_tree_are_one_structure() {
    let mut random = StdRng::seed_from_u64(1);
    let provider = Provider::new(&mut random);
    for shape in [LEAF, PAIR, SERIES, TREE] {
        let cards = cards(&provider, shape.len(), &mut random);
        let run = purchase(&provider, &cards, shape, &mut random);
        assert_eq!(run.endings, vec![Ending::Posted; shape.len()]);
    }
}

#[test]
fn every_permitted_combination_of_options_completes_a_purchase() {
    let mut random = StdRng::seed_from_u64(2);
    let provider = Provider::new(&mut random);
    let mut combinations = 0;
    for options in (0..=u8::MAX).filter_map(Options::from_bits).filter(|options| options.is_permitted()) {
        for fresh in [FreshKey::No, FreshKey::Unendorsed, FreshKey::Endorsed] {
            let mut cards = cards(&provider, 2, &mut random);
            // The other member asks for nothing but what the group must agree on.
            cards[0].options = if options.has(Options::SHARED_KEY) { Options::SHARED_KEY } else { Options::none() };
            cards[1].options = options;
            cards[1].fresh = fresh;
            let run = purchase(&provider, &cards, PAIR, &mut random);
            assert_eq!(run.endings, [Ending::Posted; 2], "{options:?} {fresh:?}");
            combinations += 1;
        }
    }
    println!("{combinations} combinations of options");
    assert_eq!(combinations, 3 * 48);
}
