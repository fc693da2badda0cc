"""One segment's bytes: second tries, what came, and what it is worth."""

from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event

from backfiller.capture.download import Downloader, Patience
from backfiller.capture.origin import Raw, Text
from common.errors import SegmentError
from common.hls.parts import ByteRange, Init
from common.hls.playlist_reader import Entry
from tests.kit.live import packets
from tests.kit.offers import entry

BODY = packets('body')
PATIENCE = Patience(0.05, 5.0)
Answer = Callable[[], Raw]


class Scripted:
    """An origin that gives one answer after the other."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.asked: list[str] = []

    def text(self, url: str, deadline_seconds: float) -> Text:
        raise NotImplementedError

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        self.asked.append(url)
        return next(self._answers)()


def whole(content: bytes = BODY, *, is_sure: bool = True) -> Answer:
    return lambda: Raw(content, is_sure=is_sure)


def cut(content: bytes) -> Answer:
    return lambda: Raw(content, 'it broke off')


def fails(reason: str) -> Answer:
    def answer() -> Raw:
        raise SegmentError(reason, reason)

    return answer


def hangs(event: Event, then: Answer) -> Answer:
    def answer() -> Raw:
        event.wait()
        return then()

    return answer


def fetch(*answers: Answer, what: Entry | None = None) -> tuple[bytes, str]:
    body = Downloader(Scripted(*answers)).fetch(what or entry(0), PATIENCE)
    return body.content, body.kind


def refused(*answers: Answer, what: Entry | None = None) -> str:
    with pytest.raises(SegmentError) as caught:
        fetch(*answers, what=what)
    return caught.value.reason


def test_a_slow_try_gets_company_and_the_first_whole_body_wins() -> None:
    never, told = Event(), list[int]()
    origin = Scripted(hangs(never, whole()), whole(packets('second')))
    body = Downloader(origin).fetch(entry(0), PATIENCE, lambda: told.append(1))
    assert body.content == packets('second')
    assert (len(origin.asked), told) == (2, [1])


def test_the_first_try_may_still_win() -> None:
    soon, never = Event(), Event()
    gevent.spawn_later(0.1, soon.set)
    assert fetch(hangs(soon, whole()), hangs(never, whole())) == (BODY, 'full')


def test_a_quick_answer_is_asked_for_once() -> None:
    origin = Scripted(whole())
    Downloader(origin).fetch(entry(0), PATIENCE)
    assert len(origin.asked) == 1


@pytest.mark.parametrize('reason', ['404', 'refused', 'expired'])
def test_what_another_try_would_not_mend_is_asked_for_once(reason: str) -> None:
    origin = Scripted(fails(reason))
    with pytest.raises(SegmentError):
        Downloader(origin).fetch(entry(0), PATIENCE)
    assert len(origin.asked) == 1


def test_what_broke_off_is_asked_for_again_at_once_and_the_longer_one_kept() -> None:
    assert fetch(cut(BODY[:400]), whole()) == (BODY, 'full')
    assert fetch(cut(BODY[:400]), cut(BODY[:900])) == (BODY[:900], 'partial')
    assert fetch(cut(BODY[:900]), fails('unreachable')) == (BODY[:900], 'partial')
    assert refused(fails('unreachable'), fails('unreachable')) == 'unreachable'


def test_what_came_whole_and_looks_damaged_is_suspect() -> None:
    assert fetch(whole(BODY[:-1]))[1] == 'suspect'
    out_of_step = BODY[:188] + b'x' + BODY[189:]
    assert fetch(whole(BODY[:376] + out_of_step[188:]))[1] == 'suspect'


def test_what_has_no_length_is_full_if_it_comes_the_same_again() -> None:
    assert fetch(whole(is_sure=False), whole(is_sure=False)) == (BODY, 'full')
    assert fetch(whole(BODY[:376], is_sure=False), whole(is_sure=False))[1] == 'suspect'
    assert fetch(whole(is_sure=False), fails('unreachable'))[1] == 'suspect'


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'truncated'),
        (b'<html>no</html>', 'refused'),
        (b'{"error": 1}', 'refused'),
        (b'#EXTM3U\n', 'refused'),
        (b'WEBVTT\n', 'refused'),
        (b'ID3\x04\0\0', 'refused'),
        (b'\xff\xf1\x50', 'refused'),
        (b'\0\0\0\x10styp12345678', 'refused'),
    ],
)
def test_what_is_no_segment_is_refused(content: bytes, reason: str) -> None:
    assert refused(whole(content), whole(content)) == reason


def test_a_fragment_is_one_if_a_map_was_told() -> None:
    told = Entry('http://o/1.m4s', 1, entry(0).duration, None, init=Init('http://o/init.mp4'))
    box = b'\0\0\0\x10styp12345678'
    assert fetch(whole(box), what=told) == (box, 'full')
    assert fetch(whole(box + b'\0\0\0\x20moof'), what=told)[1] == 'suspect'
    assert fetch(whole(), what=told) == (BODY, 'full')
    assert refused(whole(b'nothing like it'), what=told) == 'refused'


def test_an_init_section_is_fetched_once_until_the_origin_begins_anew() -> None:
    told = Entry('http://o/1.m4s', 1, entry(0).duration, None, init=Init('http://o/init.mp4'))
    first, second = b'\0\0\0\x10ftypisom\0\0\0\1', b'\0\0\0\x10ftypisom\0\0\0\2'
    downloader = Downloader(Scripted(whole(first), whole(second)))
    assert [downloader.section(told, PATIENCE) for _ in range(2)] == [first, first]
    downloader.forget()
    assert downloader.section(told, PATIENCE) == second
