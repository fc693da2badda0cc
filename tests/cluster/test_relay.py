"""How soon what an encoder publishes stands in live playlists, of the node that captures and of the next."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import gevent
import pytest
import requests
from gevent.event import Event

from common.hls.playlist_reader import parse_media
from deploy.demo import video
from tests.kit.live import serving
from tests.kit.process import Process, backfiller, eventually, restreamer, running

MOST_SECONDS = 3 * video.LIVE_SECONDS
SEGMENTS = 5
BETWEEN_POLLS_SECONDS = 0.05


@dataclass
class Seen:
    """When each segment was first seen in a playlist, by its start."""

    url: str
    at: dict[datetime, float] = field(default_factory=dict)

    def follow(self, enough: Event) -> None:
        with requests.Session() as session:
            while not enough.wait(BETWEEN_POLLS_SECONDS):
                self._note(session.get(self.url, timeout=10))

    def _note(self, answer: requests.Response) -> None:
        if answer.status_code == 200:
            for each in parse_media(answer.text, self.url).entries:
                if each.start:
                    self.at.setdefault(each.start, time.monotonic())

    def delays(self, published: 'Seen') -> dict[datetime, float]:
        """After the origin's playlist; what that had before we looked is left out."""
        first = min(published.at, default=None)
        return {
            start: self.at[start] - at
            for start, at in published.at.items()
            if start in self.at and start != first
        }


@contextmanager
def following(*urls: str) -> Iterator[list[Seen]]:
    found, enough = [Seen(url) for url in urls], Event()
    greenlets = [gevent.spawn(each.follow, enough) for each in found]
    try:
        yield found
    finally:
        enough.set()
        gevent.joinall(greenlets, raise_error=True)


@pytest.mark.slow
def test_live_playlists_of_all_nodes_follow_within_three_target_durations(tmp_path: Path) -> None:
    """The source and what is derived of it; the second node has both from the first."""
    origin, one, two = (tmp_path / name for name in ('origin', 'one', 'two'))
    origin.mkdir()
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(running('env', '-C', origin, *video.live_command()))
        url, nodes = enter(serving(origin)), [enter(restreamer(store)) for store in (one, two)]
        eventually((origin / 'source.m3u8').exists)
        enter(running('backfiller', 'capture', f'{url}/source.m3u8', '--store', one, '--stream', 'bus'))
        enter(deriving(one))
        enter(backfiller(two, '--peer', nodes[0]))
        paths = [f'{node}/playlist/bus/{variant}.m3u8' for node in nodes for variant in ('source', '120p')]
        published, *relayed = enter(following(f'{url}/source.m3u8', *paths))
        eventually(lambda: min(len(each.delays(published)) for each in relayed) >= SEGMENTS)
    for each in relayed:
        assert max(each.delays(published).values()) <= MOST_SECONDS, each.url


def deriving(store: Path) -> AbstractContextManager[Process]:
    return running(
        *('backfiller', 'derive', '--store', store, '--stream', 'bus'),
        *('--derive', '120p:120:100k', '--transcoder', video.ffmpeg()),
    )
