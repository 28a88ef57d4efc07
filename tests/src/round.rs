//! One round of a group in this process: from the leaves up to the root, and from the root down again, with the
//! terminals' own combining and separating.

use host_terminal::Error;
use host_terminal::card::Part;
use host_terminal::member::Combined;

use crate::seat::Seat;

/// For each member the one that combines its message, in the order of the numbers: the root first, subtrees together.
pub type Shape = [Option<usize>];

/// The hops between members. A message may be read there, and changed.
pub trait Way {
    /// A request on its way up from a member; from the root to the provider.
    fn up(&mut self, from: usize, message: Vec<u8>) -> Vec<u8>;

    /// A response on its way down to a member.
    fn down(&mut self, to: usize, message: Vec<u8>) -> Vec<u8>;
}

/// Hops that change nothing, and everything that passed on each.
#[derive(Clone, Debug)]
pub struct Wires {
    /// What passed between each member and the next one up.
    pub seen: Vec<Vec<Vec<u8>>>,
}

impl Wires {
    /// The hops of so many members.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self { seen: vec![Vec::new(); members] }
    }

    fn note(&mut self, hop: usize, message: &[u8]) {
        if let Some(seen) = self.seen.get_mut(hop) {
            seen.push(message.to_vec());
        }
    }
}

impl Way for Wires {
    fn up(&mut self, from: usize, message: Vec<u8>) -> Vec<u8> {
        self.note(from, &message);
        message
    }

    fn down(&mut self, to: usize, message: Vec<u8>) -> Vec<u8> {
        self.note(to, &message);
        message
    }
}

/// The members whose messages a member combines.
pub fn children(shape: &Shape, member: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
    shape.iter().enumerate().filter(move |(_, parent)| **parent == Some(member)).map(|(child, _)| child)
}

/// A request on its way up.
pub struct Asked {
    /// As it comes to the provider.
    pub message: Vec<u8>,
    combined: Vec<Combined>,
}

/// Every member builds its part and combines those below it.
///
/// # Errors
/// Whatever stops a terminal.
pub fn up(seats: &mut [Seat], shape: &Shape, parts: &[Part<'_>], way: &mut impl Way) -> Result<Asked, Error> {
    let mut messages = vec![Vec::new(); shape.len()];
    let mut combined = Vec::with_capacity(shape.len());
    for (member, (seat, part)) in seats.iter_mut().zip(parts).enumerate().rev() {
        let below: Vec<&[u8]> =
            children(shape, member).filter_map(|child| messages.get(child)).map(Vec::as_slice).collect();
        let one = seat.combine(part, &below)?;
        let passed = way.up(member, one.message.clone());
        if let Some(message) = messages.get_mut(member) {
            *message = passed;
        }
        combined.push(one);
    }
    combined.reverse();
    Ok(Asked { message: messages.into_iter().next().unwrap_or_default(), combined })
}

impl Asked {
    /// The response is separated all the way down; gives every member's own part, or why its terminal has none.
    pub fn down(&self, shape: &Shape, response: Vec<u8>, way: &mut impl Way) -> Vec<Result<Vec<u8>, Error>> {
        let mut coming: Vec<Option<Vec<u8>>> = vec![None; shape.len()];
        if let Some(first) = coming.first_mut() {
            *first = Some(response);
        }
        let mut own = Vec::with_capacity(shape.len());
        for (member, combined) in self.combined.iter().enumerate() {
            let Some(message) = coming.get_mut(member).and_then(Option::take) else {
                own.push(Err(Error::Refused));
                continue;
            };
            let message = way.down(member, message);
            own.push(combined.separate(&message, "above").map(|separated| {
                for (child, branch) in children(shape, member).zip(separated.branches) {
                    if let Some(slot) = coming.get_mut(child) {
                        *slot = Some(branch);
                    }
                }
                separated.own
            }));
        }
        own
    }
}
