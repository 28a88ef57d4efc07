"""The other end of an HPKE context, by pyhpke: one request a line on standard input, one answer a line.

Every word but the first is hexadecimal, "-" where it is empty.

    open <private scalar> <encapsulated key> <info> (<associated data> <ciphertext and tag>)...  ->  <plain text>...
    seal <public key> <info> (<associated data> <plain text>)...  ->  <encapsulated key> <ciphertext and tag>...
"""

import sys

from cryptography.hazmat.primitives.asymmetric import ec
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

SUITE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)


def open_all(scalar, encapsulated, info, *messages):
    key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    receiver = SUITE.create_recipient_context(encapsulated, KEMKey.from_pyca_cryptography_key(key), info=info)
    return [receiver.open(sealed, aad=associated) for associated, sealed in pairs(messages)]


def seal_all(public, info, *messages):
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    encapsulated, sender = SUITE.create_sender_context(KEMKey.from_pyca_cryptography_key(key), info=info)
    return [encapsulated] + [sender.seal(plain, aad=associated) for associated, plain in pairs(messages)]


def pairs(messages):
    return zip(messages[::2], messages[1::2], strict=True)


def main():
    verbs = {"open": open_all, "seal": seal_all}
    for line in sys.stdin:
        verb, *words = line.split()
        answer = verbs[verb](*(bytes.fromhex(word.strip("-")) for word in words))
        print(" ".join(item.hex() or "-" for item in answer))


if __name__ == "__main__":
    main()
