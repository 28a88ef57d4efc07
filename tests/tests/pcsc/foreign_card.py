"""A card that is not ours, in a slot of the virtual reader: a bank's payment card, as far as a terminal asks at first.

Usage: foreign_card.py PORT. Says "in" once the reader has asked it for something.
"""

import socket
import struct
import sys

ATR = bytes.fromhex("3B6500002063CB6A00")  # direct convention, T=0, five historical bytes
PAYMENT = bytes.fromhex("00A404000E") + b"1PAY.SYS.DDF01"


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def answer(command):
    if command == b"\x04":
        return ATR
    if len(command) == 1:
        return None
    return bytes.fromhex("6F009000") if command.startswith(PAYMENT) else bytes.fromhex("6A82")


connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
told = False
while True:
    (length,) = struct.unpack(">H", receive(connection, 2))
    response = answer(receive(connection, length))
    if response is not None:
        connection.sendall(struct.pack(">H", len(response)) + response)
    if not told:
        print("in", flush=True)
        told = True
