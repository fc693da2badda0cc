"""One exception class per decision that a caller makes.

SegmeshError
├── UsageError      the person who started us has to change something: say so, exit 2
├── SegmentError    this one segment cannot be had or kept: count it, go on with the next
├── BatchError      this stream of several segments is of no more use: ask again for those that did not come
├── ListingError    this one listing cannot be used: count it, go on with the next hour
├── SourceError     this place cannot be read now: leave it, back off, go on with the other places
├── StoreError      our own place can take nothing now: stop adding, say why, try again later
└── StoppedError    we were told to stop before the end: say so, exit 1
"""


class SegmeshError(Exception):
    """Every error that segmesh raises on purpose; its text says what, where, why, and what to do."""


class UsageError(SegmeshError):
    """A flag, environment variable, file or address is wrong."""


class SegmentError(SegmeshError):
    """One segment is wrong, missing or unreadable.

    `reason` is one of a small fixed set of words, fit for a metric's label: `name`, `hash`, `size`,
    `missing`, `truncated`, `deadline`, `refused`, `unreadable`, `unwritable`, `encoder`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BatchError(SegmeshError):
    """A stream of segments broke off or is not what was promised; the segments before that are good."""


class ListingError(SegmeshError):
    """A listing is not what was promised: not JSON, too long, of another shape, or unreadable."""


class SourceError(SegmeshError):
    """A place cannot be reached or refuses everything."""


class StoreError(SegmeshError):
    """A place cannot be written at all: the disk is full or read-only, the bucket denies access."""


class StoppedError(SegmeshError):
    """A signal came before the work was done."""
