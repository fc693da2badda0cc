"""Whether a peer knows more than the plain protocol."""

PLAIN_REQUESTS = 100
"""So often a peer that refused is spoken to plainly before it is tried again."""


class Ability:
    """One thing beyond the plain protocol: used until the peer refuses it, and tried again now and then."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._plain_requests_left = 0

    def is_worth_trying(self) -> bool:
        """Ask it before each request."""
        if self._plain_requests_left:
            self._plain_requests_left -= 1
            return False
        return self._wanted

    def was_refused(self) -> None:
        self._plain_requests_left = PLAIN_REQUESTS
