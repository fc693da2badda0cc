"""What an hour costs is what it takes: each request is counted at the server."""

from pathlib import Path

import pytest

from backfiller.mirror import costs
from tests.kit.build import Piece, fill, run_of
from tests.kit.mirroring import Mirroring, large
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.server import strict_s3

READS = {'GetObject', 'HeadObject'}
PLACES_IN_A_FOLDER = 4
"""Slashes in what is listed of an hour: all else is asked once in a pass, not for each hour."""


@pytest.mark.parametrize(
    ('layout', 'pieces'),
    [
        ('segments', run_of(1)),
        ('segments', run_of(1100)),
        ('hour', large(1)),
        ('hour', large(25)),
    ],
    ids=['one of one', 'one of 1100', 'all of one', 'all of 25'],
)
def test_an_hour_takes_as_many_requests_as_are_told(tmp_path: Path, layout: str, pieces: list[Piece]) -> None:
    with strict_s3(page_size=costs.PAGE) as s3:
        assert Mirroring(s3, fill(tmp_path, pieces), layout).run().wait() == 0
        calls = [call for call in s3.calls if is_for_the_hour(call)]
        found = costs.of_hour(layout, len(pieces), sum(len(each.body) for each in pieces))
        reads = sum(call.operation in READS for call in calls)
        assert (len(calls) - reads, reads) == (found.writes, found.reads)


def is_for_the_hour(call: Call) -> bool:
    if call.operation == 'ListObjectsV2':
        return call.query['prefix'].count('/') == PLACES_IN_A_FOLDER
    return '/.probe/' not in call.key
