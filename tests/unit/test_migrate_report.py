"""What came of links, for people and for programs; and how far it is meanwhile."""

import json
from typing import Any

from backfiller.migrate.errors import Cause
from backfiller.migrate.job import State
from backfiller.migrate.links import Link
from backfiller.migrate.plan import Kind, Piece
from backfiller.migrate.progress import Bar
from backfiller.migrate.report import MOST_TOLD, Row, Status, as_json, table
from backfiller.migrate.walk import Lack

URL = 'http://h/a/master.m3u8'


def state(*lacks: Lack, present: int = 0, ended: bool = True, denied: str = '', unasked: int = 0) -> State:
    root = Piece(Kind.PLAYLIST, URL, 'a/master.m3u8', URL)
    there = {f'a/{number}.ts': 1 for number in range(present)}
    found = {lack.piece.key: lack for lack in lacks}
    return State(
        Link(3, URL), root, there, found, present + len(lacks), present > 0, False, denied, unasked, ended
    )


def lack(number: int, cause: Cause = Cause.GONE) -> Lack:
    name = f's{number}.ts'
    piece = Piece(Kind.SEGMENT, f'http://h/a/{name}', f'a/{name}', name, number, 4.0)
    return Lack(piece, cause, f'http://h/a/{name} answered 404')


def root_lack(why: str) -> Lack:
    return Lack(state().root, Cause.FAILING, why)


def test_the_status_of_a_link() -> None:
    assert Row.of(state(present=2)).status is Status.DONE
    assert Row.of(state(lack(1), present=2)).status is Status.HOLES
    assert Row.of(state(root_lack('no'))).status is Status.FAILED
    assert Row.of(state(lack(1, Cause.DENIED), present=2, denied='x', unasked=5)).status is Status.FAILED
    assert Row.of(state(present=2, ended=False)).status is Status.HOLES
    assert Row.of_refused(Link(1, 'x', 'it is no URL')).status is Status.FAILED


def test_why_is_what_somebody_can_do_something_about() -> None:
    assert Row.of(state(lack(1), lack(2, Cause.FAILING), present=1)).why == 'http://h/a/s2.ts answered 404'
    assert Row.of(state(root_lack('it timed out'))).why == 'it timed out'
    assert Row.of(state(lack(1), root_lack('it waits'), present=1)).why.endswith(
        'its playlist waits for that: run it again'
    )
    assert Row.of(state(ended=False)).why == 'stopped before its end: run it again'
    denied = Row.of(state(lack(1, Cause.DENIED), present=1, denied='u answered 403', unasked=97))
    assert denied.why == 'u answered 403: has its token expired?; 97 more pieces were not asked for'
    assert denied.missing == 98


def test_the_table_names_links_and_what_they_lack() -> None:
    rows = [Row.of(state(present=3)), Row.of(state(*map(lack, range(MOST_TOLD + 2)), present=1))]
    lines = list(table(rows))
    assert lines[1].split() == ['done', '3', '-', '-', URL]
    assert lines[2].split() == ['holes', '13', '12', '48.000', URL]
    assert "segment 's0.ts' (number 0, 4 s): http://h/a/s0.ts answered 404" in lines[3]
    assert [line.strip() for line in table([Row.of(state(root_lack('it timed out')))])][1:] == [
        f'failed        1        1          -  {URL}',
        'it timed out',
    ]
    assert lines[-1].strip() == 'and 2 more: --json has them all'


def test_the_report_is_json_with_every_lack() -> None:
    rows = [Row.of(state(present=3)), Row.of(state(lack(7), present=1)), Row.of_refused(Link(9, 'x', 'no'))]
    found = json.loads(json.dumps(as_json(rows, sent=5)))
    assert (found['links'], found['done'], found['holes'], found['failed'], found['sent']) == (3, 1, 1, 1, 5)
    assert found['found'][1]['lacking'] == [
        {
            'kind': 'segment',
            'uri': 's7.ts',
            'key': 'a/s7.ts',
            'sequence': 7,
            'seconds': 4.0,
            'cause': 'gone',
            'why': 'http://h/a/s7.ts answered 404',
        }
    ]


class _Shown:
    """A bar of click, as far as it is used."""

    label = ''
    length = 0
    position = 0

    def update(self, steps: int) -> None:
        self.position += steps


def test_the_bar_estimates_what_it_cannot_know_yet() -> None:
    shown, now = _Shown(), 0.0
    bar: Any = Bar(shown, 4, clock=lambda: now)
    bar.tell('playlist', pieces=9)
    for _ in range(10):
        now += 1
        bar.tell('sent', bytes=2_000_000)
    now += 1
    bar.tell('link', link=URL)
    assert (shown.position, shown.length) == (10, 40)
    assert shown.label == '1/4 links, 20.0 MB, 1.8 MB/s'
    for link in (URL, 'a', 'b', 'c', 'c'):
        bar.tell('link', link=link)
    bar.show()
    assert (shown.position, shown.length, shown.label[:9]) == (10, 10, '4/4 links')
