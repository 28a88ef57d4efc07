"""pyscard's card monitor: says what it sees, a line each, until its standard input ends.

`inserted READER ATR` for a card that came or was there, `removed READER ATR` for one that is gone.
"""

import sys

from smartcard.CardMonitoring import CardMonitor, CardObserver


class Teller(CardObserver):
    def update(self, observable, handlers):
        for what, cards in zip(("inserted", "removed"), handlers):
            for card in cards:
                print(what, str(card.reader).replace(" ", "_"), bytes(card.atr).hex(), flush=True)


CardMonitor().addObserver(Teller())
sys.stdin.read()
