"""What is found to be lacking of derived variants, by the listing of a store."""

from datetime import timedelta
from pathlib import Path

from backfiller.derive.look import Job, is_lacking, lacking
from backfiller.live.layout import Variant
from common.disk import Disk
from tests.kit.build import Piece, at, fill, piece, run_of, tombstone_of

SOURCE = Variant('bus', 'source')
NOW, LENGTH = at('2026-11-14T03:00:20'), timedelta(seconds=60)


def found(store: Path, *variants: str) -> list[Job]:
    return lacking(Disk(store), SOURCE, variants or ('360p',), NOW, LENGTH)


def starts(jobs: list[Job]) -> list[str]:
    return [f'{job.source.start:%M:%S} {job.variant}' for job in jobs]


def withdraw(store: Path, withdrawn: Piece) -> None:
    (store / tombstone_of(withdrawn).path).touch()


def test_the_newest_comes_first_of_each_variant(store: Path) -> None:
    fill(store, run_of(2))
    assert starts(found(store, '360p', '180p')) == ['00:02 360p', '00:02 180p', '00:00 360p', '00:00 180p']


def test_nothing_is_lacking_of_nothing(store: Path) -> None:
    assert found(store) == []


def test_what_is_there_is_not_lacking_to_the_millisecond(store: Path) -> None:
    sources = [piece(f'2026-11-14T03:00:0{n}', seconds=2) for n in (0, 2, 4)]
    there = [
        piece('2026-11-14T03:00:00', variant='360p'),
        piece('2026-11-14T03:00:02.001', variant='360p'),
        piece('2026-11-14T03:00:04.002', variant='360p'),
    ]
    fill(store, [*sources, *there])
    assert starts(found(store)) == ['00:04 360p']


def test_what_is_old_is_left(store: Path) -> None:
    fill(store, [piece('2026-11-14T02:59:19'), piece('2026-11-14T02:59:21')])
    assert starts(found(store)) == ['59:21 360p']


def test_what_was_withdrawn_is_left_and_so_is_what_is_derived_of_it_no_more(store: Path) -> None:
    one, other, third = run_of(3)
    derived = piece('2026-11-14T03:00:02', variant='360p')
    fill(store, [one, other, third, derived])
    withdraw(store, one)
    withdraw(store, derived)
    assert starts(found(store)) == ['00:04 360p']


def test_a_better_one_that_comes_later_is_derived_again(store: Path) -> None:
    """What was cut off is better than nothing, and gives way to the whole."""
    cut, whole = piece(kind='partial', body=b'cut'), piece(body=b'whole')
    moment = piece().segment.start + timedelta(seconds=5)
    fill(store, [cut])
    (job,) = lacking(Disk(store), SOURCE, ['360p'], moment, LENGTH)
    assert job.source == cut.segment
    fill(store, [whole, piece(kind='partial', variant='360p')])
    (job,) = lacking(Disk(store), SOURCE, ['360p'], moment, LENGTH)
    assert job.source == whole.segment
    fill(store, [piece(variant='360p')])
    assert lacking(Disk(store), SOURCE, ['360p'], moment, LENGTH) == []


def test_it_is_looked_again_before_one_is_made(store: Path) -> None:
    source, derived = piece(), piece(variant='360p')
    job = Job(source.segment, '360p')
    assert not is_lacking(Disk(store), job)
    fill(store, [source])
    assert is_lacking(Disk(store), job)
    fill(store, [derived])
    assert not is_lacking(Disk(store), job)
    (store / derived.path).unlink()
    withdraw(store, source)
    assert not is_lacking(Disk(store), job)
