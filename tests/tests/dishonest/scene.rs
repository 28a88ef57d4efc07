//! A star of three on its way through a purchase, round by round: a shop combines a customer and a courier.

use host_terminal::card::Part;
use host_terminal::member::{Combined, Separated};
use protocol::message::request::{Node, Tree};
use protocol::message::{Kind, bare};
use protocol::types::Role;
use symbolon_tests::company::{AMOUNT, Choice, Company, OPENING, said};

pub(crate) const KINDS: [Kind; 3] = [Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment];
const CHOICES: [Choice; 3] = [Choice::PLAIN; 3];
const ROLES: [Role; 3] = [Role::PAYEE, Role::PAYER, Role::WITNESS];

/// A provider, and three members with cards.
pub(crate) struct Star {
    pub(crate) company: Company,
}

/// A request of which the leaves have said their part.
pub(crate) struct Said {
    pub(crate) kind: Kind,
    pub(crate) leaves: [Vec<u8>; 2],
    combined: [Combined; 2],
}

/// A complete request, and what it takes to give everybody the answer.
pub(crate) struct Request {
    pub(crate) said: Said,
    pub(crate) root: Combined,
}

impl Star {
    pub(crate) fn new(seed: u64) -> Self {
        Self { company: Company::new(3, seed) }
    }

    /// What each member says in a round.
    pub(crate) fn parts(kind: Kind) -> Vec<Part<'static>> {
        said(kind, &CHOICES, &ROLES)
    }

    /// The leaves say their part; before a key exchange every card gets ready.
    pub(crate) fn say(&mut self, kind: Kind) -> Said {
        if kind == Kind::KeyExchangeRequest {
            for seat in &mut self.company.seats {
                seat.prepare(1, self.company.issuer.descriptor()).unwrap();
            }
        }
        let parts = Self::parts(kind);
        let combined = [1, 2].map(|leaf| self.company.seats[leaf].combine(&parts[leaf], &[]).unwrap());
        Said { kind, leaves: combined.clone().map(|combined| combined.message), combined }
    }

    /// The root's own terminal combines whatever it likes; its card signs it.
    pub(crate) fn combine(&mut self, kind: Kind, below: &[&[u8]]) -> Combined {
        self.company.seats[0].combine(&Self::parts(kind)[0], below).unwrap()
    }

    /// The honest request.
    pub(crate) fn request(&mut self, kind: Kind) -> Request {
        let said = self.say(kind);
        let root = self.combine(kind, &[&said.leaves[0], &said.leaves[1]]);
        Request { said, root }
    }

    /// The provider's answer, each card given its part.
    pub(crate) fn finish(&mut self, request: &Request) -> Vec<u8> {
        let response = self.company.issuer.ask(&request.root.message).unwrap();
        self.deliver(request, &response);
        response
    }

    pub(crate) fn deliver(&mut self, request: &Request, response: &[u8]) {
        let kind = request.said.kind.answer().unwrap();
        for (member, part) in self.own_parts(request, response).iter().enumerate() {
            self.company.seats[member].receive(kind, part).unwrap();
        }
    }

    /// A response, cut up for the three.
    pub(crate) fn own_parts(&self, request: &Request, response: &[u8]) -> [Vec<u8>; 3] {
        let Separated { own, branches, .. } = request.root.separate(response, "above").unwrap();
        let leaf = |leaf: usize| request.said.combined[leaf].separate(&branches[leaf], "above").unwrap().own;
        [own, leaf(0), leaf(1)]
    }

    /// The honest rounds before the one of this kind.
    pub(crate) fn before(&mut self, kind: Kind) {
        for earlier in KINDS.into_iter().take_while(|earlier| *earlier != kind) {
            let request = self.request(earlier);
            self.finish(&request);
        }
    }

    /// The honest rounds from the one of this kind on.
    pub(crate) fn from(&mut self, kind: Kind) {
        for next in KINDS.into_iter().skip_while(|next| *next != kind) {
            let request = self.request(next);
            self.finish(&request);
        }
    }

    /// A message that the provider must refuse, with the two bytes that say nothing; nothing of it is kept.
    #[track_caller]
    pub(crate) fn refused(&mut self, message: &[u8]) {
        let holds = self.company.issuer.audit().unwrap();
        assert_eq!(self.company.issuer.answer(message), bare(Kind::Refused));
        assert_eq!(self.company.issuer.audit().unwrap(), holds, "nothing is held or let go");
    }

    /// How often the customer has paid, the books in order and nothing held.
    #[track_caller]
    pub(crate) fn paid(&mut self) -> i64 {
        assert_eq!(self.company.issuer.audit().unwrap(), 0);
        let accounts = [0, 1, 2].map(|member| self.company.enrolled[member].account);
        let [shop, customer, courier] = accounts.map(|account| self.company.issuer.balance(account).unwrap());
        let (opening, amount) = (i64::try_from(OPENING).unwrap(), i64::try_from(AMOUNT).unwrap());
        assert_eq!((shop + customer, courier), (2 * opening, opening));
        assert_eq!((shop - opening) % amount, 0);
        (shop - opening) / amount
    }
}

/// A message as somebody on the way takes it apart and puts it together again, whatever its signatures are worth.
pub(crate) fn alter<'a>(message: &'a [u8], change: impl FnOnce(&mut Vec<Node<'a>>)) -> Vec<u8> {
    let tree = Tree::parse(message).unwrap();
    let mut nodes = tree.nodes().to_vec();
    change(&mut nodes);
    encode(tree.kind(), &nodes)
}

/// Nodes as a message: as the specification spells them.
pub(crate) fn encode(kind: Kind, nodes: &[Node<'_>]) -> Vec<u8> {
    let mut message = vec![1, kind.byte(), u8::try_from(nodes.len()).unwrap()];
    for node in nodes {
        message.push(node.children);
        for bytes in [node.own, node.signature] {
            let length = u16::try_from(bytes.len()).unwrap();
            if length >= 0x80 {
                message.push(length as u8 | 0x80);
                message.push((length >> 7) as u8);
            } else {
                message.push(length as u8);
            }
            message.extend_from_slice(bytes);
        }
    }
    message
}
