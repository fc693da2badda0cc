"""When an hour is mirrored, and what its manifest says."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.mirror.hours import Patience
from backfiller.mirror.manifest import Manifest, of_objects
from common.errors import ListingError
from tests.kit.build import HOUR, at, run_of, tombstone_of

PIECES = run_of(8)
PATIENCE = Patience(timedelta(minutes=5), timedelta(hours=6), started=at('2026-11-14T00:00:00'))


@pytest.mark.parametrize(
    ('now', 'agreed', 'settled'),
    [
        ('2026-11-14T03:59:59', True, False),
        ('2026-11-14T04:04:59', True, False),
        ('2026-11-14T04:05:00', True, True),
        ('2026-11-14T04:05:00', False, False),
        ('2026-11-14T09:59:59', False, False),
        ('2026-11-14T10:00:00', False, True),
    ],
)
def test_an_hour_settles_when_the_peers_agree_or_enough_time_has_passed(
    now: str, agreed: bool, settled: bool
) -> None:
    assert PATIENCE.has_settled(HOUR, at(now), lambda _: agreed) is settled


def manifest(numbers: set[int]) -> Manifest:
    return Manifest(HOUR, {PIECES[n].name: len(PIECES[n].body) for n in numbers})


NUMBERS = st.sets(st.integers(0, 7))


def test_a_node_that_just_started_has_asked_nobody_yet() -> None:
    patience = Patience(timedelta(minutes=5), timedelta(hours=6), started=at('2026-11-20T12:00:00'))
    assert not patience.has_settled(HOUR, at('2026-11-20T17:59:59'), lambda _: False)
    assert patience.has_settled(HOUR, at('2026-11-20T18:00:00'), lambda _: False)
    assert patience.has_settled(HOUR, at('2026-11-20T12:00:00'), lambda _: True)


def sizes(numbers: set[int]) -> dict[str, int]:
    return {PIECES[n].name: len(PIECES[n].body) for n in numbers}


@given(NUMBERS, NUMBERS, st.none() | NUMBERS)
def test_a_manifest_is_the_union_of_what_is_listed(
    ours: set[int], others: set[int], told: set[int] | None
) -> None:
    listed = {**sizes(ours | others), 'manifest.json': 9, 'playlist.m3u8': 9, 'somebody.else': 1}
    there = None if told is None else manifest(told)
    assert of_objects(HOUR, sizes(ours), listed, there) == manifest(ours | others)


def test_objects_of_a_wrong_size_are_not_in_the_manifest() -> None:
    listed = {name: size + 1 for name, size in sizes({0, 1}).items()} | sizes({2})
    assert of_objects(HOUR, sizes({0, 2}), listed, manifest({1})) == manifest({2})


@given(NUMBERS)
def test_a_manifest_reads_back(numbers: set[int]) -> None:
    text = manifest(numbers).encode(written_by='node', written_at=at('2026-11-14T05:00:00'))
    assert Manifest.decode(HOUR, text) == manifest(numbers)


def test_what_is_withdrawn_leaves_the_manifest() -> None:
    listed = sizes({0, 1}) | {tombstone_of(PIECES[0]).name: 0}
    found = of_objects(HOUR, sizes({1}), listed, manifest({0, 1}))
    assert set(found.sizes) == {tombstone_of(PIECES[0]).name, PIECES[1].name}


@pytest.mark.parametrize(
    'text',
    [
        '',
        'null',
        '[]',
        '{}',
        '[' * 100_000,
        '{"segments": 5, "tombstones": []}',
        '{"segments": [{"name": "../x", "size": 1}], "tombstones": []}',
        json.dumps({'segments': [{'name': PIECES[0].name, 'size': -1}], 'tombstones': []}),
        json.dumps({'segments': [{'name': PIECES[0].name, 'size': True}], 'tombstones': []}),
        json.dumps({'segments': [{'name': PIECES[0].name, 'size': '9'}], 'tombstones': []}),
        json.dumps({'segments': [], 'tombstones': ['../../x.tombstone']}),
        json.dumps({'segments': [], 'tombstones': [], 'object': {'name': '../x', 'size': 1, 'etag': ''}}),
    ],
)
def test_a_damaged_manifest_is_said(text: str) -> None:
    with pytest.raises(ListingError, match='is damaged'):
        Manifest.decode(HOUR, text)
