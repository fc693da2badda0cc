"""The promises of a place, kept by each of them: Memory, Disk, Bucket, and a Disk behind a restreamer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backfiller.mirror.bucket import Bucket
from common.disk import Disk
from common.errors import SegmentError
from common.place import Scope, Source, Store
from common.segment import Hour, Segment
from tests.kit import s3
from tests.kit.build import HOUR, at, fill, fragments, piece, run_of, tombstone_of
from tests.kit.memory import Memory
from tests.kit.process import peer_at, restreamer
from tests.kit.s3_servers import QUICK, SCHEMES, SERVERS

BUCKETS = [
    pytest.param(f'bucket-{server}-{scheme}', marks=[] if server in QUICK else pytest.mark.slow)
    for server in SERVERS
    for scheme in SCHEMES
]
PAGE = 20
STORES = ['memory', 'disk', *BUCKETS]


class Place:
    """A source under test, and the store through which a test puts things into it."""

    def __init__(self, source: Source, store: Store) -> None:
        self.source = source
        self.store = store
        self.many = 2 * PAGE + 5 if isinstance(store, Bucket) else 1100


@pytest.fixture(params=[*STORES, 'peer', 'plain peer'])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if 'peer' in request.param:
        disk = Disk(fill(tmp_path, []))
        with restreamer(tmp_path) as url:
            peer = peer_at(url, plain=request.param == 'plain peer')
            yield Place(peer, disk)
            peer.close()
    else:
        store = _store(request, tmp_path)
        yield Place(store, store)


@pytest.fixture(params=STORES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return _store(request, tmp_path)


def _store(request: pytest.FixtureRequest, folder: Path) -> Any:
    kind, *server = request.param.split('-')
    if kind == 'bucket':
        url = request.getfixturevalue('s3_servers').url(*server)
        return Bucket(s3.client(url, page=PAGE), s3.new_bucket(url))
    return Memory() if request.param == 'memory' else Disk(folder)


def bodies(source: Source, *segments: Segment) -> list[bytes]:
    return [b''.join(chunks) for _, chunks in source.read(segments)]


def test_an_empty_place_lists_nothing(place: Place) -> None:
    assert list(place.source.hours()) == []
    assert place.source.names(HOUR) == set()


def test_what_was_added_is_listed_and_read(place: Place) -> None:
    pieces = [piece(), piece('2026-11-14T04:00:00'), piece(stream='tram', variant='480p')]
    for each in pieces:
        assert place.store.add(each.segment, [each.body[:7], each.body[7:]]) == len(each.body)
    assert set(place.source.hours()) == {each.hour for each in pieces}
    assert place.source.names(HOUR) == {pieces[0].name}
    assert bodies(place.source, *[each.segment for each in pieces]) == [each.body for each in pieces]


def test_a_scope_narrows_the_hours(place: Place) -> None:
    for start in ('2026-11-14T03:59:59', '2026-11-14T05:00:00'):
        for variant in ('source', '480p'):
            each = piece(start, variant=variant)
            place.store.add(each.segment, [each.body])
    found = place.source.hours(Scope(variants=frozenset({'480p'}), since=at('2026-11-14T04:00:00')))
    assert list(found) == [Hour('bus', '480p', '2026-11-14T05')]


def test_adding_twice_is_adding_once(place: Place) -> None:
    each = piece()
    place.store.add(each.segment, [each.body])
    place.store.add(each.segment, [each.body])
    assert place.source.names(each.hour) == {each.name}


def test_a_missing_segment_costs_the_others_nothing(place: Place) -> None:
    here, away, also_here = run_of(3)
    for each in (here, also_here):
        place.store.add(each.segment, [each.body])
    found: dict[Segment, object] = {}
    for segment, chunks in place.source.read([here.segment, away.segment, also_here.segment]):
        try:
            found[segment] = b''.join(chunks)
        except SegmentError as error:
            found[segment] = error.reason
    assert found == {here.segment: here.body, away.segment: 'missing', also_here.segment: also_here.body}


def test_a_tombstone_hides_its_segment(place: Place) -> None:
    withdrawn, kept = run_of(2)
    for each in (withdrawn, kept):
        place.store.add(each.segment, [each.body])
    place.store.add(tombstone_of(withdrawn), [])
    assert place.source.names(HOUR) == {tombstone_of(withdrawn).name, kept.name}
    assert bodies(place.source, tombstone_of(withdrawn)) == [b'']


def test_names_keep_every_character(place: Place) -> None:
    each = Segment.parse(HOUR, piece().name.replace('26.5-2-', '26.500000-2.002-'))
    place.store.add(each, [piece().body])
    assert place.source.names(HOUR) == {each.name}


def test_fragments_and_their_init_section_are_members_like_others(place: Place) -> None:
    section, *pieces = fragments(3)
    for each in (*pieces, section, *run_of(2)):
        assert place.store.add(each.segment, [each.body]) == len(each.body)
    assert place.source.names(HOUR) == {each.name for each in (section, *pieces, *run_of(2))}
    wanted = [section, *pieces]
    found = place.source.read([each.segment for each in wanted])
    assert {segment: b''.join(chunks) for segment, chunks in found} == {
        each.segment: each.body for each in wanted
    }


def test_the_same_fragment_of_two_init_sections_is_two(place: Place) -> None:
    for init in (b'moov', b'other'):
        for each in fragments(1, init=init):
            place.store.add(each.segment, [each.body])
    assert len(place.source.names(HOUR)) == 4
    wanted = [fragments(1, init=init)[1] for init in (b'moov', b'other')]
    assert bodies(place.source, *[each.segment for each in wanted]) == [each.body for each in wanted]


def test_a_tombstone_hides_its_fragment_and_no_init_section(place: Place) -> None:
    section, withdrawn, kept = fragments(2)
    for each in (section, withdrawn, kept):
        place.store.add(each.segment, [each.body])
    place.store.add(tombstone_of(withdrawn), [])
    assert place.source.names(HOUR) == {section.name, tombstone_of(withdrawn).name, kept.name}


def test_many_names_come_in_full(place: Place) -> None:
    pieces = run_of(place.many, seconds=1)
    for each in pieces:
        place.store.add(each.segment, [each.body])
    assert place.source.names(HOUR) == {each.name for each in pieces}


@pytest.mark.parametrize('body', [b'other bytes', b'', b'x' * 1000])
def test_bytes_that_are_not_what_the_name_says_are_not_added(target: Store, body: bytes) -> None:
    each = piece(body=b'right bytes')
    with pytest.raises(SegmentError) as caught:
        target.add(each.segment, [body])
    assert caught.value.reason == 'hash'
    assert target.names(each.hour) == set()
    assert list(target.hours()) == []


def test_bytes_that_are_no_such_fragment_or_init_section_are_not_added(target: Store) -> None:
    for each in fragments(1):
        with pytest.raises(SegmentError) as caught:
            target.add(each.segment, [b'other bytes'])
        assert caught.value.reason == 'hash'
    assert target.names(HOUR) == set()


def test_chunks_that_break_off_add_nothing(target: Store) -> None:
    each = piece()

    def broken() -> Iterator[bytes]:
        yield each.body[:10]
        raise SegmentError('truncated', 'the peer went away')

    with pytest.raises(SegmentError, match='went away'):
        target.add(each.segment, broken())
    assert list(target.hours()) == []


def test_a_tombstone_with_bytes_is_refused(target: Store) -> None:
    with pytest.raises(SegmentError):
        target.add(tombstone_of(piece()), [b'!'])
    assert target.names(HOUR) == set()
