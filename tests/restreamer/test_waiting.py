"""Requests for fingerprints that wait until there is news."""

import time
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event
from prometheus_client import CollectorRegistry

from common.changes import Changes
from common.disk import Disk
from common.errors import ListingError
from common.segment import Hour
from common.times import utc_now
from restreamer.app import create_app
from restreamer.context import Context
from restreamer.serving import waiting as module
from restreamer.serving.waiting import Question, Shared, Waiters, asked_seconds
from tests.kit.build import HOUR, at, fill, run_of
from tests.kit.process import eventually, get, restreamer

PATH = '/files/bus/source?fingerprints=true'
PIECES = run_of(3)


@pytest.mark.parametrize(
    ('preference', 'seconds'),
    [
        ('wait=10', 10),
        ('respond-async, wait=10', 10),
        ('wait=10; foo', 10),
        ('', 0),
        ('wait=', 0),
        ('wait=-1', 0),
        ('wait=1e9', 0),
        ('await=10', 0),
        ('wait=99999', 0),
    ],
)
def test_the_preference_is_read_as_rfc_7240_says(preference: str, seconds: int) -> None:
    assert asked_seconds(preference) == seconds


QUESTION = Question('bus', 'source')
ANOTHER = Question('bus', '480p')


class Answers:
    """Waiters whose answers a test sets, and how often they were looked for."""

    def __init__(self, store: Path, **options: Any) -> None:
        self.changes = Changes(store)
        self.changes.at_once = True
        self.waiters = Waiters(self.changes, self.look, **options)
        self.answer = 'old'
        self.looks: list[Question] = []

    def look(self, question: Question) -> str:
        self.looks.append(question)
        return self.answer

    def wait(self, question: Question = QUESTION) -> tuple[str, int]:
        return self.waiters.wait(question, lambda found: found == 'new', 'wait=40')

    def waiting(
        self, count: int, question: Question = QUESTION
    ) -> list['gevent.Greenlet[..., tuple[str, int]]']:
        """Requests that looked and found nothing new."""
        before = self.waiters._waiting
        greenlets = [gevent.spawn(self.wait, question) for _ in range(count)]
        eventually(lambda: self.waiters._waiting == before + count)
        return greenlets

    def change(self, answer: str) -> None:
        self.answer = answer
        self.changes.tell_all()


