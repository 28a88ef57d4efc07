//! Which way messages went, from what every participant saw.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::message::response::Batch;
use symbolon_tests::group::{Event, Town};

/// A member of a topology, and the numbers of those whose messages it combines, its own the first.
pub(crate) type Shape = (&'static str, Range<u16>);

const REQUESTS: [&str; 3] = ["key exchange request", "transaction request", "acknowledgment"];
const RESPONSES: [&str; 3] = ["key exchange response", "transaction response", "final notice"];

/// Every response went back the way its request came: through every participant, from the hop and on the connection
/// that the request took, with the parts of the members on that way and no other.
pub(crate) fn check(town: &Town, members: &[Shape], routers: &[&str]) {
    for (name, numbers) in members {
        let seen = rounds(town, name);
        assert_eq!(unanswered(&seen, name), 0, "{name}");
        let responses = seen.iter().filter(|event| event.to == *name && RESPONSES.contains(&event.what.as_str()));
        let parts: Vec<Vec<u16>> = responses.map(parts).collect();
        assert!(!parts.is_empty(), "{name} got no response");
        let own: Vec<u16> = numbers.clone().collect();
        assert!(parts.iter().all(|part| *part == own), "{name} was given {parts:?}");
    }
    for router in routers {
        let seen = rounds(town, router);
        assert!(!seen.is_empty(), "{router} saw nothing");
        assert_eq!(unanswered(&seen, router), 0, "{router}");
        assert_eq!(
            carried(&seen, router, true),
            carried(&seen, router, false),
            "{router} did not forward all as it was"
        );
    }
}

/// The messages of the rounds that a participant saw between hops.
pub(crate) fn rounds(town: &Town, name: &str) -> Vec<Event> {
    let mut seen = town.events(name).unwrap();
    seen.retain(|event| REQUESTS.contains(&event.what.as_str()) || RESPONSES.contains(&event.what.as_str()));
    seen
}

fn parts(event: &Event) -> Vec<u16> {
    Batch::parse(&event.bytes).unwrap().parts.iter().map(|part| part.number).collect()
}

/// How many requests got no answer from where they went, or on the connection on which they came.
fn unanswered(seen: &[Event], here: &str) -> u64 {
    let mut open: BTreeMap<&str, i64> = BTreeMap::new();
    for event in seen {
        let (there, step) = if event.to == here { (&event.from, -1) } else { (&event.to, 1) };
        *open.entry(there).or_default() += step;
    }
    open.values().map(|left| left.unsigned_abs()).sum()
}

/// What a router carried, by whether it came in or went out: the same messages in both, whatever their order.
fn carried<'a>(seen: &'a [Event], here: &str, came: bool) -> Vec<&'a [u8]> {
    let side = seen.iter().filter(|event| (event.to == here) == came);
    let mut all: Vec<&[u8]> = side.map(|event| event.bytes.as_slice()).collect();
    all.sort_unstable();
    all
}
