"""A PC/SC program of another hand: takes requests, a line each, and answers each with a line.

atr                waits for a card in the reader and connects to it: its ATR
now                connects to a card that has to be there: its ATR
t0                 the same by T=0, which the card does not offer
reset              a warm reset: the ATR
power              power off and on: the ATR
measure SECONDS    sends GET CHALLENGE over and over: how many were answered
other              a command APDU in hexadecimal: the response APDU

An answer in hexadecimal, or `error` and what PC/SC said. The reader's name is the argument.
"""

import sys
import time

from smartcard import scard

PATIENCE = 15  # seconds until a card is in the reader: pcscd starts, its drivers load, it looks every 0.4 s
PAUSE = 0.05


class PcscError(Exception):
    pass


def checked(answer):
    """What a call returns beside its result; some return nothing else."""
    result, *values = answer if isinstance(answer, (list, tuple)) else (answer,)
    if result != scard.SCARD_S_SUCCESS:
        raise PcscError(scard.SCardGetErrorMessage(result))
    return values


class Client:
    def __init__(self, reader):
        self.reader, self.context, self.card, self.protocol = reader, None, None, None

    def atr(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.connect()
            except PcscError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)

    def connect(self, protocol=scard.SCARD_PROTOCOL_T1):
        # A new context every time: an old one is worth nothing when pcscd has come back.
        if self.context is not None:
            scard.SCardReleaseContext(self.context)
        (self.context,) = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        self.card, self.protocol = checked(
            scard.SCardConnect(self.context, self.reader, scard.SCARD_SHARE_EXCLUSIVE, protocol)
        )
        return self.status()

    def status(self):
        _, _, _, atr = checked(scard.SCardStatus(self.card))
        return bytes(atr).hex()

    def again(self, how):
        checked(scard.SCardReconnect(self.card, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1, how))
        return self.status()

    def transmit(self, command):
        (response,) = checked(scard.SCardTransmit(self.card, self.protocol, list(command)))
        return bytes(byte & 0xFF for byte in response)

    def measure(self, seconds):
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            response = self.transmit(bytes.fromhex("0084000008"))
            if len(response) != 10 or response[-2:] != b"\x90\x00":
                raise PcscError(response.hex())
            count += 1
        return str(count)

    def answer(self, line):
        request, *arguments = line.split()
        if request == "atr":
            return self.atr()
        if request == "now":
            return self.connect()
        if request == "t0":
            return self.connect(scard.SCARD_PROTOCOL_T0)
        if request == "reset":
            return self.again(scard.SCARD_RESET_CARD)
        if request == "power":
            return self.again(scard.SCARD_UNPOWER_CARD)
        if request == "measure":
            return self.measure(float(arguments[0]))
        return self.transmit(bytes.fromhex(request)).hex()


def main():
    client = Client(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = client.answer(line)
        except PcscError as error:
            answer = f"error {error}"
        print(answer, flush=True)


main()
