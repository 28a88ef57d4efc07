//! The ways up from every participant, and the tree that they make of the members.

use std::collections::BTreeMap;

use protocol::limits::{CHILDREN_MAX, DEPTH_MAX, MEMBERS_MAX, NAME_MAX};
use protocol::types::Number;

use super::written::Topology;
use super::{Mistake, Next, ROUTERS_MAX};
use crate::PROVIDER;

/// One with a way up.
struct Hop<'a> {
    name: &'a str,
    listen: Option<&'a str>,
    next: &'a str,
}

/// Where everybody's way leads. Members and routers are known by their place in the file.
pub(super) struct Ways {
    /// The next hop of each router.
    pub(super) routers: Vec<Next>,
    /// The next hop of each member.
    pub(super) members: Vec<Next>,
    /// The places of the members in the order of their numbers.
    pub(super) order: Vec<usize>,
    /// For each number the number of the member that combines it.
    pub(super) parents: Vec<Option<Number>>,
}

impl Ways {
    pub(super) fn find(written: &Topology) -> Result<Self, Mistake> {
        Mistake::at_most("the topology", "members", written.members.len(), MEMBERS_MAX)?;
        Mistake::at_most("the topology", "routers", written.routers.len(), ROUTERS_MAX)?;
        let members = written.members.iter().map(|member| Hop {
            name: &member.name,
            listen: member.listen.as_deref(),
            next: &member.next,
        });
        let members: Vec<Hop<'_>> = members.collect();
        let routers = written.routers.iter().map(|router| Hop {
            name: &router.name,
            listen: Some(&router.listen),
            next: &router.next,
        });
        let routers: Vec<Hop<'_>> = routers.collect();
        let map = Map::new(&members, &routers)?;
        let next = |hop: &Hop<'_>| map.next(hop, &written.provider);
        let ways = |hops: &[Hop<'_>]| hops.iter().map(next).collect::<Result<Vec<_>, _>>();
        let (members_next, routers_next) = (ways(&members)?, ways(&routers)?);
        let above: Vec<Option<usize>> = members.iter().map(|hop| map.member_above(hop)).collect::<Result<_, _>>()?;
        routers.iter().try_for_each(|hop| map.member_above(hop).map(drop))?;
        let (order, parents) = number(&members, &above)?;
        Ok(Self { routers: routers_next, members: members_next, order, parents })
    }
}

/// Everybody by name.
struct Map<'a>(BTreeMap<&'a str, (&'a Hop<'a>, Option<usize>)>);

impl<'a> Map<'a> {
    fn new(members: &'a [Hop<'a>], routers: &'a [Hop<'a>]) -> Result<Self, Mistake> {
        let mut map = BTreeMap::new();
        let mut addresses: BTreeMap<&str, &str> = BTreeMap::new();
        let members = members.iter().enumerate().map(|(place, hop)| (hop, Some(place)));
        for (hop, place) in members.chain(routers.iter().map(|hop| (hop, None))) {
            check_name(hop.name)?;
            if hop.name == PROVIDER || map.insert(hop.name, (hop, place)).is_some() {
                return Err(Mistake::NameTaken(hop.name.to_owned()));
            }
            let Some(address) = hop.listen else { continue };
            check_address(hop.name, "listen", address)?;
            if let Some(one) = addresses.insert(address, hop.name) {
                let (one, other, address) = (one.to_owned(), hop.name.to_owned(), address.to_owned());
                return Err(Mistake::AddressTaken { one, other, address });
            }
        }
        Ok(Self(map))
    }

    fn next(&self, hop: &Hop<'_>, provider: &str) -> Result<Next, Mistake> {
        if hop.next == PROVIDER {
            return Ok(Next { name: PROVIDER.to_owned(), address: provider.to_owned() });
        }
        let (who, next) = (hop.name.to_owned(), hop.next.to_owned());
        match self.0.get(hop.next) {
            None => Err(Mistake::UnknownNext { who, next }),
            Some((Hop { listen: None, .. }, _)) => Err(Mistake::NotListening { who, next }),
            Some((Hop { listen: Some(address), .. }, _)) => Ok(Next { name: next, address: (*address).to_owned() }),
        }
    }

    /// The place of the next member up, past all routers; `None` where the provider comes first. Everybody's next is
    /// known by now.
    fn member_above(&self, from: &Hop<'_>) -> Result<Option<usize>, Mistake> {
        let mut next = from.next;
        // More routers than there are is a circle of them.
        for _ in 0..=self.0.len() {
            match self.0.get(next) {
                None => return Ok(None),
                Some((_, Some(place))) => return Ok(Some(*place)),
                Some((hop, None)) => next = hop.next,
            }
        }
        Err(Mistake::Circle(from.name.to_owned()))
    }
}

/// Numbers the members in pre-order; gives their places in this order, and their parents' numbers.
fn number(members: &[Hop<'_>], above: &[Option<usize>]) -> Result<(Vec<usize>, Vec<Option<Number>>), Mistake> {
    let name = |place: usize| members.get(place).map_or("", |hop| hop.name);
    let roots = (0..members.len()).filter(|place| above.get(*place) == Some(&None));
    let root = match roots.collect::<Vec<_>>().as_slice() {
        [] if members.is_empty() => return Err(Mistake::NoMembers),
        [] => return Err(Mistake::Circle(name(0).to_owned())),
        [root] => *root,
        [one, other, ..] => {
            return Err(Mistake::TwoRoots { one: name(*one).to_owned(), other: name(*other).to_owned() });
        }
    };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); members.len()];
    for (place, parent) in above.iter().enumerate() {
        if let Some(siblings) = parent.and_then(|parent| children.get_mut(parent)) {
            siblings.push(place);
        }
    }
    let (mut order, mut parents) = (Vec::new(), Vec::new());
    // Those still to be numbered, the next one last: place, parent's number, hops to the root.
    let mut waiting = vec![(root, None, 0)];
    while let Some((place, parent, depth)) = waiting.pop() {
        let below = children.get(place).map(Vec::as_slice).unwrap_or_default();
        Mistake::at_most(name(place), "members on the way to the provider", depth, DEPTH_MAX)?;
        Mistake::at_most(name(place), "members directly below", below.len(), CHILDREN_MAX)?;
        let number = Number::try_from(order.len()).unwrap_or(Number::MAX);
        order.push(place);
        parents.push(parent);
        waiting.extend(below.iter().rev().map(|child| (*child, Some(number), depth + 1)));
    }
    match (0..members.len()).find(|place| !order.contains(place)) {
        Some(place) => Err(Mistake::Circle(name(place).to_owned())),
        None => Ok((order, parents)),
    }
}

fn check_name(name: &str) -> Result<(), Mistake> {
    let is_permitted = |letter: char| letter.is_alphanumeric() || " .-_".contains(letter);
    let is_name = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(is_permitted);
    if is_name { Ok(()) } else { Err(Mistake::Name(name.to_owned())) }
}

/// HOST:PORT, which others can find: not port 0.
pub(super) fn check_address(who: &str, key: &'static str, address: &str) -> Result<(), Mistake> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse().ok());
    match port {
        Some(1_u16..) => Ok(()),
        Some(0) | None => Err(Mistake::value(who, key, address, "is not HOST:PORT with a port from 1 to 65535")),
    }
}
