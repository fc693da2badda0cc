"""fMP4 as it was recorded: listed to those who know of it, served, and played by players."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin

import av
import pytest
import requests

from common import digest, wire
from common.disk import Disk
from common.segment import Hour
from deploy.demo import video
from restreamer.admission.signing import Scope, signed
from tests.kit.build import Piece, at, fill, init_of, piece
from tests.kit.fragmented import FRAMES_A_FRAGMENT, Fragmented, encoded, recorded
from tests.kit.needs import need_module
from tests.kit.process import get, restreamer, running

START = at('2026-11-14T03:59:56')
HOURS = [Hour('bus', 'source', f'2026-11-14T{hour}') for hour in ('03', '04')]
RANGE = '?start=2026-11-14T03:59:00Z&end=2026-11-14T04:01:00Z'
MEDIA, MASTER = '/playlist/bus/source.m3u8', '/playlist/bus.m3u8'
SECRET = 'read-' + 'r' * 20


@pytest.fixture(scope='module')
def made() -> Fragmented:
    return encoded()


@pytest.fixture(scope='module')
def held(made: Fragmented) -> list[Piece]:
    """Four seconds in one hour and four in the next, and a transport stream of another variant."""
    return [*recorded(made, START), piece('2026-11-14T03:10:00', variant='ts')]


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory, held: list[Piece]) -> Path:
    return fill(tmp_path_factory.mktemp('fragments') / 'store', held)


@pytest.fixture(scope='module')
def url(store: Path) -> Iterator[str]:
    with restreamer(store, '--ffmpeg', video.ffmpeg()) as url:
        yield url


def names_of(held: list[Piece], hour: Hour) -> set[str]:
    return {each.name for each in held if each.hour == hour}


@pytest.mark.parametrize('hour', HOURS, ids=lambda hour: hour.text)
def test_who_speaks_the_plain_protocol_hears_nothing_of_fragments(
    url: str, hour: Hour, held: list[Piece]
) -> None:
    assert get(url + wire.names_path(hour)).json() == []
    assert set(get(url + wire.members_path(hour)).json()) == names_of(held, hour)
    beside = Hour('bus', 'ts', '2026-11-14T03')
    assert set(get(url + wire.names_path(beside)).json()) == names_of(held, beside)


def test_counts_are_of_what_lasts_and_fingerprints_of_all(url: str, held: list[Piece]) -> None:
    told = get(f'{url}/files/bus/source?fingerprints=true').json()
    for hour in HOURS:
        expected = {'segments': 2, 'fingerprint': digest.fingerprint(names_of(held, hour))}
        assert told[hour.text] == expected


def test_each_is_served_as_what_it_is(url: str, held: list[Piece]) -> None:
    types = {'.mp4': 'video/mp4', '.m4s': 'video/iso.segment'}
    for each in held[:-1]:
        path = url + wire.segment_path(each.segment)
        for answer in (get(path), get(f'{path}?the=long&way=round')):
            assert answer.content == each.body
            assert answer.headers['Content-Type'] == types[each.name[-4:]]
            assert answer.headers['ETag'] == f'"{each.segment.hash}"'
        part = get(path, headers={'Range': 'bytes=3-9'})
        assert (part.status_code, part.content) == (206, each.body[3:10])
        assert get(path, headers={'If-None-Match': f'"{each.segment.hash}"'}).status_code == 304


def test_the_playlist_names_the_init_section_once_although_it_goes_on_in_the_next_hour(
    url: str, held: list[Piece]
) -> None:
    lines = get(f'{url}{MEDIA}{RANGE}').text.splitlines()
    assert lines[1] == '#EXT-X-VERSION:7'
    (named,) = [line for line in lines if line.startswith('#EXT-X-MAP')]
    assert named == f'#EXT-X-MAP:URI="../..{wire.segment_path(held[0].segment)}"'
    assert lines.index(named) < lines.index('#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:59:56.000000Z')
    assert '#EXT-X-DISCONTINUITY' not in lines
    uris = [line for line in lines if not line.startswith('#')]
    assert uris == [f'../..{wire.segment_path(each.segment)}' for each in held if each.segment.init]


@pytest.mark.parametrize('path', [MEDIA, MASTER])
def test_ffmpeg_has_nothing_to_complain_of(url: str, path: str) -> None:
    assert video.plays_cleanly(f'{url}{path}{RANGE}') == ''


@pytest.mark.parametrize('path', [MEDIA, MASTER])
def test_streamlink_writes_the_init_section_and_then_the_fragments(
    url: str, path: str, held: list[Piece], made: Fragmented
) -> None:
    need_module('streamlink')
    command = [sys.executable, '-m', 'streamlink', '--no-config', '--stdout', f'{url}{path}{RANGE}', 'best']
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == made.init + b''.join(body for body, _ in made.fragments)


def test_the_master_says_what_ffmpeg_says(url: str, made: Fragmented) -> None:
    (told,) = [line for line in get(f'{url}{MASTER}{RANGE}').text.splitlines() if 'CODECS' in line]
    codecs, size = made.master.split('CODECS="')[1].split('"')[0], '320x180'
    assert told.endswith(f'CODECS="{codecs}",RESOLUTION={size}')


def test_a_signature_reaches_the_init_section_too(store: Path, held: list[Piece]) -> None:
    query = signed(SECRET, Scope('bus'), 4_000_000_000).query
    args = 'restreamer', '--store', store, '--listen', '127.0.0.1:0'
    with running(*args, env={'SEGMESH_READ_TOKEN': SECRET}) as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        answer = get(f'{url}{MEDIA}{RANGE}&{query}', headers={'Accept-Encoding': 'identity'})
        lines = answer.text.splitlines()
        (named,) = [line.split('"')[1] for line in lines if line.startswith('#EXT-X-MAP')]
        uris = [named, *(line for line in lines if not line.startswith('#'))]
        bodies = [get(urljoin(answer.url, uri)).content for uri in uris]
        assert int(answer.headers['Content-Length']) == len(answer.content)
        assert get(urljoin(answer.url, named.partition('?')[0])).status_code == 401
    assert bodies == [held[0].body, *(each.body for each in held if each.segment.init)]


def test_a_fragment_without_its_init_section_neither_plays_nor_covers(
    tmp_path: Path, made: Fragmented
) -> None:
    pieces = recorded(made, START)
    disk = Disk(fill(tmp_path / 'store', [each for each in pieces if not each.segment.is_init]))
    with restreamer(disk.root) as url:
        fill(disk.root, [init_of(HOURS[0], made.init)])
        coverage = get(f'{url}/coverage/bus/source{RANGE}').json()
        assert [each['seconds'] for each in coverage['covered']] == [4]
        assert get(f'{url}{MEDIA}{RANGE}').text.count('.m4s\n') == 2
        assert len(get(url + wire.members_path(HOURS[1])).json()) == 2
        fill(disk.root, [init_of(HOURS[1], made.init)])
        assert [each['seconds'] for each in get(f'{url}/coverage/bus/source{RANGE}').json()['covered']] == [8]
        assert get(f'{url}{MEDIA}{RANGE}').text.count('.m4s\n') == 4


def cut_of(url: str, kind: str, query: str) -> requests.Response:
    return get(f'{url}/cut/bus/source.{kind}{query}&holes=allow')


def test_a_cut_is_an_mp4_with_every_frame_and_no_transport_stream(
    url: str, tmp_path: Path, held: list[Piece]
) -> None:
    """Also where the range begins in the middle."""
    refused = cut_of(url, 'ts', RANGE)
    assert refused.status_code == 409
    assert refused.json()['error'].endswith('which are no transport stream: take the .mp4')
    for start, count in (('03:59:00', 4), ('04:00:00', 2)):
        made = cut_of(url, 'mp4', RANGE.replace('03:59:00', start))
        assert (made.status_code, made.headers['Content-Type']) == (200, 'video/mp4')
        (tmp_path / 'cut.mp4').write_bytes(made.content)
        assert video.plays_cleanly(str(tmp_path / 'cut.mp4')) == ''
        with av.open(tmp_path / 'cut.mp4') as container:
            assert sum(1 for _ in container.decode(video=0)) == FRAMES_A_FRAGMENT * count
    assert refused.headers['Content-Type'] == 'application/json'


def test_where_the_init_section_changes_players_are_told_and_no_cut_goes_over_it(tmp_path: Path) -> None:
    """A recorder was started again with another size of picture."""
    one, other = encoded(seconds=4), encoded(seconds=4, size='160x90')
    pieces = [*recorded(one, START), *recorded(other, START + timedelta(seconds=4))]
    with restreamer(fill(tmp_path / 'store', pieces), '--ffmpeg', video.ffmpeg()) as url:
        lines = get(f'{url}{MEDIA}{RANGE}').text.splitlines()
        changes = [place for place, line in enumerate(lines) if line.startswith('#EXT-X-MAP')]
        assert len(changes) == 2
        assert lines[changes[1] - 1] == '#EXT-X-DISCONTINUITY'
        assert '/2026-11-14T04/' in lines[changes[1]]
        refused = cut_of(url, 'mp4', RANGE)
        assert (refused.status_code, list(refused.json())) == (409, ['error'])
        assert 'begins at 2026-11-14T04:00:00Z' in refused.json()['error']
        for query in (RANGE.replace('04:01', '04:00'), RANGE.replace('03:59', '04:00')):
            assert cut_of(url, 'mp4', query).status_code == 200
