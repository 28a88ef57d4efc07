//! Changes to a good message, as a script of bytes says.

/// Bytes that choose what is done next. Where they end, nothing more is done.
pub(crate) struct Script<'a>(&'a [u8]);

/// A node of a tree: count of children, own part, signature.
pub(crate) type RawNode = (u8, Vec<u8>, Vec<u8>);

/// Changes in one script: enough to combine, few enough to stay near the good message.
const CHANGES_MAX: usize = 8;

impl<'a> Script<'a> {
    pub(crate) const fn new(script: &'a [u8]) -> Self {
        Self(script)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let [high, low] = [self.byte(), if limit > 256 { self.byte() } else { 0 }];
        (usize::from(high) | usize::from(low) << 8) % limit
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// The message with bytes changed, put in, taken out, repeated, or taken from the donor.
    pub(crate) fn mutate(&mut self, good: &[u8], donor: &[u8]) -> Vec<u8> {
        let mut message = good.to_vec();
        for _ in 0..CHANGES_MAX {
            if self.0.is_empty() || message.is_empty() {
                break;
            }
            self.change(&mut message, donor);
        }
        message
    }

    /// The request with its nodes, or the bytes in them, changed and put together again.
    pub(crate) fn mutate_tree(&mut self, good: &[u8], donor: &[u8]) -> Vec<u8> {
        let mut nodes = nodes(good);
        let donors = self::nodes(donor);
        for _ in 0..CHANGES_MAX {
            if self.0.is_empty() || nodes.is_empty() {
                break;
            }
            self.change_tree(&mut nodes, &donors);
        }
        encode_tree(good[1], &nodes)
    }

    fn change_tree(&mut self, nodes: &mut Vec<RawNode>, donors: &[RawNode]) {
        let at = self.below(nodes.len());
        let from = self.pick(donors).clone();
        match self.below(9) {
            0 => self.change(&mut nodes[at].1, &from.1),
            1 => self.change(&mut nodes[at].2, &from.2),
            2 => nodes[at].0 = self.byte(),
            3 => nodes[at] = from,
            4 => nodes[at].1 = from.1,
            5 => nodes[at].2 = from.2,
            6 => nodes.insert(at, from),
            7 => drop(nodes.remove(at)),
            _ => {
                let other = self.below(nodes.len());
                nodes.swap(at, other);
            }
        }
    }

    fn change(&mut self, message: &mut Vec<u8>, donor: &[u8]) {
        if message.is_empty() {
            return;
        }
        let at = self.below(message.len());
        match self.below(7) {
            0 => message[at] ^= self.byte(),
            1 => message.insert(at, self.byte()),
            2 => drop(message.remove(at)),
            3 => message.truncate(at),
            4 => message.push(self.byte()),
            5 => {
                let end = (at + 1 + self.below(128)).min(message.len()).min(donor.len());
                if at < end {
                    message[at..end].copy_from_slice(&donor[at..end]);
                }
            }
            _ => {
                let end = (at + 1 + self.below(64)).min(message.len());
                let again = message[at..end].to_vec();
                message.splice(at..at, again);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

/// The nodes of a good request.
pub(crate) fn nodes(message: &[u8]) -> Vec<RawNode> {
    let tree = protocol::message::request::Tree::parse(message);
    let nodes = tree.iter().flat_map(|tree| tree.nodes());
    nodes.map(|node| (node.children, node.own.to_vec(), node.signature.to_vec())).collect()
}

/// A request of any nodes, whether or not they form a tree (PROTOCOL.md, section 5).
pub(crate) fn encode_tree(kind: u8, nodes: &[RawNode]) -> Vec<u8> {
    let mut message = vec![1, kind];
    put_number(&mut message, nodes.len());
    for (children, own, signature) in nodes {
        message.push(*children);
        for string in [own, signature] {
            put_number(&mut message, string.len());
            message.extend_from_slice(string);
        }
    }
    message
}

fn put_number(message: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}
