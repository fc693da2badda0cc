"""The page in Chromium: what is missing stands where it is missing, and any minute plays, for everybody."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser import planted
from tests.browser.viewer import need_browser
from tests.kit.build import at, fill
from tests.kit.footage import footage
from tests.kit.needs import need_that, need_time
from tests.kit.process import running

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AXE = ROOT / 'node_modules/axe-core/axe.min.js'
PICTURES = ROOT / 'build/screenshots'
MINUTE = '2026-11-14T03:07:00Z'
MAP = {'from': '2026-11-07T12:04:00Z', 'to': '2026-11-14T12:04:00Z'}
MOST_REQUESTS = 24
MOST_BYTES = 120_000

Visits = dict[str, Any]


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds of video, up to the hole in the middle of the minute that is played."""
    made = footage(tmp_path_factory.mktemp('video'), at('2026-11-14T03:06:50'), seconds=40)
    return fill(tmp_path_factory.mktemp('store'), [piece for together in made for piece in together])


@contextmanager
def serving(store: Path, *flags: str) -> Iterator[str]:
    with running(sys.executable, '-m', 'tests.browser.planted', store, *flags) as process:
        yield process.wait_for(r' on (http://\S+)')[1]


@pytest.fixture(scope='module')
def visits(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Visits:
    """What each visit found; they share a browser, for it takes longer to start than to look."""
    need_time()
    need_browser()
    need_that(AXE.exists(), 'axe-core: make assets')
    PICTURES.mkdir(parents=True, exist_ok=True)
    home = str(tmp_path_factory.mktemp('home'))
    with serving(store) as url, serving(store, '--token') as closed_url:
        told = {'url': url, 'closed_url': closed_url, 'token': planted.TOKEN, 'axe': str(AXE)}
        told |= {'pictures': str(PICTURES), 'minute': MINUTE, 'map': MAP}
        environment = dict.fromkeys(('HOME', 'TMPDIR', 'XDG_RUNTIME_DIR'), home)
        with running(sys.executable, HERE / 'visits.py', json.dumps(told), env=environment) as process:
            assert process.wait(100) == 0, process.output
    found = [json.loads(line) for line in process.lines if line.startswith('{')]
    return {each['visit']: each for each in found}


def facts(visits: Visits, name: str) -> Any:
    visit = visits[name]
    assert 'failure' not in visit, visit['failure']
    return visit['facts']


def kinds(path: str, nodes: set[int]) -> dict[str, str]:
    """Minute -> kind of what some of the nodes lack."""
    found: dict[str, str] = {}
    for each in planted.of(path):
        if nodes & each.lacking:
            kind = 'lost' if each.where == 'everywhere' else 'held'
            found |= dict.fromkeys(_minutes(each.begin, each.end), kind)
    return found


def _minutes(begin: datetime, end: datetime) -> Iterator[str]:
    minute = begin.replace(second=0, microsecond=0)
    while minute < end:
        yield f'{minute:%Y-%m-%dT%H:%M}'
        minute += timedelta(minutes=1)


def test_a_week_of_four_variants_and_three_nodes_is_soon_there(visits: Visits) -> None:
    loaded = facts(visits, 'load')
    print(f'{loaded["milliseconds"]:.0f} ms, {loaded["requests"]} requests, {loaded["bytes"]} bytes')
    assert loaded['requests'] <= MOST_REQUESTS
    assert loaded['bytes'] <= MOST_BYTES
    assert loaded['verdict'] == '89 segments are missing everywhere up to 12:04:10'
    assert loaded['title'].startswith(loaded['verdict'])


def test_nothing_goes_wrong_and_nobody_else_is_asked(visits: Visits) -> None:
    for name, visit in visits.items():
        facts(visits, name)
        assert visit['complaints'] == [], name
        assert {urlsplit(url).hostname for url in visit['urls']} <= {'127.0.0.1', None}, name


def test_the_map_shows_every_planted_hole_at_its_minute_and_no_other(visits: Visits) -> None:
    found = facts(visits, 'look_at_map')
    assert found['together'] == kinds('bus/source', {0, 1, 2})
    assert found['this node'] == kinds('bus/source', {0})
    assert found['maps'] == len(planted.NODES)
    assert found['silent'] == 'Without node-3.example:8001: connection refused'
    assert facts(visits, 'dark')['map'] == found['together']


def test_the_mouse_hears_the_minute_in_utc_and_here_and_how_much_is_there(visits: Visits) -> None:
    tip = facts(visits, 'look_at_map')['tip']
    assert 'Sat 14 Nov 03:07 UTC' in tip
    assert '04:07 local' in tip
    assert 'missing everywhere\nthis node about 50 %' in tip


def test_a_click_plays_that_minute_and_its_address_plays_it_again(visits: Visits) -> None:
    found = facts(visits, 'click')
    for played in (found['clicked'], found['again']):
        assert played['says'].startswith('bus/source, Sat 14 Nov 03:07:')
        assert played['address'] == f'#bus/source@{MINUTE}'
        assert played['frames'] > 10
    assert any(url.endswith('static/vendor/hls.js') for url in found['asked'])


def test_the_keyboard_alone_reaches_a_minute_and_plays_it(visits: Visits) -> None:
    found = facts(visits, 'keys')
    assert found['tabs'] < 60
    assert found['says'].startswith('Sat 14 Nov 03:07 UTC, missing everywhere')
    assert found['hole'].startswith('Fri 13 Nov 22:41 UTC, missing on some nodes')
    assert found['says_playing'].startswith('bus/source, Sat 14 Nov 03:07:')


def test_a_number_leads_to_the_holes_behind_it_and_they_play(visits: Visits) -> None:
    found = facts(visits, 'holes')
    (row,) = found['rows']
    assert '22:41:00' in row
    assert 'can be fetched from node-2.example:8001, node-3.example:8001' in row
    assert found['focused'] == 'holes'
    assert found['address'] == '#bus/source@2026-11-14T03:07:20Z'


def test_it_keeps_itself_up_to_date_without_taking_the_focus_and_says_when_it_cannot(visits: Visits) -> None:
    found = facts(visits, 'updates')
    assert found['same']
    assert found['stale'].startswith('This node does not answer. What you see is as old as 12:04:')


def test_a_pass_is_asked_for_with_the_admin_token(visits: Visits) -> None:
    found = facts(visits, 'backfill')
    assert found['refused'] == 'this needs the admin token'
    assert found['said'] == '2 peers are asked now.'


def test_without_hls_js_the_browser_plays_by_itself(visits: Visits) -> None:
    assert facts(visits, 'native')['says'].startswith('bus/source, Sat 14 Nov 03:07:')


def test_without_javascript_it_says_the_same(visits: Visits) -> None:
    found = facts(visits, 'plain')
    assert '89 segments are missing everywhere' in found['text']
    assert 'connection refused' in found['text']
    assert 'By node' not in found['text']
    (row,) = found['rows']
    assert 'can be fetched from node-2.example:8001' in row


def test_nothing_scrolls_sideways_from_phones_to_desks(visits: Visits) -> None:
    overflow = facts(visits, 'phone')['overflow']
    assert {width: more for width, more in overflow.items() if more > 0} == {}


@pytest.mark.parametrize('name', ['load', 'phone', 'dark'])
def test_nothing_keeps_people_from_using_it(visits: Visits, name: str) -> None:
    assert facts(visits, name)['axe'] == []


def test_a_closed_node_tells_nothing_before_it_has_the_token(visits: Visits) -> None:
    found = facts(visits, 'token')
    assert 'missing' not in found['before']
    assert found['kept'] == [[planted.TOKEN], [], '']
    assert not found['form']
