"""`backfiller migrate` to every S3 server that we know: all arrives, and nothing is sent a second time."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit import s3
from tests.kit import videos as web
from tests.kit.archive import Archive
from tests.kit.process import run
from tests.kit.s3_servers import EACH, Servers


@pytest.mark.parametrize('name', EACH)
def test_every_server_keeps_what_is_migrated_and_knows_it_again(
    name: str, s3_servers: Servers, tmp_path: Path
) -> None:
    url = s3_servers.url(name)
    archive = Archive(url, s3.new_bucket(url))
    with web.origin() as origin:
        links = tmp_path / 'links.txt'
        links.write_text(web.put_video(origin, '/a b') + f'\n{origin.url}/large.m3u8\n')
        links.write_text(links.read_text().replace('a b', 'a%20b'))
        origin.files = {path.replace(' ', '%20'): body for path, body in origin.files.items()}
        origin.files |= {'/large.m3u8': web.media(['l.ts']), '/l.ts': web.body_of('large', 17_000_000)}
        first, second = _migrated(links, archive), _migrated(links, archive)
    assert (first['done'], first['sent'], second['done'], second['sent']) == (2, 8, 2, 0)
    for path, body in origin.files.items():
        assert archive.read(path[1:].replace('%20', ' ')) == body
    assert {path for path in archive.paths() if path.startswith('.')} == set()


def _migrated(links: Path, archive: Archive) -> dict[str, Any]:
    outcome = run('backfiller', 'migrate', links, *archive.flags, '--json')
    assert outcome.wait() == 0, outcome.output
    report: dict[str, Any] = json.loads(next(line for line in outcome.lines if line.startswith('{')))
    return report
