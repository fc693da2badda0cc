"""How much of what is dear runs at once, and how much of a request is read."""

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout, ServiceUnavailable

RETRY_SECONDS = 5


class Gate:
    """Lets so many in at once; the next is answered 503, with the time after which to come again.

    `with gate:` goes around the whole of the work. Of an answer that is streamed this is the generator's
    body, so call `check` before that, while there is still an answer to give, and after all that waits.
    """

    def __init__(self, most: int, what: str = 'such requests') -> None:
        self._most = most
        self._what = what
        self._inside = 0

    def check(self) -> None:
        """Raises ServiceUnavailable if nobody more is let in."""
        if self._inside >= self._most:
            sentence = f'{self._most} {self._what} are being answered, which is all that is done at once'
            raise ServiceUnavailable(f'{sentence}: try again later', retry_after=RETRY_SECONDS)

    def __enter__(self) -> None:
        self.check()
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1


def body(most_bytes: int, too_large: str) -> bytes:
    """The body of the request; raises what is answered if it is larger, breaks off, or comes too slowly."""
    if (request.content_length or 0) > most_bytes:
        raise RequestEntityTooLarge(too_large)
    try:
        found: bytes = request.stream.read(most_bytes + 1)
    except TimeoutError:
        raise RequestTimeout('the body did not come in time') from None
    except (OSError, ValueError):
        raise BadRequest('the body broke off') from None
    if len(found) > most_bytes:
        raise RequestEntityTooLarge(too_large)
    return found
