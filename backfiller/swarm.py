"""Many peers at once: passes that look, lanes that fetch, and between them the plan of who brings what."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gevent.event import Event as Signal
from gevent.lock import BoundedSemaphore

from backfiller import sync
from backfiller.lane import LANES, Events, Lane
from backfiller.peer import Peer
from backfiller.plan import Arrival, Plan, Room
from backfiller.together import together
from backfiller.worker import Worker
from common.errors import ListingError
from common.offload import OffloadedDisk, offload
from common.segment import Hour, Segment

MOST_OUTSTANDING = 4000
"""A pass that has found so much waits before it looks further, which bounds memory."""

LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Brought:
    """The peer brought these segments of one hour, and they are held."""

    added: tuple[sync.Added, ...]


@dataclass(frozen=True, slots=True)
class Spared:
    """The peer has the segment, and another one brought it, or its twin."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Doubled:
    """The segments were asked of this peer although another one had been asked, which is slow."""

    segments: tuple[Segment, ...]


Event = sync.Event | Brought | Spared | Doubled
Note = Callable[[Event], None]


class Swarm:
    """Brings into a disk what it lacks of its peers, each segment from one of those that have it."""

    def __init__(self, disk: OffloadedDisk, clock: Callable[[], float] = time.monotonic) -> None:
        self.disk = disk
        self.plan = Plan()
        self._clock = clock
        self._changed = Signal()
        self._listing = BoundedSemaphore()
        self._hiring = BoundedSemaphore()
        self._visits: dict[str, _Visit] = {}
        self._workers: dict[str, Worker[Events]] = {}
        self._spare: list[Worker[Events]] = []
        self._idle: dict[str, list[Lane]] = {}
        self._busy: dict[str, list[Lane]] = {}

    def run(self, peer: Peer, hours: Iterable[Hour], *, wanted: sync.Wanted, note: Note) -> None:
        """A pass over hours of a peer, which says what happens as it happens.

        It ends when each segment that the peer has and we lacked was brought by somebody, or failed here.
        Raises SourceError or StoreError: what came before counts, and the rest is left to the other peers.
        """
        visit = self._visits[peer.url] = _Visit(self, peer, note)
        try:
            together([lambda: visit.look(hours, wanted), *[visit.fetch] * LANES])
        finally:
            del self._visits[peer.url]
            self.plan.leave(peer.url)
            self.has_changed()

    def known(self, room: Room) -> sync.Known:
        """What we hold of the room's hour, listed once for all who are in it; raises ListingError."""
        with self._listing:
            if not room.known:
                room.known = offload(self._list, room.hour)
            return room.known

    def has_changed(self) -> None:
        """Wakes all who wait for something to do."""
        self._changed.set()
        self._changed.clear()

    def wait_for_change(self) -> None:
        self._changed.wait(LOOK_SECONDS)

    @contextmanager
    def lane(self, peer: Peer) -> Iterator[Lane]:
        """A lane to the peer for the length of the block: one that is left from before, or a new one."""
        lane, busy = self._lane_to(peer), self._busy.setdefault(peer.url, [])
        busy.append(lane)
        try:
            yield lane
        finally:
            busy.remove(lane)
            if lane.worker is self._workers.get(peer.url):
                self._idle[peer.url].append(lane)

    def has_arrived(self, arrival: Arrival) -> None:
        """Tells those who have the segment or its twin, or even fetch it, that it is here."""
        for url, spared in arrival.spared:
            if url in self._visits:
                self._visits[url].note(Spared(spared))
        for url, unneeded in arrival.fetchers:
            for lane in self._busy.get(url, ()):
                lane.spare(unneeded)

    def forget(self, peer: Peer) -> None:
        """Closes the lanes to a peer over which no pass runs any more."""
        self._busy.pop(peer.url, None)
        for lane in self._idle.pop(peer.url, ()):
            lane.close()
        worker = self._workers.pop(peer.url, None)
        if worker and not worker.hangs():
            self._spare.append(worker)

    def _lane_to(self, peer: Peer) -> Lane:
        with self._hiring:
            worker = self._workers.get(peer.url)
            if not worker or worker.hangs():  # such a one is left to itself
                worker = self._workers[peer.url] = self._spare.pop() if self._spare else Worker()
                self._idle[peer.url] = []
        idle = self._idle[peer.url]
        return idle.pop() if idle else Lane(peer.fetcher(), worker)

    def now(self) -> float:
        return self._clock()

    def _list(self, hour: Hour) -> sync.Known:
        return sync.Known(hour, self.disk.disk.names(hour), skip_twins=True)


class _Visit:
    """One pass over one peer: a look at its hours, while lanes fetch what was found."""

    def __init__(self, swarm: Swarm, peer: Peer, note: Note) -> None:
        self._swarm = swarm
        self._plan = swarm.plan
        self._peer = peer
        self._url = peer.url
        self.note = note
        self._has_looked = False

    def look(self, hours: Iterable[Hour], wanted: sync.Wanted) -> None:
        """Offers to the plan what the peer has and we lack."""
        for hour in hours:
            try:
                self._look_at(hour, wanted)
            except ListingError as error:
                self.note(sync.Unlisted(hour, error))
            while self._plan.outstanding(self._url) > MOST_OUTSTANDING:
                self._swarm.wait_for_change()
        self._has_looked = True
        self._swarm.has_changed()

    def fetch(self) -> None:
        """Brings one share after the other, until nothing of the peer is outstanding."""
        while not (self._has_looked and not self._plan.outstanding(self._url)):
            if not self._plan.outstanding(self._url):
                self._swarm.wait_for_change()
                continue
            with self._swarm.lane(self._peer) as lane:
                self._fetch_some(lane)

    def _look_at(self, hour: Hour, wanted: sync.Wanted) -> None:
        theirs = self._peer.names(hour)
        if not theirs:
            return
        with self._plan.room(hour) as room:
            known = self._swarm.known(room)
            difference = offload(sync.compare, hour, theirs, known, wanted)
            if difference.refused:
                self.note(sync.refused(hour, difference.refused))
            self.note(sync.Compared(hour, len(difference.missing)))
            self._plan.offer(self._url, room, difference.missing)
        self._swarm.has_changed()

    def _fetch_some(self, lane: Lane) -> None:
        """One share, or a wait for what others have under way."""
        now = self._swarm.now()
        if share := self._plan.take(self._url, now, lane.share_bytes):
            self._carry(lane, share)
        elif share := self._plan.take_late(self._url, now):
            self.note(Doubled(tuple(share)))
            self._carry(lane, share)
        else:
            self._swarm.wait_for_change()

    def _carry(self, lane: Lane, share: list[Segment]) -> None:
        def tell(events: Events) -> None:
            self._settle(events)
            self._swarm.has_changed()

        try:
            lane.carry(share, self._swarm.disk.disk, tell)
        finally:
            self._plan.give_back(self._url, share)
            self._swarm.has_changed()

    def _settle(self, events: Events) -> None:
        """Tells the plan, and then whoever has to know."""
        added = []
        for event in events:
            if isinstance(event, sync.Added):
                arrival = self._plan.held(self._url, event.segment, event.size_bytes)
                added += [event] if arrival.needed else []
                self._swarm.has_arrived(arrival)
            elif self._plan.failed(self._url, event.segment):
                self.note(event)
        if added:
            self.note(Brought(tuple(added)))
