"""How long to wait: between loads of a playlist (RFC 8216 section 6.3.4), and for answers."""

from backfiller.capture.download import Patience
from common.hls.playlist_reader import MediaPlaylist

SHORTEST_SECONDS = 0.1
SHORTEST_DEADLINE_SECONDS = 10.0
SHORTEST_SOFT_SECONDS = 2.0
MOST_DEADLINE_SECONDS = 60.0
LOAD_SECONDS = 3.0, 10.0
ENDED_SECONDS = 5.0, 30.0


def pause_seconds(offered: MediaPlaylist, *, changed: bool) -> float:
    """From the beginning of one load to the next.

    A target duration after a change, or as long as the last segment if that is shorter; half of a target
    duration after none, and never less, unless all that is offered is so short that it would be missed. An
    ended playlist is looked at now and then: the origin may begin again.
    """
    target = offered.target_duration
    if offered.ended:
        return min(max(3 * target, ENDED_SECONDS[0]), ENDED_SECONDS[1])
    spans = [each.duration.total_seconds() for each in offered.entries]
    pause = min(target, max(spans[-1], target / 2)) if changed and spans else target / 2
    if spans:
        pause = min(pause, sum(spans) / 2)
    return max(pause, SHORTEST_SECONDS)


def load_seconds(target_seconds: float) -> float:
    """The deadline of one load of the playlist, so that a server that hangs costs no segment."""
    shortest, longest = LOAD_SECONDS
    return min(max(shortest, 2 * target_seconds), longest)


def patience_for(target_seconds: float) -> Patience:
    """How long a segment may take."""
    return Patience(
        max(SHORTEST_SOFT_SECONDS, target_seconds),
        min(max(SHORTEST_DEADLINE_SECONDS, 3 * target_seconds), MOST_DEADLINE_SECONDS),
    )