@pytest.fixture
def answers(store: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Nobody looks unless he is told to."""
    monkeypatch.setattr(module, 'RESCAN_SECONDS', 3600)
    return Answers(store)


def test_news_end_the_wait(answers: Answers) -> None:
    (waiting,) = answers.waiting(1)
    answers.change('new')
    assert waiting.get(timeout=10) == ('new', 40)
    assert len(answers.looks) == 2


def test_what_nobody_told_is_found_all_the_same(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'RESCAN_SECONDS', 0.01)
    (waiting,) = answers.waiting(1)
    answers.answer = 'new'
    assert waiting.get(timeout=10) == ('new', 40)


def test_without_inotify_it_is_found_by_looking(answers: Answers) -> None:
    answers.changes.at_once = False
    (waiting,) = answers.waiting(1)
    answers.answer = 'new'
    assert waiting.get(timeout=10) == ('new', 40)


def test_all_who_ask_the_same_share_a_look(answers: Answers) -> None:
    waiting = answers.waiting(50)
    assert len(answers.looks) == 1
    answers.change('still old')
    eventually(lambda: len(answers.looks) == 2)
    answers.change('new')
    assert [each.get(timeout=10) for each in waiting] == [('new', 40)] * 50
    assert answers.looks == [QUESTION] * 3


def no_rest(look_seconds: float) -> float:
    return 0


def test_who_comes_during_a_look_gets_a_later_one(store: Path) -> None:
    began, go_on = Event(), Event()

    def look() -> str:
        began.set()
        found = state[0]
        go_on.wait(10)
        return found

    state, shared = ['old'], Shared(look, no_rest)
    first = gevent.spawn(shared.look)
    began.wait(10)
    state[0] = 'new'
    later = [gevent.spawn(shared.look) for _ in range(2)]
    gevent.sleep(0)
    go_on.set()
    assert [each.get(timeout=10) for each in (first, *later)] == ['old', 'new', 'new']


def test_a_failed_look_is_told_to_all_and_the_next_may_succeed() -> None:
    outcomes = [ListingError('gone'), ListingError('gone'), 'found']

    def look() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ListingError):
            raise outcome
        return outcome

    shared = Shared(look, no_rest)
    for _ in range(2):
        with pytest.raises(ListingError):
            shared.look()
    assert shared.look() == 'found'


def test_however_much_changes_it_looks_twenty_times_a_second_at_most(answers: Answers) -> None:
    started = time.monotonic()
    waiting = answers.waiting(10)
    for _ in range(2000):
        answers.change('old')
        gevent.sleep(0)
    answers.change('new')
    gevent.joinall(waiting)
    assert len(answers.looks) <= 2 + (time.monotonic() - started) / module.SHORTEST_SECONDS


@pytest.mark.parametrize(
    ('look_seconds', 'questions', 'rest'), [(0.001, 1, 0.05), (0.1, 1, 0.4), (0.1, 3, 1.2), (600, 9, 3600)]
)
def test_looking_takes_a_fifth_of_the_time_at_most(
    answers: Answers, look_seconds: float, questions: int, rest: float
) -> None:
    for number in range(questions):
        answers.waiting(1, Question('bus', f'{number}p'))
    assert answers.waiters._rest_seconds(look_seconds) == pytest.approx(rest)
    answers.waiters.release()


def test_a_change_wakes_only_whom_it_concerns() -> None:
    three = Question.since('bus', 'source', at('2026-11-14T03:59:00'))
    four = Question.since('bus', 'source', at('2026-11-14T04:00:00'))
    assert three == Question.since('bus', 'source', at('2026-11-14T03:00:01'))
    assert [each.concerns(HOUR) for each in (QUESTION, ANOTHER, three, four)] == [True, False, True, False]


def test_release_ends_all_waits_and_later_ones(answers: Answers) -> None:
    waiting = answers.waiting(5)
    answers.waiters.release()
    assert [each.get(timeout=10) for each in waiting] == [('old', 40)] * 5
    assert answers.wait() == ('old', 40)


def test_one_too_many_is_answered_at_once_and_told_so(store: Path) -> None:
    answers = Answers(store, most=1)
    (first,) = answers.waiting(1)
    assert answers.wait() == ('old', 0)
    answers.waiters.release()
    first.get(timeout=10)


def test_nobody_waits_longer_than_proxies_bear(store: Path) -> None:
    answers = Answers(store, longest_seconds=1)
    answers.changes.at_once = False
    assert answers.wait() == ('old', 1)
    assert 2 <= len(answers.looks) <= 6


class Counting(Disk):
    """A disk that counts how often the hours of a variant are looked at."""

    looks = 0

    def hours_of(self, stream: str, variant: str) -> list[Hour]:
        self.looks += 1
        return super().hours_of(stream, variant)


def test_a_new_segment_is_known_by_one_look(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One to know the ETag, one when the request comes, and one when the segment does."""
    monkeypatch.setattr(module, 'RESCAN_SECONDS', 3600)
    disk = Counting(fill(store, PIECES[:2]))
    stored = Context(disk, 'node', utc_now)
    client = create_app(stored, CollectorRegistry()).test_client()
    watching = gevent.spawn(stored.changes.run)
    eventually(lambda: stored.changes.at_once)
    headers = {'Prefer': 'wait=20', 'If-None-Match': client.get(PATH).headers['ETag']}
    waiting = gevent.spawn(client.get, PATH, headers=headers)
    eventually(lambda: stored.waiters._waiting)
    fill(store, PIECES[2:])
    found = waiting.get(timeout=10)
    assert [each['segments'] for each in found.json.values()] == [3]
    assert disk.looks == 3
    watching.kill()


def test_over_http_a_change_answers_the_waiting_request(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path, PIECES[:2])) as url:
        first = get(url + PATH, headers={'Prefer': 'wait=20'})
        assert (first.status_code, first.headers['Preference-Applied']) == (200, 'wait=20')
        headers = {'Prefer': 'wait=20', 'If-None-Match': first.headers['ETag']}
        waiting = gevent.spawn(get, url + PATH, headers=headers)
        gevent.sleep(0.1)
        assert not waiting.ready()
        fill(tmp_path, PIECES)
        second = waiting.get(timeout=9)
    assert second.status_code == 200
    assert [each['segments'] for each in second.json().values()] == [3]
    assert second.headers['ETag'] != first.headers['ETag']


def test_over_http_the_end_of_the_time_is_a_304(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path, PIECES)) as url:
        etag = get(url + PATH).headers['ETag']
        answer = get(url + PATH, headers={'Prefer': 'wait=1', 'If-None-Match': etag})
    assert (answer.status_code, answer.content) == (304, b'')
    assert answer.headers['Preference-Applied'] == 'wait=1'
