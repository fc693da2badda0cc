"""The playlists of other projects' test suites, as their packages carry them: `make corpora` brings them.

None of them is in this repository. Each package is pinned to its bytes, and is read where it lies.
"""

import ast
import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

FOLDER = Path(__file__).parents[2] / 'build' / 'corpora'


@dataclass(frozen=True)
class Package:
    """One version of a package; `file` is what the registry's client calls it."""

    registry: str
    name: str
    file: str
    content: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    def fetch(self) -> None:
        """Brings it, unless it is there; raises SystemExit if it is not the one that was pinned."""
        if not self.path.exists():
            subprocess.run(_COMMANDS[self.registry](self.name), check=True, cwd=FOLDER)
        found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if found != self.content:
            raise SystemExit(f'{self.path} is not the pinned {self.name}: its SHA-256 is {found}')

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Every playlist in it by its path: files, and strings in the Python code of its tests."""
        for path, body in self.files():
            if path.endswith('.m3u8'):
                yield path, body
            elif path.endswith('.py') and path.startswith('tests/'):
                yield from _strings(path, body)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """What it holds, without its outermost folder."""
        with tarfile.open(self.path) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name.partition('/')[2], _body(archive, member)


def _npm(name: str) -> list[str]:
    return ['npm', 'pack', '--silent', '--ignore-scripts', name]


def _pypi(name: str) -> list[str]:
    options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--no-binary=:all:']
    return [sys.executable, '-m', 'pip', 'download', *options, name]


_COMMANDS = {'npm': _npm, 'PyPI': _pypi}


def _body(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b''


def _strings(path: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The playlists that stand in the code as they are; nothing of it is run."""
    for node in ast.walk(ast.parse(body)):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ''
        if '#EXTM3U\n' in text and ('#EXTINF' in text or '#EXT-X-STREAM-INF' in text):
            yield f'{path}:{node.lineno}', dedent(text).strip().encode()


PACKAGES = (
    Package(
        'npm',
        'm3u8-parser@7.2.0',
        'm3u8-parser-7.2.0.tgz',
        'e87f96d16114f04087ffad30c694d7a0e5aac66484d7a6714d0b3db4256b8a1a',
    ),
    Package(
        'npm',
        '@eyevinn/hls-vodtolive@4.1.10',
        'eyevinn-hls-vodtolive-4.1.10.tgz',
        '14d7e103fb88b3ef0cedb0e7245d1175b104f43aac7f7860928d0d970882127a',
    ),
    Package(
        'npm',
        '@eyevinn/hls-splice@0.4.11',
        'eyevinn-hls-splice-0.4.11.tgz',
        'd070e26b15176268996b76ef0abd7cf1034b2a28a286396e439c989988fa0433',
    ),
    Package(
        'npm',
        '@eyevinn/hls-truncate@0.3.3',
        'eyevinn-hls-truncate-0.3.3.tgz',
        'e4864b2599a86f26680ce65e747940ad44fb37164410e6c8cb9863fbae2ab85f',
    ),
    Package(
        'npm',
        '@eyevinn/hls-repeat@0.3.0',
        'eyevinn-hls-repeat-0.3.0.tgz',
        'e24b15ff2a9c35b140eeceef3e79d2cffd5af07c37e2f5abc3c17cb085192eeb',
    ),
    Package(
        'npm',
        '@eyevinn/m3u8@0.5.9',
        'eyevinn-m3u8-0.5.9.tgz',
        '9b7d9831b86389f3dffcbdf8dda2b771868d98f705144642cbb6246d323ca8c9',
    ),
    Package(
        'npm',
        'm3u8@0.0.10',
        'm3u8-0.0.10.tgz',
        '9081ad7a173bd1338d2e168ac976282cd4bf3b30dd6f979cad2225ee7300c062',
    ),
    Package(
        'npm',
        'm3u8-reader@1.1.0',
        'm3u8-reader-1.1.0.tgz',
        'a58623e6cb5b3e43d502cb739045069a97e36374406126a650d6766918e3dbd8',
    ),
    Package(
        'PyPI',
        'm3u8==6.0.0',
        'm3u8-6.0.0.tar.gz',
        '7ade990a1667d7a653bcaf9413b16c3eb5cd618982ff46aaff57fe6d9fa9c0fd',
    ),
    Package(
        'PyPI',
        'streamlink==8.6.3',
        'streamlink-8.6.3.tar.gz',
        'd3602a2629b62d935a7ddc2f31dcea7797b3780654dcccbd5c3dd5b5f7e380c8',
    ),
    Package(
        'PyPI',
        'yt-dlp==2026.10.26',
        'yt_dlp-2026.10.26.tar.gz',
        'abe5c6b94c3b2f0560500add1c42e0a97641752743a5b65588ac2007a6e23eb6',
    ),
)

if __name__ == '__main__':
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in PACKAGES:
        each.fetch()
