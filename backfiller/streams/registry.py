"""What a registry of streams tells a node, whatever it is kept in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gevent.event import Event

from backfiller.streams.stream import Stream

WHOLE = '*'
"""In `problems`: the registry as a whole."""


@dataclass(frozen=True)
class Look:
    """The streams of a registry as they were last known to be good.

    `mine` are the names of those that this node is to record now. `problems` says of a stream, or of the
    whole, why what stands there now is not what is in force. The next look is due after `again_seconds`.
    `leases` are the slots that this node holds, by stream.
    """

    streams: Mapping[str, Stream]
    mine: frozenset[str]
    problems: Mapping[str, str] = field(default_factory=dict)
    again_seconds: float = 1.0
    leases: Mapping[str, int] = field(default_factory=dict)


class Registry(Protocol):
    """Where it stands which streams there are."""

    @property
    def url(self) -> str:
        """How to call it, without a secret."""
        ...

    def look(self) -> Look:
        """Reads it as it stands now; raises SourceError while it cannot be asked."""
        ...

    def watch(self, wake: Event) -> None:
        """Sets the event when something may have changed; goes on until killed."""
        ...

    def about(self) -> dict[str, Any]:
        """What /status says of it besides."""
        ...

    def close(self) -> None:
        """Lets go of what this node holds in it; raises SourceError."""
        ...
