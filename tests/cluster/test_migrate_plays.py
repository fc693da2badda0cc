"""What `backfiller migrate` brought plays from the bucket, to ffmpeg's satisfaction, in every form."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from deploy.demo import video
from tests.kit import videos as web
from tests.kit.archive import Archive
from tests.kit.build import at
from tests.kit.process import run
from tests.kit.videos import Origin

KEY = bytes(range(16))
NAMES = [f's{number}.ts' for number in range(6)]


@pytest.fixture(scope='module')
def bodies(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Segments of real video, which go on from one to the next."""
    found = video.past_hour(tmp_path_factory.mktemp('video'), at('2026-11-14T03:00:00'))
    return [path.read_bytes() for _, path in found[: len(NAMES)]]


def encrypted(body: bytes, sequence: int) -> bytes:
    """As RFC 8216 section 5.2 has it, without an IV of its own."""
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES128(KEY), modes.CBC(sequence.to_bytes(16))).encryptor()
    return encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()


def put_all(origin: Origin, bodies: list[bytes]) -> list[str]:
    """A video in the forms in which videos come; the paths of their playlists."""
    plain = web.media(NAMES, seconds=4.0)
    origin.files |= {f'/plain/v/{name}': body for name, body in zip(NAMES, bodies, strict=True)}
    origin.files['/plain/v/i.m3u8'] = plain
    origin.files['/plain/master.m3u8'] = web.master(f'{origin.url}/plain/v/i.m3u8?token=secret')
    origin.files['/moved/i.m3u8'] = web.media([f'/plain/v/{name}?token=x' for name in NAMES], seconds=4.0)
    key = b'#EXT-X-KEY:METHOD=AES-128,URI="/keys/k.bin"\n'
    origin.files['/secret/i.m3u8'] = plain.replace(b'#EXTINF', key + b'#EXTINF', 1)
    origin.files['/keys/k.bin'] = KEY
    ranges, offset = b'#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:5\n', 0
    for number, body in enumerate(bodies):
        origin.files[f'/secret/{NAMES[number]}'] = encrypted(body, number)
        ranges += f'#EXTINF:4,\n#EXT-X-BYTERANGE:{len(body)}@{offset}\nall.ts?part=1\n'.encode()
        offset += len(body)
    origin.files['/one/i.m3u8'] = ranges + b'#EXT-X-ENDLIST\n'
    origin.files['/one/all.ts'] = b''.join(bodies)
    return ['plain/master.m3u8', 'plain/v/i.m3u8', 'moved/i.m3u8', 'secret/i.m3u8', 'one/i.m3u8']


def test_each_link_that_is_done_plays_from_the_bucket(
    s3_url: str, bucket_url: str, bodies: list[bytes], tmp_path: Path
) -> None:
    archive = Archive(s3_url, bucket_url)
    with web.origin() as origin:
        paths = put_all(origin, bodies)
        links = tmp_path / 'links.txt'
        links.write_text(''.join(f'{origin.url}/{path}\n' for path in paths))
        outcome = run('backfiller', 'migrate', links, *archive.flags)
        assert outcome.wait() == 0, outcome.output
    for path in paths:
        assert video.plays_cleanly(archive.public_url(path)) == ''
    assert archive.head('plain/v/s0.ts')['Metadata']['sha256']
