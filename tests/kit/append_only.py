"""A live playlist held to what players rely on (RFC 8216 sections 4.3, 6.2.1 and 6.2.2), poll after poll."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urljoin

import gevent
import requests
from gevent.event import Event

BETWEEN_POLLS_SECONDS = 0.05
_NEVER = '#EXT-X-GAP', '#EXT-X-ENDLIST', '#EXT-X-PLAYLIST-TYPE'
_BREAK, _DATE, _LENGTH = '#EXT-X-DISCONTINUITY', '#EXT-X-PROGRAM-DATE-TIME:', '#EXTINF:'
_MAP = '#EXT-X-MAP:'


class Entry(NamedTuple):
    """A segment as listed; `discontinuity` is the number of the one that it comes after.

    `section` is the name of the init section that is in force, in whichever hour.
    """

    uri: str
    discontinuity: int
    start: datetime
    seconds: float
    section: str


@dataclass(frozen=True)
class Live:
    """What a live playlist says."""

    target_seconds: int
    sequence: int
    discontinuity_sequence: int
    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, text: str) -> 'Live':
        lines = text.splitlines()
        assert lines[0] == '#EXTM3U'
        assert not [line for line in lines if line.startswith(_NEVER)], text
        first = _number('DISCONTINUITY-SEQUENCE', text, 0)
        return cls(
            _number('TARGETDURATION', text),
            _number('MEDIA-SEQUENCE', text, 0),
            first,
            tuple(_entries(lines, first)),
        )

    @property
    def numbered(self) -> dict[int, Entry]:
        return dict(enumerate(self.entries, self.sequence))

    @property
    def next_number(self) -> int:
        return self.sequence + len(self.entries)


@dataclass
class AppendOnly:
    """Remembers all that one live playlist ever listed, and fails where it goes back on its word."""

    numbered: dict[int, Entry] = field(default_factory=dict)
    polls: int = 0
    _before: Live | None = None

    @property
    def starts(self) -> list[datetime]:
        """When each of the segments was that it ever listed."""
        return [each.start for each in self.entries]

    @property
    def entries(self) -> list[Entry]:
        """All that it ever listed, by their numbers."""
        return [self.numbered[number] for number in sorted(self.numbered)]

    def see(self, text: str) -> list[Entry]:
        """What is new of it."""
        now = Live.parse(text)
        for each in now.entries:
            assert int(each.seconds + 0.5) <= now.target_seconds, each
        if self._before:
            self._hold(self._before, now)
        new = now.numbered.keys() - self.numbered.keys()
        for number, entry in now.numbered.items():
            listed = self.numbered.setdefault(number, entry)
            assert entry == listed, f'number {number} was {listed}'
        self._before = now
        self.polls += 1
        return [now.numbered[number] for number in sorted(new)]

    @staticmethod
    def _hold(before: Live, now: Live) -> None:
        assert now.target_seconds == before.target_seconds
        assert now.sequence >= before.sequence
        assert now.discontinuity_sequence >= before.discontinuity_sequence
        assert now.next_number >= before.next_number, 'what was listed is gone from the end'


class Follower:
    """Polls the playlist behind a URL, and asks for all that it lists; a server may be away for a while."""

    def __init__(self, url: str) -> None:
        self.playlist = AppendOnly()
        self.missed = 0
        self._url = url
        self._session = requests.Session()
        self._enough = Event()

    def poll(self) -> None:
        try:
            answer = self._session.get(self._url, timeout=10)
            assert answer.status_code == 200, f'{self._url}: {answer.status_code} {answer.text}'
            for each in self.playlist.see(answer.text):
                segment = urljoin(self._url, each.uri)
                assert self._session.get(segment, timeout=10).status_code == 200, segment
        except requests.ConnectionError:
            self.missed += 1

    def follow(self) -> None:
        while not self._enough.wait(BETWEEN_POLLS_SECONDS):
            self.poll()
        self.poll()

    def stop(self) -> None:
        self._enough.set()

    def close(self) -> None:
        self._session.close()


@contextmanager
def following(url: str) -> Iterator[AppendOnly]:
    """What a playlist lists in the course of the block; fails at its end if the playlist broke its word."""
    follower = Follower(url)
    greenlet = gevent.spawn(follower.follow)
    try:
        yield follower.playlist
    finally:
        follower.stop()
        try:
            greenlet.get()
        finally:
            follower.close()


def _entries(lines: list[str], discontinuity: int) -> Iterator[Entry]:
    said: dict[str, str] = {}
    section = ''
    for line in lines:
        if line.startswith(_MAP):
            section = line.split('"')[1].rpartition('/')[2]
        discontinuity += line == _BREAK
        if line.startswith((_DATE, _LENGTH)):
            tag = line.partition(':')[0] + ':'
            said[tag] = line.removeprefix(tag).partition(',')[0]
        if not line.startswith('#'):
            assert said.keys() == {_DATE, _LENGTH}, f'{line} has only {said}'
            start, seconds = datetime.fromisoformat(said[_DATE]), float(said[_LENGTH])
            yield Entry(line, discontinuity, start, seconds, section)
            said = {}


def _number(tag: str, text: str, default: int | None = None) -> int:
    found = re.findall(f'^#EXT-X-{tag}:([0-9]+)$', text, re.MULTILINE)
    assert len(found) == 1 or (not found and default is not None), f'{tag} in {text}'
    return int(found[0]) if found else default or 0
