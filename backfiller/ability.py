"""Whether a peer knows more than the plain protocol."""

PLAIN_REQUESTS = 100
"""So often a peer that refused is spoken to plainly before it is tried again."""

REST_REQUESTS = 5


class Ability:
    """One thing beyond the plain protocol: used until the peer refuses it, and tried again now and then."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._plain_requests_left = 0

    def is_worth_trying(self) -> bool:
        """Ask it before each request."""
        if self._plain_requests_left > 0:
            self._plain_requests_left -= 1
            return False
        return self._wanted

    def was_refused(self) -> None:
        self._plain_requests_left = PLAIN_REQUESTS

    def failed(self) -> None:
        """It was not refused, and brought nothing: a short rest."""
        self._plain_requests_left = max(self._plain_requests_left, REST_REQUESTS)
