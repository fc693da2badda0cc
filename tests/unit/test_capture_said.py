"""What a recorder says in the log: short, and not again and again."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from backfiller.capture.keep import Kept
from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.piece import Piece
from backfiller.capture.report import Report
from common.hls.playlist_reader import Entry
from common.segment import Segment
from common.skips import Skip, Skips
from tests.kit.build import at

NOW = at('2026-11-14T03:07:26')


@pytest.fixture
def report(store: Path) -> Report:
    return Report('bus', 'source', CaptureMetrics(CollectorRegistry()), Skips(store))


def piece(sequence: int) -> Piece:
    two = timedelta(seconds=2)
    return Piece(Entry(f'http://o/{sequence}.ts', sequence, two, NOW), NOW, 'stated', tries=1)


@pytest.mark.parametrize(
    ('skips', 'said'),
    [
        ([Skip(7, '404')], 'bus/source: 1 segment was skipped (404): 7'),
        ([Skip(7, '404'), Skip(8, '404')], 'bus/source: 2 segments were skipped (404): 7 to 8'),
        ([Skip(7, 'gone')], 'bus/source: 1 segment was offered and gone before being taken: 7'),
    ],
)
def test_what_was_skipped_is_counted_in_english(
    report: Report, caplog: pytest.LogCaptureFixture, skips: list[Skip], said: str
) -> None:
    report.skipped(skips, NOW)
    assert caplog.messages == [said]


def test_a_store_that_takes_nothing_is_said_once_until_it_takes_something(
    report: Report, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        report.failed(piece(number), 'unwritable', 'the store takes nothing')
    assert caplog.messages == ['bus/source: the store takes nothing']
    taken = Segment.named(
        'bus', 'source', start=NOW, duration=timedelta(seconds=2), kind='full', content='A' * 43
    )
    report.kept(Kept(taken, '', 1))
    with caplog.at_level(logging.WARNING):
        report.failed(piece(4), 'unwritable', 'the store takes nothing')
    assert len(caplog.messages) == 2
