"""Runs of `backfiller migrate` to a bucket, and what they say."""

import json
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent

from tests.kit.process import BIN, Process, eventually, running
from tests.kit.strict_s3.server import StrictS3

LONGEST_SECONDS = 300


class Migrating:
    """A list of links and a bucket of their own."""

    def __init__(self, s3: StrictS3, folder: Path, urls: Iterable[str], *options: str) -> None:
        self.s3 = s3
        self.bucket = s3.new_bucket()
        self.list = folder / 'links.txt'
        self.list.write_text(''.join(f'{url}\n' for url in urls))
        self._options = options

    @property
    def bucket_name(self) -> str:
        return self.bucket.split('/')[2]

    @contextmanager
    def started(self, *options: str) -> Iterator[Process]:
        with running(*self.command(*options)) as process:
            yield process

    def command(self, *options: str) -> list[str]:
        place = ['--bucket', self.bucket, '--endpoint-url', self.s3.url]
        return [str(BIN / 'backfiller'), 'migrate', str(self.list), *place, *self._options, *options]

    def run(self, *options: str, code: int = 0) -> 'Report':
        """To its end, which has to be with this exit code."""
        with self.started('--json', *options) as process:
            assert process.wait(LONGEST_SECONDS) == code, process.output
            return Report(process.output)

    def killed_at(self, call: int) -> int:
        """Runs it until so many calls came; how many there are when all are answered."""
        with self.started() as process:
            self.s3.calls_back('*', lambda _: process.stop(signal.SIGKILL), after=call, times=1)
            process.wait(LONGEST_SECONDS)
        gevent.idle()  # what was on its way is heard
        eventually(lambda: all(each.status or each.code for each in self.s3.calls))
        self.s3.recovers()
        return len(self.s3.calls)

    def objects(self) -> dict[str, bytes]:
        """All that is in the bucket, by its key below the prefix."""
        found = self.s3.objects(self.bucket_name)
        return {key.removeprefix('archive/'): each.body for key, each in found.items()}

    def sent(self, since: int = 0) -> list[str]:
        """The keys of all puts that went well, but for those that find out what the server does.

        Of the calls to the server, only those after so many count.
        """
        puts = [call for call in self.s3.calls[since:] if (call.operation, call.status) == ('PutObject', 200)]
        keys = [call.key.removeprefix('archive/') for call in puts if call.bucket == self.bucket_name]
        return [key for key in keys if not key.startswith(('.probe/', '.migrate/'))]


class Report:
    """What a run reports as JSON, which is the last line of what it says."""

    def __init__(self, output: str) -> None:
        self.said: dict[str, Any] = json.loads(
            next(line for line in reversed(output.splitlines()) if line.startswith('{'))
        )
        self.links: dict[str, Any] = {row['url']: row for row in self.said['found']}

    def status(self, url: str) -> str:
        found: str = self.links[url]['status']
        return found

    def why(self, url: str) -> str:
        found: str = self.links[url]['why']
        return found

    def lacking(self, url: str) -> list[str]:
        """The keys."""
        return [each['key'] for each in self.links[url]['lacking']]
