"""What is done with each piece and each playlist: it is sent, or only looked for."""

import hashlib
from typing import Protocol

from backfiller.migrate.carry import Carried, Carrier
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.keys import Keys
from backfiller.migrate.ledger import Ledger
from backfiller.migrate.plan import Piece, Plan
from backfiller.migrate.shelf import Origins, Shelf, headers_of
from backfiller.mirror.objects import Sums
from common.errors import SegmentError


class Delivery(Protocol):
    """Both raise PieceError, and StoreError or SourceError if the bucket is of no use.

    If it `holds_back`, a playlist comes only when all that it names is there.
    """

    holds_back: bool

    def piece(self, piece: Piece) -> Carried:
        """The piece is in the bucket."""

    def playlist(self, plan: Plan) -> Carried:
        """The playlist is in the bucket as it was planned."""


class Sending:
    """Sends what is not there."""

    holds_back = True

    def __init__(self, carrier: Carrier, shelf: Shelf, keys: Keys, ledger: Ledger) -> None:
        self._carrier = carrier
        self._shelf = shelf
        self._keys = keys
        self._ledger = ledger

    def piece(self, piece: Piece) -> Carried:
        source = self._keys.source_of(piece.url)
        return self._ledger.once(piece.key, source, lambda: self._carrier.carry(piece, source))

    def playlist(self, plan: Plan) -> Carried:
        source = self._keys.source_of(plan.piece.url)
        return self._ledger.once(plan.piece.key, source, lambda: self._put(plan, source), passing=True)

    def _put(self, plan: Plan, source: str) -> Carried:
        key, size = plan.piece.key, len(plan.body)
        sums = Sums.of(plan.body)
        try:
            held = self._carrier.held(key, source)
            if held and held.has(sums, size):
                return Carried(size, was_sent=False)
            if held and not held.is_of(source):
                raise PieceError(Cause.REFUSED, f'{key} in the bucket is something else, and not ours')
            headers = headers_of(key, '', is_playlist=True)
            self._shelf.put(key, plan.body, sums, Origins(source), headers)
        except SegmentError as error:
            raise PieceError(Cause.STORE, str(error)) from error
        return Carried(size, was_sent=True)


class Looking:
    """Sends nothing: what is not in the bucket, from the same URL, is lacking."""

    holds_back = False

    def __init__(self, carrier: Carrier, keys: Keys, ledger: Ledger) -> None:
        self._carrier = carrier
        self._keys = keys
        self._ledger = ledger

    def piece(self, piece: Piece) -> Carried:
        source = self._keys.source_of(piece.url)
        return self._ledger.once(piece.key, source, lambda: self._found(piece.key, source, ''))

    def playlist(self, plan: Plan) -> Carried:
        piece, sha256 = plan.piece, hashlib.sha256(plan.body).hexdigest()
        source = self._keys.source_of(piece.url)
        return self._ledger.once(
            piece.key, source, lambda: self._found(piece.key, source, sha256), passing=True
        )

    def _found(self, key: str, source: str, sha256: str) -> Carried:
        try:
            held = self._carrier.held(key, source)
        except SegmentError as error:
            raise PieceError(Cause.STORE, str(error)) from error
        if not held:
            raise PieceError(Cause.STORE, f'{key} is not in the bucket')
        if not held.is_of(source):
            raise PieceError(Cause.STORE, f'{key} in the bucket does not say where it is from')
        if sha256 and held.sha256 != sha256:
            raise PieceError(Cause.STORE, f'{key} in the bucket is not what its server has now')
        return Carried(held.size_bytes, was_sent=False)
