"""Who copies a store from A to B: ours in its modes, and what people use otherwise."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import ours, servers
from tests.bench.corpus import Corpus

OURS, DURABLE, PLAIN = 'ours', 'ours, durable', 'ours, plain'
RSYNC, RCLONE, CP, BASELINE = 'rsync daemon', 'rclone over nginx', 'cp', 'plain protocol, requests at 5'
NEEDS = {RSYNC: ('rsync',), RCLONE: ('rclone', 'nginx'), CP: ('cp',)}


@dataclass(frozen=True)
class Contender:
    """A command that fills a folder, and the server that it fetches from."""

    name: str
    command: Callable[[Path], list[str]]
    server_pid: int | None = None
    checks_hashes: bool = False


class Field:
    """The contenders with their servers; what cannot run is noted by name."""

    def __init__(self, stack: ExitStack, corpus: Corpus, folder: Path, wanted: tuple[str, ...]) -> None:
        self._stack = stack
        self._store = corpus.root
        self._folder = folder
        self.notes = [note for name in wanted if (note := _obstacle(name))]
        self.contenders = [self._make(name) for name in wanted if not _obstacle(name)]

    def _make(self, name: str) -> Contender:
        others = {RSYNC: self._rsync, RCLONE: self._rclone, CP: self._cp, BASELINE: self._baseline}
        return others[name]() if name in others else self._ours(name)

    def _ours(self, name: str) -> Contender:
        server = self._stack.enter_context(servers.restreamer(self._store))
        options = ours.durability('batch' if name == DURABLE else 'none')
        options += ours.plain_protocol() if name == PLAIN else []
        return Contender(
            name, lambda target: ours.once(target, [server.url], *options), server.pid, checks_hashes=True
        )

    def _baseline(self) -> Contender:
        server = self._stack.enter_context(servers.restreamer(self._store))
        program = [sys.executable, '-m', 'tests.bench.baseline', server.url]
        return Contender(BASELINE, lambda target: [*program, str(target)], server.pid)

    def _cp(self) -> Contender:
        return Contender(CP, lambda target: ['cp', '-r', f'{self._store}/.', str(target)])

    def _rsync(self) -> Contender:
        server = self._stack.enter_context(servers.rsync_daemon(self._store, self._folder / 'rsyncd'))
        return Contender(RSYNC, lambda target: ['rsync', '-a', server.url, f'{target}/'], server.pid)

    def _rclone(self) -> Contender:
        server = self._stack.enter_context(servers.nginx(self._store, self._folder / 'nginx'))
        (self._folder / 'rclone.conf').touch()
        options = ['--config', str(self._folder / 'rclone.conf'), '--http-url', f'{server.url}/']
        options += ['--transfers', '16', '--checkers', '16']
        return Contender(
            RCLONE, lambda target: ['rclone', 'copy', ':http:', str(target), *options], server.pid
        )


def _obstacle(name: str) -> str:
    """Why it cannot run, if so."""
    missing = [each for each in NEEDS.get(name, ()) if not servers.program(each)]
    verb = 'is' if len(missing) == 1 else 'are'
    return f'{name}: not run, {" and ".join(missing)} {verb} not installed' if missing else ''


def missing_options() -> list[str]:
    """What this backfiller cannot be told, so that two contenders are the same."""
    flags = ('--durability', '--protocol')
    return [f'this backfiller has no {flag}: left away' for flag in flags if not ours.has_option(flag)]
