"""The files of the page, read once and kept; nothing else can be asked for."""

import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.digest import sha256

FOLDER = Path(__file__).parent / 'static'


@dataclass(frozen=True)
class Asset:
    """A file with what HTTP says of it."""

    body: bytes
    mimetype: str
    tag: str


@cache
def assets() -> dict[str, Asset]:
    """Path below `static/` -> file; what `make assets` brings is there if it was run before the start."""
    files = [path for path in FOLDER.rglob('*') if path.is_file()]
    return {path.relative_to(FOLDER).as_posix(): _read(path) for path in files}


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = 'text/javascript' if path.suffix == '.js' else mimetypes.guess_type(path.name)[0]
    return Asset(body, kind or 'application/octet-stream', sha256([body]))
