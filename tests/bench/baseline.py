# ruff: noqa: E402 (gevent patches before anything else is imported)
"""The plain protocol, requests at 5: how existing nodes of this kind fetch, for comparison.

Lists everything, then five workers with a `requests` session each read segments in blocks of 8 KiB, check the
hash, and rename a temporary file. Nothing is synced. `python -m tests.bench.baseline URL FOLDER`
"""

from gevent import monkey

monkey.patch_all()

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import click
import gevent
import requests
from gevent.queue import Empty, Queue

from common import digest
from common.segment import hash_in

WORKERS = 5
BLOCK_BYTES = 8 * 1024
TIMEOUT_SECONDS = 60


def listed(session: requests.Session, url: str, path: str = '') -> Iterator[str]:
    """The path of each segment, found by listing streams, variants, hours and names."""
    for name in session.get(f'{url}/files{path}', timeout=TIMEOUT_SECONDS).json():
        below = f'{path}/{name}'
        if below.count('/') == 4:
            yield below
        else:
            yield from listed(session, url, below)


def fetch(session: requests.Session, url: str, path: str, folder: Path) -> None:
    """One segment, whole or not at all."""
    target = folder / path[1:]
    temp = target.with_name(f'.{target.name}.temp')
    target.parent.mkdir(parents=True, exist_ok=True)
    running = hashlib.sha256()
    with (
        session.get(f'{url}/segments{quote(path)}', stream=True, timeout=TIMEOUT_SECONDS) as response,
        temp.open('wb') as file,
    ):
        response.raise_for_status()
        for block in response.iter_content(BLOCK_BYTES):
            running.update(block)
            file.write(block)
    if digest.from_bytes(running.digest()) != hash_in(target.name):
        raise click.ClickException(f'{path} is damaged')
    temp.rename(target)


def work(queue: 'Queue[str]', url: str, folder: Path) -> None:
    """Fetches until nothing is left."""
    with requests.Session() as session:
        while True:
            try:
                path = queue.get_nowait()
            except Empty:
                return
            fetch(session, url, path, folder)


@click.command()
@click.argument('url')
@click.argument('folder', type=click.Path(path_type=Path))
def main(url: str, folder: Path) -> None:
    """Fetch all that the peer at URL lists into FOLDER."""
    queue: Queue[str] = Queue()
    with requests.Session() as session:
        for path in listed(session, url):
            queue.put(path)
    gevent.joinall([gevent.spawn(work, queue, url, folder) for _ in range(WORKERS)], raise_error=True)


if __name__ == '__main__':
    main()
