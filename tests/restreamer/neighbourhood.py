"""A node among peers, as the tests of holes, heat and overview need it: real processes, and liars."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.fake_peer import Respond, answering
from tests.kit.process import get, restreamer


def told(*peers: str, **more: Any) -> Respond:
    """A control port that knows these peers."""
    status = {'id': 'us', 'peers': {url: {'state': 'idle'} for url in peers}, **more}
    return lambda path: (200, json.dumps(status).encode()) if path == '/status' else (404, b'')


@contextmanager
def node(store: Path, *peers: str, **more: Any) -> Iterator[str]:
    """A restreamer over the store whose backfiller says that it has these peers; its URL."""
    with answering(told(*peers, **more)) as control, restreamer(store, '--backfiller', control) as url:
        yield url


def asked(url: str, path: str, **query: str) -> Any:
    """The JSON that it answers."""
    answer = get(url + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counting(respond: Respond, counts: dict[str, int]) -> Respond:
    """The same peer, which counts what it is asked for."""

    def respond_and_count(path: str) -> tuple[int, bytes]:
        counts[path] = counts.get(path, 0) + 1
        return respond(path)

    return respond_and_count


def listing(listings: Mapping[str, Any]) -> Respond:
    """A peer of the plain protocol that answers these paths, and 404 to all others."""

    def respond(path: str) -> tuple[int, bytes]:
        return (200, json.dumps(listings[path]).encode()) if path in listings else (404, b'')

    return respond
