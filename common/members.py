"""What the names of an hour are: its members, told apart without parsing them.

Fragments of MP4 and their init sections are members like transport streams and tombstones, and replicate like
these. Who plays, counts, or speaks the plain protocol has to do with some of them only.
"""

from collections.abc import Iterable

from common.segment import (
    INIT_SUFFIX,
    SEGMENT_SUFFIX,
    TOMBSTONE_SUFFIX,
    hash_in,
    init_in,
    is_init,
    is_tombstone,
)

_NO_SEGMENTS = TOMBSTONE_SUFFIX, INIT_SUFFIX


def without_tombstones(names: Iterable[str]) -> list[str]:
    """The names of what has bytes, sorted: init sections and segments."""
    return sorted(name for name in names if not is_tombstone(name))


def segments_only(names: Iterable[str]) -> list[str]:
    """The names of segments, sorted by time: what can be counted and lasts."""
    return sorted(name for name in names if not name.endswith(_NO_SEGMENTS))


def plain_only(names: Iterable[str]) -> list[str]:
    """The names of transport streams, sorted by time: what the plain protocol lists."""
    return sorted(name for name in names if name.endswith(SEGMENT_SUFFIX))


def playable_only(names: Iterable[str]) -> list[str]:
    """The names of segments, sorted by time, less the fragments whose init section is not among the names.

    Such a fragment is held, listed and replicated like any other, but nothing can play it.
    """
    names = list(names)
    sections = {hash_in(name) for name in names if is_init(name)}
    segments = segments_only(names)
    return [name for name in segments if not (init := init_in(name)) or init in sections]
