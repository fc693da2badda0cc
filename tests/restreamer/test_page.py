"""The page as it leaves the server: what it says, what it may load, and what hostile text becomes on it."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized

from common.errors import ListingError
from restreamer.page import words
from tests.browser import planted
from tests.kit.build import fill, run_of
from tests.restreamer.client import Clock, client_of

HOSTILE = '<script>alert(1)</script>'
Tell = Callable[[dict[str, Any]], None]


def page_client(store: Path, change: Tell = lambda _: None) -> FlaskClient:
    """A client of a node that tells what is planted, with a change to it."""

    def overview() -> dict[str, Any]:
        told = planted.overview()
        change(told)
        return told

    client = client_of(store, Clock(planted.NOW))
    planted.plant(client.application, overview=overview)
    return client


def test_it_says_the_verdict_and_what_each_variant_lacks(store: Path) -> None:
    text = page_client(store).get('/').text
    assert '89 segments are missing everywhere up to 12:04:10</p>' in text
    assert all(f'>{path.replace("/", "<wbr>/")}</a>' in text for path in planted.PATHS)
    assert '21 min 26 s' in text
    assert '4 everywhere' in text


def test_every_number_leads_to_its_holes(store: Path) -> None:
    client = page_client(store)
    assert 'href="?holes=bus/source&amp;where=everywhere#holes"' in client.get('/').text
    text = client.get('/?holes=bus/source&where=everywhere').text
    assert text.count('id="hole-bus-source-') == 4
    assert text.count('id="hole-') == 4


def test_the_list_of_all_holes_is_about_the_days_of_the_verdict(store: Path) -> None:
    text = page_client(store).get('/?holes').text
    assert text.count('id="hole-') == sum(planted.US in each.lacking for each in planted.HOLES)
    assert 'href="playlist/bus/source.m3u8?start=2026-11-14T03:07:20Z&amp;end=2026-11-14T03:08:30Z"' in text


def test_it_may_load_nothing_from_elsewhere_and_no_script_within(store: Path) -> None:
    answer = page_client(store).get('/')
    policy = answer.headers['Content-Security-Policy']
    assert policy.startswith("default-src 'self'; media-src 'self' blob:;")
    assert 'unsafe' not in policy
    assert '://' not in policy
    assert ' style="' not in answer.text
    assert '<script>' not in answer.text


def test_hostile_text_is_text(store: Path) -> None:
    def hostile(told: dict[str, Any]) -> None:
        told['node']['id'] = told['peers'][0]['url'] = told['verdict']['text'] = HOSTILE
        told['peers'][1]['last_error']['message'] = told['mirror']['hours'][0]['problems'][0] = HOSTILE

    text = page_client(store, hostile).get('/').text
    assert HOSTILE not in text
    assert text.count('&lt;script&gt;') >= 5


def test_a_peer_with_an_odd_scheme_is_no_link(store: Path) -> None:
    def odd(told: dict[str, Any]) -> None:
        told['peers'][0]['url'] = 'javascript:alert(1)'

    assert 'href="javascript:' not in page_client(store, odd).get('/').text


def test_what_is_not_known_is_said_to_be_so(store: Path) -> None:
    def unknown(told: dict[str, Any]) -> None:
        told |= {'mirror': None, 'retention': None}
        told['disk'] = dict.fromkeys(told['disk'])
        for each in told['variants']:
            each |= {
                'age_seconds': None,
                'newest': None,
                'bits_per_second': None,
                'percent': None,
                'mirror': {},
            }
            each['nodes'] = [{'node': 'this node', 'complete_up_to': None, 'missing_seconds': None}]
        for each in told['peers']:
            each |= dict.fromkeys(
                ('id', 'lag_seconds', 'bytes_per_second', 'missing', 'last_error', 'reachable')
            )

    text = page_client(store, unknown).get('/').text
    assert 'not known' in text
    assert 'no mirror' in text


def test_holes_are_listed_although_nobody_tells_who_the_peers_are(store: Path) -> None:
    fill(store, [*run_of(2), *run_of(2, '2026-11-14T03:00:20')])
    client = client_of(store, Clock(planted.NOW))
    for path in ('/?holes', '/parts/holes/bus/source'):
        answer = client.get(path)
        assert answer.status_code == 200
        assert 'not known</span> <span class="quiet">The peers were not asked: no backfiller' in answer.text


def test_a_node_with_nothing_says_that(store: Path) -> None:
    def empty(told: dict[str, Any]) -> None:
        told |= {
            'variants': [],
            'peers': [],
            'verdict': {'level': 'empty', 'text': 'Nothing yet', 'details': []},
        }

    text = page_client(store, empty).get('/').text
    assert 'Nothing is recorded here yet.' in text
    assert 'No peers are known.' in text


def test_the_parts_are_the_same_as_on_the_page(store: Path) -> None:
    client = page_client(store)
    part = client.get('/parts/overview').text
    top = part[part.index('<div id="top">') : part.index('<div id="bottom">')].strip()
    assert top in client.get('/').text


def test_what_may_not_be_read_stands_on_no_page(store: Path) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise Unauthorized('overview: give a token')

    client = page_client(store, refuse)
    answer = client.get('/')
    assert answer.status_code == 200
    assert 'id="token" class="panel needs-js" >' in answer.text
    assert 'missing everywhere' not in answer.text
    refused = client.get('/parts/overview')
    assert (refused.status_code, refused.json) == (401, {'error': 'overview: give a token'})


@pytest.mark.parametrize('encoding', ['identity', 'gzip'])
def test_a_part_is_refused_whole_and_once_to_players_on_other_pages(store: Path, encoding: str) -> None:
    store.mkdir()
    client = client_of(store, Clock(planted.NOW))
    too_long = '?start=2000-01-01T00:00:00Z'
    refused = client.get(f'/parts/holes/bus/source{too_long}', headers={'Accept-Encoding': encoding})
    body = gzip.decompress(refused.data) if encoding == 'gzip' else refused.data
    assert json.loads(body) == client.get(f'/holes/bus/source{too_long}').json
    assert refused.status_code == 400
    assert refused.content_length in (None, len(refused.data))
    assert refused.headers.getlist('Access-Control-Allow-Origin') == ['*']


@pytest.mark.parametrize('path', ['/?', '/?holes&', '/parts/holes/bus/source?'])
def test_holes_somewhere_else_are_not_said_to_be_none(store: Path, path: str) -> None:
    answer = page_client(store).get(f'{path}where=nowhere')
    assert answer.status_code == 400
    assert answer.json == {'error': "where: 'nowhere' is not fetchable, everywhere, unknown or nothing"}


def test_a_node_that_cannot_tell_says_why(store: Path) -> None:
    def fail(_: dict[str, Any]) -> None:
        raise ListingError('cannot list the store')

    text = page_client(store, fail).get('/').text
    assert 'This node cannot tell what it has: cannot list the store' in text


def test_a_button_that_could_do_nothing_is_not_there(store: Path) -> None:
    def alone(told: dict[str, Any]) -> None:
        told['node'] |= {'has_backfiller': False, 'backfiller_error': 'connection refused'}

    assert 'id="backfill"' in page_client(store).get('/').text
    text = page_client(store, alone).get('/').text
    assert 'id="backfill"' not in text
    assert 'The backfiller of this node cannot be asked: connection refused' in text


def test_a_file_of_the_page_is_sent_once(store: Path) -> None:
    client = page_client(store)
    first = client.get('/static/page.js')
    assert first.mimetype == 'text/javascript'
    assert client.get('/static/page.js', headers={'If-None-Match': first.headers['ETag']}).status_code == 304
    for path in ('/static/', '/static/../views.py', '/static/%2e%2e/views.py', '/static/none.js'):
        assert client.get(path).status_code == 404, path


def test_the_docs_tell_every_route_and_load_nothing_from_elsewhere(store: Path) -> None:
    client = page_client(store)
    assert '<a href="docs">docs</a>' in client.get('/').text
    answer = client.get('/docs', headers={'Host': '"><b>'})
    assert all(
        f'<code>{path}</code></h3>' in answer.text for path in client.get('/openapi.json').json['paths']
    )
    assert '<script' not in answer.text
    assert '"><b>' not in answer.text
    assert answer.headers['Content-Security-Policy'].startswith("default-src 'self'")
    targets = re.findall(r'href="#([^"]+)"', answer.text)
    assert len(targets) > 50
    assert {*targets} <= {*re.findall(r' id="([^"]+)"', answer.text)}


@pytest.mark.parametrize(
    ('seconds', 'said'),
    [
        (0, '0 s'),
        (0.04, '0.04 s'),
        (12.0, '12 s'),
        (60, '1 min'),
        (1286, '21 min 26 s'),
        (8000, '2 h 13 min'),
        (90_000, '1 d 1 h'),
    ],
)
def test_spans_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(
    ('size', 'said'),
    [(0, '0 B'), (999, '999 B'), (999.9, '1 kB'), (412 * 10**9, '412 GB'), (1.5e12, '1.5 TB')],
)
def test_amounts_are_said_in_the_unit_that_suits_them(size: float, said: str) -> None:
    assert words.amount(size) == said


def test_times_are_said_as_precisely_as_they_are_known() -> None:
    assert words.exactly('2026-11-14T03:07:26.500000Z') == '03:07:26.5'
    assert words.exactly('2026-11-14T03:07:26Z') == '03:07:26'
    assert words.clock('2026-11-14T03:07:26.99Z') == '03:07:26'
    assert words.day('2026-11-04T03:07:26Z') == 'Wed 4 Nov'
    assert words.before('2026-11-14T00:00:05.5Z', 10) == '2026-11-13T23:59:55Z'
