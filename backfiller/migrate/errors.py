"""Why a piece cannot be had. The decision is always the same: note it, go on with the next piece."""

from enum import StrEnum

from common.errors import SegmeshError


class Cause(StrEnum):
    """What is the matter with a piece."""

    GONE = 'gone'
    """Its server says that there is no such thing (404, 410)."""
    DENIED = 'denied'
    """Its server does not let us (401, 403)."""
    REFUSED = 'refused'
    """It makes no sense, or leads where it must not."""
    FAILING = 'failing'
    """Its server fails, is too slow, cannot be reached or breaks off."""
    STORE = 'store'
    """The bucket did not take it, or does not hold it."""

    @property
    def is_final(self) -> bool:
        """Whether asking again brings nothing."""
        return self in (Cause.GONE, Cause.REFUSED)


class PieceError(SegmeshError):
    """A piece, or a playlist, that cannot be had."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
