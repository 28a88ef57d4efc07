//! Every limit of the protocol, and how they hang together.
//!
//! A longer value is refused before anything is done with it. What a card takes or gives in one message fits
//! [`CARD_MESSAGE_MAX`], but for the one response that may bring the keys of all members.

/// Bytes that a card takes or gives in one message that is not a key exchange response.
pub const CARD_MESSAGE_MAX: usize = 2048;

/// Bytes of a key exchange response with one part, as a card takes it: whatever the provider says to a member of
/// [`PEER_KEYS_MAX`] fits, with their keys and names.
pub const KEY_EXCHANGE_RESPONSE_MAX: usize = 3584;

/// Bytes of all plain texts behind the seals of a response with one part: the scratch in which a member opens it.
pub const OPENED_MAX: usize = 2816;

/// Members in one tree.
pub const MEMBERS_MAX: usize = 256;

/// Children that one member combines.
pub const CHILDREN_MAX: usize = 16;

/// Hops between a member and the top of its tree.
pub const DEPTH_MAX: usize = 32;

/// Members whose names the members of a group are told, and whom a member may name as counterparties.
pub const PEERS_MAX: usize = 16;

/// Bytes of plain text in one member's part of a message.
pub const PLAIN_TEXT_MAX: usize = 256;

/// Bytes of sensitive data, response data or acknowledgment data in one member's part of a message.
pub const SENSITIVE_MAX: usize = 256;

/// Bytes of account information.
pub const ACCOUNT_MAX: usize = 64;

/// Bytes of a verified name, in UTF-8.
pub const NAME_MAX: usize = 32;

/// Bytes of a line for a person: a refusal's reason, a receipt.
pub const LINE_MAX: usize = 192;

/// Bytes of an attribute's name, in a question about a member.
pub const ATTRIBUTE_NAME_MAX: usize = 16;

/// Bytes of an attribute's value, likewise.
pub const ATTRIBUTE_VALUE_MAX: usize = 32;

/// Years that a question may ask about.
pub const YEARS_MAX: u8 = 199;

/// Hashes in a member's Merkle proof: the height of a tree of [`MEMBERS_MAX`] leaves.
pub const PROOF_MAX: usize = 8;

/// Members in a group whose members are told each other's keys. What they are told grows with the square of their
/// number.
pub const PEER_KEYS_MAX: usize = 16;

/// Hashes in a Merkle proof of such a group: the height of a tree of [`PEER_KEYS_MAX`] leaves.
const PEER_KEYS_PROOF_MAX: usize = 4;

/// Bytes around a provider's part in a response with one part: suite, kind, batch header, count, number, salt, the
/// part's length, proof.
pub const PART_OVERHEAD_MAX: usize = 2 + (32 + 32 + 3 + 64) + 1 + 3 + 16 + 2 + (1 + 32 * PROOF_MAX);

/// Bytes of the provider's part for one member, so that the response with this part alone fits [`CARD_MESSAGE_MAX`].
pub const ITEM_MAX: usize = CARD_MESSAGE_MAX - PART_OVERHEAD_MAX;

/// Likewise of a key exchange response in which there are peers' keys: it fits [`KEY_EXCHANGE_RESPONSE_MAX`].
pub const PEER_KEYS_ITEM_MAX: usize =
    KEY_EXCHANGE_RESPONSE_MAX - (PART_OVERHEAD_MAX - 32 * (PROOF_MAX - PEER_KEYS_PROOF_MAX));

/// Bytes of a request with every member in it, and of the response to it.
pub const MESSAGE_MAX: usize = MEMBERS_MAX * CARD_MESSAGE_MAX;

const _: () = {
    assert!(1 << PROOF_MAX == MEMBERS_MAX);
    assert!(PEERS_MAX <= MEMBERS_MAX);
    assert!(PEER_KEYS_MAX <= PEERS_MAX);
    assert!(1 << PEER_KEYS_PROOF_MAX == PEER_KEYS_MAX);
    assert!(PEER_KEYS_MAX * KEY_EXCHANGE_RESPONSE_MAX <= MESSAGE_MAX);
};
