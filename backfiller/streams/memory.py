"""What a registry last said that was right, on the node's own disk: `.streams.json` in the store.

With it a node that is started again while Redis is away, or the file is wrong, goes on with what it recorded.
Only its owner may read it, for headers may be secret.
"""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backfiller.streams.registry import Look
from backfiller.streams.stream import Stream
from common.errors import UsageError

NAME = '.streams.json'
NOTHING = Look({}, frozenset())
_TEMP = '.streams.json.new'
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC

log = logging.getLogger(__name__)


class Memory:
    """For one store and the registry of that URL; calls wait for the disk."""

    def __init__(self, store: Path, url: str) -> None:
        self._path = store / NAME
        self._temp = store / _TEMP
        self._url = url
        self._kept = b''
        self._is_refused = False

    def load(self) -> Look:
        """What was kept of this registry; nothing if that cannot be used, which is said."""
        try:
            self._kept = self._path.read_bytes()
            return decode(self._kept, self._url)
        except FileNotFoundError:
            return NOTHING
        except (OSError, ValueError, UsageError) as error:
            log.warning('%s cannot be used: %s; it is written anew', self._path, error)
            return NOTHING

    def keep(self, look: Look) -> None:
        """Writes it down if it is something else; that it could not is said once."""
        text = encode(look, self._url)
        if text == self._kept:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(self._temp, _WRITE, 0o600), 'wb') as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self._temp.rename(self._path)
        except OSError as error:
            if not self._is_refused:
                log.warning('cannot write %s: %s', self._path, error.strerror)
            self._is_refused = True
        else:
            self._kept, self._is_refused = text, False


def encode(look: Look, url: str) -> bytes:
    streams = {name: _table(stream) for name, stream in look.streams.items()}
    document = {'registry': url, 'here': sorted(look.mine), 'streams': streams}
    return (json.dumps(document, indent=1) + '\n').encode()


def decode(text: bytes, url: str) -> Look:
    """Reads what `encode` wrote of this registry; raises ValueError or UsageError for anything else."""
    try:
        document = json.loads(text)
        if document['registry'] != url:
            return NOTHING
        streams = {name: Stream.read(name, table, name) for name, table in document['streams'].items()}
        return Look(streams, frozenset(document['here']) & streams.keys())
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f'it is damaged ({error})') from None


def _table(stream: Stream) -> dict[str, Any]:
    """What `Stream.read` reads."""
    recipe, placement = stream.recipe, stream.placement
    return {
        'sources': list(recipe.sources),
        'variants': list(recipe.variants),
        'headers': dict(recipe.headers),
        'allow': list(recipe.allow),
        'state': 'run' if stream.run else 'stop',
        'placement': {'replicas': placement.replicas}
        if placement.replicas
        else list(placement.nodes) or 'all',
        'derive': [asdict(each) for each in stream.derive],
    }
