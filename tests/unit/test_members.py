"""Which other nodes mirror to the same bucket, as its own clock tells."""

from datetime import datetime, timedelta

from backfiller.mirror.members import FOLDER, JOIN_SECONDS, LIVE, RENEW_SECONDS, Members
from common.errors import SegmentError
from tests.kit.build import at

NOW = at('2026-11-14T12:00:00')


class Folder:
    """The part of a bucket in which nodes leave their objects; its clock is its own."""

    url = 's3://archive'

    def __init__(self) -> None:
        self.now = NOW
        self.objects: dict[str, datetime] = {}
        self.requests = 0
        self.refuses = False

    def put(self, path: str, body: bytes, **arguments: str) -> None:
        self._asked()
        self.objects[path.removeprefix(FOLDER)] = self.now

    def modified(self, folder: str) -> dict[str, datetime]:
        self._asked()
        return dict(self.objects)

    def delete(self, path: str) -> None:
        del self.objects[path.removeprefix(FOLDER)]

    def _asked(self) -> None:
        self.requests += 1
        if self.refuses:
            raise SegmentError('refused', 'no')


class Node:
    """A node with a clock that a test moves; what it waited for is noted."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.seconds = 0.0
        self.waited: list[float] = []
        self.members = Members(
            folder,  # type: ignore[arg-type]
            name,
            monotonic=lambda: self.seconds,
            sleep=self.waited.append,
        )


def test_nodes_see_each_other_and_ask_again_only_when_it_is_time_to_renew() -> None:
    folder = Folder()
    a, b = Node(folder, 'a'), Node(folder, 'b')
    assert a.members.others() == []
    assert b.members.others() == ['a']
    assert folder.requests == 4
    assert a.members.others() == []
    assert folder.requests == 4
    a.seconds = RENEW_SECONDS
    assert a.members.others() == ['b']
    assert (a.waited, b.waited) == ([JOIN_SECONDS], [JOIN_SECONDS])  # only when they began


def test_a_node_that_was_not_renewed_is_dead_by_the_clock_of_the_bucket() -> None:
    folder = Folder()
    Node(folder, 'a').members.others()
    folder.now += LIVE
    b = Node(folder, 'b')
    assert b.members.others() == []
    folder.objects['a'] = folder.now - LIVE + timedelta(seconds=1)
    b.seconds = RENEW_SECONDS
    assert b.members.others() == ['a']


def test_a_node_that_leaves_is_gone_at_once_and_leaves_once() -> None:
    folder = Folder()
    a = Node(folder, 'a').members
    a.leave()
    a.others()
    a.leave()
    a.leave()
    assert folder.objects == {}


def test_a_bucket_that_does_not_let_us_leaves_all_hours_to_each() -> None:
    folder = Folder()
    Node(folder, 'a').members.others()
    folder.refuses = True
    assert Node(folder, 'b').members.others() == []
