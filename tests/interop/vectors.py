"""Verifies vector files of the transaction protocol from protocol/PROTOCOL.md alone: one line a file, or a failure.

Opens every seal with the private keys among the file's inputs, checks every signature, proof and answer, and compares
everything computed on the way with what the file says. Section numbers are those of PROTOCOL.md.
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives import cmac, hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

HPKE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SUITE = b"\x01"
HIDDEN, SHARED = 0x01, 0x08


# Section 2: primitives.


def digest(label, *fields):
    everything = [b"symbolon/1 " + label.encode(), *fields]
    return hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in everything)).digest()


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def account_proof(secret, said):
    context = cmac.CMAC(algorithms.AES(secret))
    context.update(said)
    return context.finalize()


def expand(prk, info):
    return HKDFExpand(hashes.SHA256(), 16, info).derive(prk)


def unseal(key, associated, sealed):
    return AESGCM(key).decrypt(bytes(12), sealed, associated)


def private_key(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


def public_bytes(scalar):
    return private_key(scalar).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def verify(key, message, signature):
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    check(s <= ORDER // 2, "S is in the lower half")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def receiver(scalar, encapsulated, info):
    return HPKE.create_recipient_context(
        encapsulated, KEMKey.from_pyca_cryptography_key(private_key(scalar)), info=info
    )


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def u16(number):
    return number.to_bytes(2, "big")


# Section 3: encoding.


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        check(self.at + count <= len(self.data), "the message ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def number(self):
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                check(byte or shift == 7, "a number is spelt canonically")
                return value

    def string(self):
        return self.take(self.number())

    def option(self, read):
        tag = self.byte()
        check(tag in (0, 1), "an option is absent or present")
        return read() if tag else None

    def before(self):
        return self.data[: self.at]

    def end(self):
        check(self.at == len(self.data), "nothing follows")


# Section 4: descriptor.


class Provider:
    def __init__(self, inputs, message):
        scalars = {name: bytes.fromhex(inputs["provider"][f"{name} scalar"]) for name in ("root", "encryption", "signing")}
        root = public_bytes(scalars["root"])
        check(message[:2] == SUITE + b"\x09", "a descriptor")
        reader = Reader(message[2:])
        reader.number()
        self.id = reader.take(16)
        self.encryption_scalar = scalars["encryption"]
        check(reader.take(65) == public_bytes(scalars["encryption"]), "the encryption key")
        self.verification = reader.take(65)
        check(self.verification == public_bytes(scalars["signing"]), "the verification key")
        check(reader.number() < reader.number(), "validity")
        descriptor = reader.before()
        signature = reader.take(64)
        reader.end()
        check(self.id == digest("provider id", root)[:16], "the provider's identification")
        self.key_id = digest("key id", descriptor)[:16]
        signed = digest("descriptor signature", SUITE, descriptor)
        verify(root, signed, signature)
        self.computed = {"provider id": self.id, "key id": self.key_id, "signed": signed}


# Section 5: trees and batches.


class Node:
    pass


def read_tree(message, kind):
    check(message[:2] == SUITE + bytes([kind]), "suite and kind")
    reader = Reader(message[2:])
    nodes = []
    for number in range(reader.number()):
        node = Node()
        node.number, node.kind = number, kind
        node.count, node.own, node.signature = reader.byte(), reader.string(), reader.string()
        node.parent, node.children = None, []
        nodes.append(node)
    reader.end()
    open_nodes = []
    for node in nodes:
        check(bool(open_nodes) == (node.number > 0), "exactly one tree")
        if open_nodes:
            node.parent = open_nodes[-1].number
            open_nodes[-1].children.append(node)
        open_nodes.append(node)
        while open_nodes and len(open_nodes[-1].children) == open_nodes[-1].count:
            open_nodes.pop()
    check(not open_nodes, "all children are there")
    for node in reversed(nodes):
        below = [part for child in node.children for part in (child.digest, child.signature)]
        node.digest = digest("node", bytes([kind]), sha256(node.own), bytes([node.count]), *below)
    return nodes


def check_node(node, key, signature):
    signed = digest("node signature", node.digest)
    verify(key, signed, signature)
    return {"own": sha256(node.own), "node": node.digest, "signed": signed, "signature": signature}


def check_session_node(node, session):
    if not session.options & HIDDEN:
        return check_node(node, session.verification, node.signature)
    key = session.private_key(node.kind, 6)
    computed = check_node(node, session.verification, unseal(key, node.digest, node.signature))
    computed["key of the signature"] = key
    return computed


def leaf_hash(leaf):
    return sha256(b"\x00" + leaf)


def root_of_path(number, count, leaf, path):
    """RFC 9162, section 2.1.3.2."""
    node, last, value = number, count - 1, leaf_hash(leaf)
    for sibling in path:
        check(last > 0, "the proof is no longer than it must be")
        if node & 1 or node == last:
            value = sha256(b"\x01" + sibling + value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + sibling)
        node, last = node >> 1, last >> 1
    check(last == 0, "the proof is no shorter than it must be")
    return value


def read_batch(provider, message, kind, group, requests):
    check(message[:2] == SUITE + bytes([kind]), "suite and kind")
    reader = Reader(message[2:])
    check(reader.take(32) == group, "the group")
    check(reader.take(32) == requests[0], "the root request")
    count = reader.number()
    signature = reader.take(64)
    check(count == len(requests) == reader.number(), "the count of members")
    items, leaves, roots = [], [], set()
    for number, request in enumerate(requests):
        check(reader.number() == number, "the number of a part")
        salt, item = reader.take(16), reader.string()
        path = [reader.take(32) for _ in range(reader.number())]
        leaf = digest("batch leaf", bytes([kind]), u16(number), u16(count), request, salt, item)
        roots.add(root_of_path(number, count, leaf, path))
        items.append(item)
        leaves.append(leaf)
    reader.end()
    check(len(roots) == 1, "all proofs lead to one root")
    root = roots.pop()
    signed = digest("batch signature", SUITE, bytes([kind]), group, requests[0], u16(count), root)
    verify(provider.verification, signed, signature)
    return items, root, {"leaves": leaves, "root": root, "signed": signed}


# Section 6: key exchange.


class Session:
    def private_key(self, kind, field):
        return expand(self.private, digest("traffic", bytes([kind]), bytes([field])))

    def group_key(self, kind, field):
        if self.shared is None:
            return self.private_key(kind, field)
        return expand(self.shared, digest("group traffic", bytes([kind]), bytes([field]), u16(self.number)))

    def check_header(self, reader):
        check(reader.take(16) == self.transaction, "the transaction")
        check(reader.take(32) == self.group, "the group")
        check(reader.number() == self.number, "the member's number")


def keys_of(reader):
    return reader.option(lambda: (reader.take(65), reader.take(65)))


def key_exchange_request(provider, node, member):
    reader = Reader(node.own)
    options = reader.byte()
    check(options == member["options"], "the options")
    check(reader.take(16) == provider.key_id, "the key identification")
    open_keys = keys_of(reader)
    reader.string()
    outer = reader.before()
    encapsulated, sealed = reader.take(65), reader.string()
    reader.end()

    info = digest("cryptogram 1", SUITE, provider.id, provider.key_id)
    context = receiver(provider.encryption_scalar, encapsulated, info)
    plain = context.open(sealed, aad=outer)
    reader = Reader(plain)
    session = Session()
    session.options, session.node = options, node
    session.challenge = reader.take(32)
    hidden_keys = keys_of(reader)
    check((hidden_keys is None) != (open_keys is None), "keys are here or there")
    session.verification, session.encryption = hidden_keys or open_keys
    endorsement = reader.option(lambda: (reader.take(65), reader.take(64)))
    reader.string()
    account = reader.option(reader.string)
    before_proof = reader.before()

    session.encryption_scalar = bytes.fromhex(member["encryption scalar"])
    check(session.encryption == public_bytes(session.encryption_scalar), "the member's encryption key")
    own_scalar = bytes.fromhex(member["fresh scalar"] or member["registered scalar"])
    check(session.verification == public_bytes(own_scalar), "the member's verification key")

    signature = context.open(node.signature, aad=node.digest) if options & HIDDEN else node.signature
    computed = check_node(node, session.verification, signature)
    computed |= {"cryptogram 1 info": info, "cryptogram 1": plain}
    if endorsement:
        registered, signature = endorsement
        check(registered == public_bytes(bytes.fromhex(member["registered scalar"])), "the registered key")
        computed["endorsed"] = digest("endorsement", SUITE, session.verification, provider.key_id)
        verify(registered, computed["endorsed"], signature)
    if account is not None:
        check(account.hex() == member["account"], "the account")
        computed["account said"] = digest("account proof, key exchange", outer, before_proof)
        computed["account proof"] = reader.take(16)
        expected = account_proof(bytes.fromhex(member["account secret"]), computed["account said"])
        check(computed["account proof"] == expected, "the account proof")
    reader.end()
    return session, computed


def commitment_of(salt, key):
    return digest("key commitment", salt, key)


def key_exchange_response(provider, inputs, sessions, message):
    members = inputs["members"]
    transaction = bytes.fromhex(inputs["transaction"])
    salts = [bytes.fromhex(member["commitment salt"]) for member in members]
    commitments = [commitment_of(salt, session.verification) for salt, session in zip(salts, sessions, strict=True)]
    requests = [session.node.digest for session in sessions]
    fields = [transaction, requests[0], bytes([int(bool(sessions[0].options & SHARED))]), u16(len(sessions))]
    for number, session in enumerate(sessions):
        parent = 0xFFFF if session.node.parent is None else session.node.parent
        fields += [u16(number), u16(parent), commitments[number], requests[number]]
    group = digest("group", *fields)
    items, _, computed = read_batch(provider, message, 2, group, requests)
    parts = []
    for number, (session, item) in enumerate(zip(sessions, items, strict=True)):
        session.number, session.group, session.transaction = number, group, transaction
        parts.append(finish(provider, session, item, commitments))
    return computed | {"commitments": commitments, "group": group, "members": parts}


def finish(provider, session, item, commitments):
    reader = Reader(item)
    check(reader.take(32) == session.node.digest, "the request")
    check(reader.take(32) == session.group, "the group")
    check(reader.number() == session.number, "the number")
    check(reader.number() == len(commitments), "the count")
    check(reader.byte() == session.options, "the options")
    plain_transaction = reader.option(lambda: reader.take(16))
    reader.string()
    outer = reader.before()
    encapsulated, sealed = reader.take(65), reader.string()
    plain_answer = reader.option(lambda: reader.take(32))
    reader.end()

    info = digest("cryptogram 2", SUITE, provider.id, provider.key_id)
    plain = receiver(session.encryption_scalar, encapsulated, info).open(sealed, aad=outer)
    reader = Reader(plain)
    secret, session.provider_challenge = reader.take(32), reader.take(32)
    check(reader.number() == 0, "granted")
    inner_transaction = reader.option(lambda: reader.take(16))
    inner_answer = reader.option(lambda: reader.take(32))
    shared = reader.option(lambda: reader.take(32))
    for _ in range(reader.number()):
        reader.number()
        reader.string().decode()
    check_peers(reader.string(), commitments)
    reader.string()
    reader.end()
    check((inner_transaction or plain_transaction) == session.transaction, "the transaction")
    check((shared is not None) == bool(session.options & SHARED), "a shared secret where it was asked for")

    said = digest("member answer", session.node.digest, outer, secret, session.provider_challenge)
    answer = inner_answer or plain_answer
    check(answer == mac(session.challenge, said), "the answer to the member challenge")
    session.t = digest("session", session.node.digest, item)
    # HKDF-Extract is HMAC with the salt as its key (RFC 5869, section 2.2).
    session.private = mac(session.t, secret + session.challenge)
    session.shared = None if shared is None else mac(session.group, shared)
    return {
        "cryptogram 2 info": info,
        "cryptogram 2": plain,
        "answer said": said,
        "answer to the member challenge": answer,
        "T": session.t,
        "private PRK": session.private,
        "group PRK": session.shared,
    }


def check_peers(peers, commitments):
    reader = Reader(peers)
    for commitment in commitments if peers else []:
        reader.option(reader.number)
        reader.take(32)
        form = reader.number()
        key = reader.take(65) if form < 2 else None
        salt = reader.take(16) if form == 1 else b""
        stated = commitment_of(salt, key) if key else reader.take(32)
        check(stated == commitment, "a peer's key")
    reader.end()


# Section 7: transaction.


def transaction_request(node, session, member):
    reader = Reader(node.own)
    session.check_header(reader)
    reader.string()
    outer = reader.before()
    cryptogram_3, terms = reader.string(), reader.string()
    before_private = reader.before()
    private = reader.string()
    reader.end()

    computed = check_session_node(node, session)
    keys = session.private_key(3, 1), session.group_key(3, 2), session.private_key(3, 3)
    answer, terms, private = (
        unseal(key, outer, sealed) for key, sealed in zip(keys, (cryptogram_3, terms, private), strict=True)
    )
    check(answer == mac(session.provider_challenge, digest("provider answer", session.t)), "the answer")
    reader = Reader(private)
    check(reader.string().hex() == member["account"], "the account")
    reader.string()
    said = digest("account proof, transaction", session.t, before_private, terms, reader.before())
    proof = reader.take(16)
    reader.end()
    check(proof == account_proof(bytes.fromhex(member["account secret"]), said), "the account proof")
    return computed | {
        "key of cryptogram 3": keys[0],
        "answer to the provider challenge": answer,
        "key of the terms": keys[1],
        "terms": terms,
        "key of the private field": keys[2],
        "private field": private,
        "account said": said,
        "account proof": proof,
    }


def transaction_response(session, request, item):
    reader = Reader(item)
    session.check_header(reader)
    check(reader.take(32) == request, "the request")
    reader.string()
    outer = reader.before()
    display, private = reader.string(), reader.string()
    reader.end()
    keys = session.group_key(4, 4), session.private_key(4, 3)
    return {
        "key of the display": keys[0],
        "display": unseal(keys[0], outer, display),
        "key of the private field": keys[1],
        "private field": unseal(keys[1], outer, private),
    }


# Section 8: acknowledgment and final notice.


def acknowledgment(node, session, root):
    reader = Reader(node.own)
    session.check_header(reader)
    check(reader.take(32) == root, "the root of the response")
    check(reader.number() in (0, 1), "accept or reject")
    reader.string()
    outer = reader.before()
    data, sensitive = reader.string(), reader.string()
    reader.end()
    computed = check_session_node(node, session)
    keys = session.group_key(5, 5), session.private_key(5, 3)
    return computed | {
        "key of the data": keys[0],
        "data": unseal(keys[0], outer, data),
        "key of the sensitive data": keys[1],
        "sensitive data": unseal(keys[1], outer, sensitive),
    }


def final_notice(session, request, item):
    reader = Reader(item)
    session.check_header(reader)
    check(reader.take(32) == request, "the request")
    check(reader.number() in (0, 1), "posted or released")
    reader.string()
    outer = reader.before()
    receipt = reader.string()
    reader.end()
    key = session.private_key(6, 7)
    return {"key of the receipt": key, "receipt": unseal(key, outer, receipt)}


def compute(inputs, messages):
    """Everything that both ends of the exchange compute on the way."""
    messages = {name: bytes.fromhex(message) for name, message in messages.items()}
    members = inputs["members"]
    provider = Provider(inputs, messages["descriptor"])
    computed = {"provider": provider.computed}

    nodes = read_tree(messages["key exchange request"], 1)
    check([node.parent for node in nodes] == [member["parent"] for member in members], "the tree's shape")
    opened = [key_exchange_request(provider, node, member) for node, member in zip(nodes, members, strict=True)]
    sessions = [session for session, _ in opened]
    computed["key exchange request"] = [one for _, one in opened]
    response = key_exchange_response(provider, inputs, sessions, messages["key exchange response"])
    computed["key exchange response"] = response
    group = response["group"]

    def answered(kind, name, nodes, read):
        requests = [node.digest for node in nodes]
        items, root, one = read_batch(provider, messages[name], kind, group, requests)
        parts = [read(*part) for part in zip(sessions, requests, items, strict=True)]
        computed[name] = one | {"members": parts}
        return root

    nodes = read_tree(messages["transaction request"], 3)
    parts = zip(nodes, sessions, members, strict=True)
    computed["transaction request"] = [transaction_request(*part) for part in parts]
    root = answered(4, "transaction response", nodes, transaction_response)
    if "acknowledgment" in messages:
        nodes = read_tree(messages["acknowledgment"], 5)
        parts = zip(nodes, sessions, strict=True)
        computed["acknowledgment"] = [acknowledgment(*part, root) for part in parts]
        answered(6, "final notice", nodes, final_notice)
    return computed


def compare(found, expected, path):
    """Compares two trees of values; gives how many there are."""
    if isinstance(expected, dict):
        check(found.keys() == expected.keys(), f"{path} has {sorted(found)}, not {sorted(expected)}")
        return sum(compare(found[name], expected[name], f"{path}/{name}") for name in expected)
    if isinstance(expected, list):
        check(len(found) == len(expected), f"{path} has another length")
        return sum(compare(one, other, f"{path}/{n}") for n, (one, other) in enumerate(zip(found, expected)))
    found = found.hex() if isinstance(found, bytes) else found
    check(found == expected, f"{path} is {found}, not {expected}")
    return 1


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            vector = json.load(file)
        count = compare(compute(vector["inputs"], vector["messages"]), vector["computed"], "")
        print(f"{path}: {count} values agree")


if __name__ == "__main__":
    main()
