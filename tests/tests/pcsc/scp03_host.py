"""Yubico's host of Secure Channel Protocol '03', against the card in a PC/SC reader.

The arguments are the reader's name and, in hexadecimal, the name of a security domain, the version of its key set, and
its three keys ENC, MAC, DEK. Commands come on standard input, a line each: a plain command of four bytes and its data,
a space and the expected length if it has one; it goes through the secure channel. Each is answered with a line: the data of the response and its status word. The
first line says `open`, or `refused` when the card does not have these keys.
"""

import sys

from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core.smartcard import ApduError, SmartCardProtocol
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys


def answer(protocol, command, expected="00"):
    class_byte, instruction, p1, p2, *data = bytes.fromhex(command)
    try:
        return protocol.send_apdu(class_byte, instruction, p1, p2, bytes(data), int(expected, 16)).hex() + "9000"
    except ApduError as error:
        return error.data.hex() + f"{error.sw:04x}"


def main():
    reader, domain, version, *keys = sys.argv[1:]
    (found,) = [it for it in readers() if it.name == reader]
    protocol = SmartCardProtocol(ScardSmartCardConnection(found.createConnection()))
    protocol.select(bytes.fromhex(domain))
    parameters = Scp03KeyParams(KeyRef(ScpKid.SCP03, int(version, 16)), StaticKeys(*map(bytes.fromhex, keys)))
    try:
        protocol.init_scp(parameters)
    except (ValueError, ApduError):
        print("refused", flush=True)
        return
    print("open", flush=True)
    for line in sys.stdin:
        print(answer(protocol, *line.split()), flush=True)


main()
