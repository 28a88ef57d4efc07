//! Every domain-separation label, so that nothing made for one purpose can be read as made for another.
//!
//! A label is the first field of the hash, HMAC, key derivation or signature that it names.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &[u8] = $text;)*
        /// All labels, for the test that no two are the same.
        pub const ALL: &[&[u8]] = &[$($name),*];
    };
}

labels! {
    /// Digest of a provider's root verification key: the provider's identification.
    PROVIDER_ID = b"symbolon/1 provider id";
    /// Digest of a descriptor: its key identification.
    KEY_ID = b"symbolon/1 key id";
    /// The root key's signature on a descriptor.
    DESCRIPTOR_SIGNATURE = b"symbolon/1 descriptor signature";
    /// HPKE `info` of cryptogram 1.
    CRYPTOGRAM_1 = b"symbolon/1 cryptogram 1";
    /// HPKE `info` of cryptogram 2.
    CRYPTOGRAM_2 = b"symbolon/1 cryptogram 2";
    /// A registered key's signature on a fresh one.
    ENDORSEMENT = b"symbolon/1 endorsement";
    /// Digest of a signed node.
    NODE = b"symbolon/1 node";
    /// A member's signature on its node's digest.
    NODE_SIGNATURE = b"symbolon/1 node signature";
    /// Digest of a leaf of a response batch.
    BATCH_LEAF = b"symbolon/1 batch leaf";
    /// The provider's signature on a response batch.
    BATCH_SIGNATURE = b"symbolon/1 batch signature";
    /// Answer to the member challenge.
    MEMBER_ANSWER = b"symbolon/1 member answer";
    /// Answer to the provider challenge.
    PROVIDER_ANSWER = b"symbolon/1 provider answer";
    /// Commitment to a member's verification key.
    KEY_COMMITMENT = b"symbolon/1 key commitment";
    /// Group identification.
    GROUP = b"symbolon/1 group";
    /// Digest of a member's key exchange.
    SESSION = b"symbolon/1 session";
    /// Key derivation of private traffic keys.
    TRAFFIC = b"symbolon/1 traffic";
    /// Key derivation of traffic keys from the shared secret of a group.
    GROUP_TRAFFIC = b"symbolon/1 group traffic";
    /// Account proof in a key exchange request.
    ACCOUNT_KEY_EXCHANGE = b"symbolon/1 account proof, key exchange";
    /// Account proof in a transaction request.
    ACCOUNT_TRANSACTION = b"symbolon/1 account proof, transaction";
    /// Digest of a whole message, by which stored answers are found again.
    MESSAGE = b"symbolon/1 message";
    /// Digest of the verified names that a member was given.
    PARTIES = b"symbolon/1 parties";
}
