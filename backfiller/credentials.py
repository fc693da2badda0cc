"""The tokens that a backfiller shows, and the one that it wants to be shown."""

import os
from dataclasses import dataclass

from common.config import Settings
from common.http.tokens import Token, given_token
from common.settings.backfiller import Backfiller
from common.settings.restreamer import Restreamer


@dataclass(frozen=True)
class Credentials:
    """For the peers, for this node's own restreamer, and of whoever asks for a pass."""

    peers: Token | None = None
    own: Token | None = None
    admin: Token | None = None

    @classmethod
    def of(cls, given: Settings) -> 'Credentials':
        """As files and environment say; raises UsageError. A node's own tokens stand with its restreamer."""
        served, own = given.section(Restreamer), given.section(Backfiller)
        return cls(
            peers=given_token('peer_token', own.peer_token_file, os.environ),
            own=given_token('read_token', served.read_token_file, os.environ),
            admin=given_token('admin_token', served.admin_token_file, os.environ),
        )


NOBODY = Credentials()
