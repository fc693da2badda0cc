"""Requests for fingerprints that wait until there is news."""

from pathlib import Path

import gevent
import pytest

from restreamer.waiting import Waiters, asked_seconds
from tests.kit.build import fill, run_of
from tests.kit.process import get, restreamer

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


def test_news_end_the_wait() -> None:
    state = ['old']
    waiting = gevent.spawn(lambda: Waiters().wait(lambda: state[0], lambda found: found == 'new', 'wait=40'))
    gevent.sleep(0)
    state[0] = 'new'
    assert waiting.get(timeout=10) == ('new', 40)


def test_release_ends_all_waits_and_later_ones() -> None:
    waiters = Waiters()
    waiting = [
        gevent.spawn(lambda: waiters.wait(lambda: 'old', lambda _: False, 'wait=40')) for _ in range(5)
    ]
    gevent.sleep(0)
    waiters.release()
    assert [each.get(timeout=10) for each in waiting] == [('old', 40)] * 5
    assert waiters.wait(lambda: 'old', lambda _: False, 'wait=40') == ('old', 40)


def test_one_too_many_is_answered_at_once_and_told_so() -> None:
    waiters = Waiters(most=1)
    first = gevent.spawn(lambda: waiters.wait(lambda: 'old', lambda _: False, 'wait=40'))
    gevent.sleep(0)
    assert waiters.wait(lambda: 'old', lambda _: False, 'wait=40') == ('old', 0)
    waiters.release()
    first.get(timeout=10)


def test_nobody_waits_longer_than_proxies_bear() -> None:
    looks: list[int] = []
    waiters = Waiters(longest_seconds=1)
    assert waiters.wait(lambda: looks.append(1), lambda _: False, 'wait=40') == (None, 1)
    assert 2 <= len(looks) <= 6


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
