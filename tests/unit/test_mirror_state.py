"""When an hour is mirrored, and what its manifest says."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.manifest import Manifest
from backfiller.mirror import Patience
from common.errors import ListingError
from tests.kit.build import HOUR, at, run_of, tombstone_of

PIECES = run_of(8)
PATIENCE = Patience(timedelta(minutes=5), timedelta(hours=6))


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


@given(NUMBERS, NUMBERS)
def test_manifests_merge_by_union_in_any_order(ours: set[int], theirs: set[int]) -> None:
    assert manifest(ours).merged(manifest(theirs)) == manifest(ours | theirs)
    assert manifest(theirs).merged(manifest(ours)) == manifest(ours | theirs)


@given(NUMBERS)
def test_a_manifest_reads_back(numbers: set[int]) -> None:
    text = manifest(numbers).encode(written_by='node', written_at=at('2026-11-14T05:00:00'))
    assert Manifest.decode(HOUR, text) == manifest(numbers)


def test_what_is_withdrawn_leaves_the_manifest_when_it_is_merged() -> None:
    withdrawal = Manifest(HOUR, {tombstone_of(PIECES[0]).name: 0})
    merged = manifest({0, 1}).merged(withdrawal)
    assert set(merged.sizes) == {tombstone_of(PIECES[0]).name, PIECES[1].name}


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
    ],
)
def test_a_damaged_manifest_is_said(text: str) -> None:
    with pytest.raises(ListingError, match='is damaged'):
        Manifest.decode(HOUR, text)
