"""Who copies a store to an S3 server: ours in its layouts, and what people use otherwise."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench import ours, report, servers
from tests.bench.corpus import STREAM, Corpus
from tests.bench.measure import ROOT
from tests.kit.process import BIN
from tests.kit.s3 import CREDENTIALS

BUCKET = 'recordings'
SEGMENTS, HOUR = 'ours, segments', 'ours, hour'
AWS, S5CMD, RCLONE = 'aws s3 sync', 's5cmd cp', 'rclone copy'

KEYS = CREDENTIALS['AWS_ACCESS_KEY_ID'], CREDENTIALS['AWS_SECRET_ACCESS_KEY']
ENVIRONMENT = CREDENTIALS | {'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull}
"""So that what somebody set for the AWS command on this machine changes nothing."""

APART = ROOT / 'build' / 'contenders' / 'bin'
"""awscli asks for one very botocore, and so lives in an environment of its own: `make bench` makes it."""

NEEDS = {AWS: ('aws', '--version'), S5CMD: ('s5cmd', 'version'), RCLONE: ('rclone', '--version')}


@dataclass(frozen=True)
class Uploader:
    """A command that fills the bucket of the server at a URL, and how many objects the segments then are."""

    name: str
    command: Callable[[str], list[str]]
    objects: int
    is_ours: bool = False


class Field:
    """The uploaders of a store; what cannot run is noted by name, and what runs by its version."""

    def __init__(self, store: Corpus, *, workers: int = 0) -> None:
        self._store = store
        self._workers = workers
        self._folder = str(store.root / STREAM)
        found = {name: program for name, (each, _) in NEEDS.items() if (program := _program(each))}
        makers = {AWS: self._aws, S5CMD: self._s5cmd, RCLONE: self._rclone}
        others = [makers[name](program) for name, program in found.items()]
        self.uploaders = [self._ours(SEGMENTS), self._ours(HOUR), *others]
        missing = [f'{name}: not run, {NEEDS[name][0]} is not installed' for name in makers.keys() - found]
        told = (report.version_of([program, NEEDS[name][1]]) for name, program in found.items())
        self.notes = [', '.join(filter(None, told)), *sorted(missing)]

    def _ours(self, name: str) -> Uploader:
        layout = name.removeprefix('ours, ')
        root, objects = self._store.root, len(self._store.hours) if name == HOUR else self._store.segments
        return Uploader(
            name, lambda url: ours.mirror_once(root, f's3://{BUCKET}', url, layout), objects, is_ours=True
        )

    def _aws(self, program: str) -> Uploader:
        places = [self._folder, f's3://{BUCKET}/{STREAM}']
        command = [program, 's3', 'sync', *places, '--only-show-errors', '--endpoint-url']
        return Uploader(AWS, lambda url: [*command, url], self._store.segments)

    def _s5cmd(self, program: str) -> Uploader:
        workers = ['--numworkers', str(self._workers)] if self._workers else []
        command = [*workers, '--log', 'error', 'cp', f'{self._folder}/', f's3://{BUCKET}/{STREAM}/']
        return Uploader(S5CMD, lambda url: [program, '--endpoint-url', url, *command], self._store.segments)

    def _rclone(self, program: str) -> Uploader:
        command = [program, 'copy', '--config', '', self._folder, f':s3:{BUCKET}/{STREAM}']
        command += ['--transfers', '16', '--checkers', '16']
        command += ['--s3-provider', 'Rclone', '--s3-env-auth', '--s3-endpoint']
        return Uploader(RCLONE, lambda url: [*command, url], self._store.segments)


def aws() -> str | None:
    """Where the aws command is, if there is one."""
    return _program(NEEDS[AWS][0])


def _program(name: str) -> str | None:
    """Where it is: the rclone that serves is ours, and so is the one that copies."""
    return shutil.which(name, path=f'{BIN}{os.pathsep}{APART}') or servers.program(name)
