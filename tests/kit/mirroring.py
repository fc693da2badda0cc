"""A store whose hours go to a strict S3 server, and the commands for that."""

import signal
from pathlib import Path

from tests.kit.build import Piece, piece
from tests.kit.process import Process, run, running
from tests.kit.strict_s3.server import StrictS3


def large(count: int) -> list[Piece]:
    """Segments of a MB each, a minute apart, so that an hour takes several parts."""
    times = [f'2026-11-14T03:{number:02}:00' for number in range(count)]
    return [piece(time, body=time.encode() * 50_000) for time in times]


class Mirroring:
    """One store, one layout, and a new bucket unless one is given."""

    def __init__(self, s3: StrictS3, store: Path, layout: str = 'segments', url: str = '') -> None:
        self.s3 = s3
        self.store = store
        self.url = url or s3.new_bucket()
        self.bucket = ['--bucket', self.url, '--endpoint-url', s3.url]
        self.service = ['mirror', '--store', str(store), *self.bucket, '--layout', layout]
        self.command = [*self.service, '--once']

    @property
    def bucket_name(self) -> str:
        return self.url.split('/')[2]

    def run(self) -> Process:
        outcome = run('backfiller', *self.command)
        outcome.wait()
        return outcome

    def killed_at(self, call: int) -> None:
        """Runs it until so many calls came."""
        with running('backfiller', *self.command) as process:
            self.s3.calls_back('*', lambda _: process.stop(signal.SIGKILL), after=call, times=1)
            process.wait()
        self.s3.recovers()

    def verify(self, *flags: str) -> Process:
        outcome = run('backfiller', 'verify', *self.bucket, '--store', str(self.store), *flags)
        outcome.wait()
        return outcome

    def assert_whole(self) -> None:
        """Mirrored, intact to the last byte, and nothing of ours open."""
        checked = self.verify('--deep')
        assert checked.wait() == 0, checked.output
        assert not self.s3.uploads()
        assert not (self.store / '.uploads.json').exists()
