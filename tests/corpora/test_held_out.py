"""The playlists of other projects' test suites: none ends our reader, and what it reads of them is right.

Right is what the project itself expects of them where it says so (m3u8-parser), else what `m3u8` and
Streamlink read. Where we differ on purpose stands in `tests/corpora/differences.py`.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.errors import ListingError
from common.hls.master_reader import is_master, parse_master
from common.hls.playlist_reader import Entry, MediaPlaylist, parse_media
from common.hls.text import decoded
from tests.corpora.differences import (
    COUNTS,
    DIFFERENT,
    FIXTURES,
    MASTERS_ALONE,
    NO_PLAYLIST,
    REFUSED_MASTERS,
    SKIPPED,
    VIDEOJS_DIFFERENT,
)
from tests.corpora.packages import PACKAGES, Package
from tests.kit import oracles
from tests.kit.needs import need, need_that
from tests.kit.oracles import Oracle, Told, by_m3u8, by_streamlink

BASE = 'http://origin/live/list.m3u8'
VIDEOJS = PACKAGES[0]

EVALUATE = """
const vm = require('node:vm');
const sources = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const told = {};
for (const [name, source] of Object.entries(sources)) {
  const module = {};
  vm.runInNewContext(source, {module});
  told[name] = module.exports;
}
process.stdout.write(JSON.stringify(told));
"""


@pytest.fixture(params=PACKAGES, ids=lambda package: package.name)
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    need_that(found.path.exists(), f'{found.file} in build/corpora: make corpora brings it')
    return found


def read(text: str) -> MediaPlaylist | None:
    """None for a master playlist, or what is no playlist."""
    try:
        return None if is_master(text) else parse_media(text, BASE)
    except ListingError:
        return None


def differences(found: MediaPlaylist, text: str, oracle: Oracle) -> set[str]:
    """In what they differ; of segments that we skip nothing is compared."""
    try:
        theirs = oracle(text, BASE)
    except (ValueError, KeyError):
        return {'it refuses'}
    ours = oracles.ours(found)
    head = {'sequence'} if ours.sequence != theirs.sequence else set()
    if ours.ended != theirs.ended:
        head.add('ended')
    pairs = aligned(found, ours.segments, theirs.segments)
    if pairs is None:
        return head | {'count'}
    return head.union(*(differing(*pair) for pair in pairs))


def aligned(found: MediaPlaylist, ours: list[Told], theirs: list[Told]) -> list[tuple[Told, Told]] | None:
    """Each of our segments with theirs: they count what we skip, or do not; None if neither."""
    if len(theirs) == len(ours):
        return list(zip(ours, theirs, strict=True))
    if len(theirs) != len(ours) + len(found.skipped):
        return None
    return [
        (mine, theirs[each.sequence - found.sequence]) for mine, each in zip(ours, found.entries, strict=True)
    ]


def differing(mine: Told, theirs: Told) -> set[str]:
    if mine.part and theirs.part and theirs.part[1] is None:  # they leave it to the reader to add up
        theirs = theirs._replace(part=(theirs.part[0], mine.part[1]))
    return {name for name, a, b in zip(Told._fields, mine, theirs, strict=True) if a != b}


def test_nothing_ends_our_reader_and_no_segment_is_skipped_without_a_good_reason(package: Package) -> None:
    playlists, masters = 0, 0
    for path, body in package.texts():
        text, playlists = decoded(body), playlists + 1
        masters += is_master(text)
        try:
            found = parse_master(text, BASE) if is_master(text) else parse_media(text, BASE)
        except ListingError:
            assert path in NO_PLAYLIST
            continue
        assert path not in NO_PLAYLIST
        for each in found.skipped:
            assert any(reason in str(each) for reason in SKIPPED), path
    assert (playlists, masters) == COUNTS[package.name]


def test_media_playlists_are_read_as_others_read_them(package: Package) -> None:
    compared = 0
    for path, body in package.texts():
        text = decoded(body)
        found = read(text)
        for oracle in (by_m3u8, by_streamlink) if found else ():
            compared += 1
            assert differences(found, text, oracle) == DIFFERENT.get((path, oracle), (set(), ''))[0], path
    assert compared or package.name in MASTERS_ALONE


def test_master_playlists_are_read_as_others_read_them(package: Package) -> None:
    for path, body in package.texts():
        text = decoded(body)
        if not is_master(text) or path in NO_PLAYLIST:
            continue
        ours = parse_master(text, BASE)
        alike = [replace(each, name='') for each in ours.variants], list(ours.renditions)
        uris = [each.uri for each in ours.variants]
        assert unless_refused(path, 'm3u8', oracles.master_by_m3u8, text) in (alike, None), path
        assert unless_refused(path, 'Streamlink', oracles.variants_by_streamlink, text) in (uris, None), path


def unless_refused(path: str, who: str, oracle: Callable[[str, str], object], text: str) -> object:
    """What it reads, or None where it is known to refuse the playlist."""
    known = (path, who) in REFUSED_MASTERS
    try:
        found = oracle(text, BASE)
    except (ValueError, KeyError):
        assert known
        return None
    assert not known
    return found


def expected() -> dict[str, tuple[str, dict[str, Any]]]:
    """Playlist and what m3u8-parser expects of it, by name: JavaScript without imports."""
    files = {
        path.removeprefix(f'{FIXTURES}/'): body.decode() for path, body in VIDEOJS.files() if FIXTURES in path
    }
    sources = {path.removesuffix('.js'): body for path, body in files.items() if path.endswith('.js')}
    done = subprocess.run(
        ['node', '--eval', EVALUATE], input=json.dumps(sources), stdout=subprocess.PIPE, check=True, text=True
    )
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {name: (files[f'{name}.m3u8'], value) for name, value in told.items()}


def differences_from(expected: dict[str, Any], found: MediaPlaylist) -> set[str]:
    differ = {
        'sequence': (expected['mediaSequence'], found.sequence),
        'ended': (bool(expected.get('endList')), found.ended),
        'discontinuities': (expected['discontinuitySequence'], found.discontinuity_sequence),
        'target': (expected.get('targetDuration'), found.target_duration),
        'kind': (expected.get('playlistType', ''), found.kind),
        'count': (len(expected['segments']), len(found.entries)),
    }
    names = {name for name, (theirs, ours) in differ.items() if theirs != ours}
    if 'count' in names:
        return names
    pairs = zip(expected['segments'], found.entries, strict=True)
    return names.union(*(differing_from(*pair) for pair in pairs))


def differing_from(expected: dict[str, Any], found: Entry) -> set[str]:
    key, init, part = expected.get('key'), expected.get('map'), expected.get('byterange')
    differ = {
        'uri': (expected['uri'], found.uri),
        'duration': (round(expected['duration'] * 1e6), found.duration // timedelta(microseconds=1)),
        'time': (
            expected.get('programDateTime'),
            found.start and pytest.approx(found.start.timestamp() * 1000),
        ),
        'discontinuity': (bool(expected.get('discontinuity')), found.discontinuity),
        'part': (
            part and (part['length'], part['offset']),
            found.part and (found.part.length, found.part.offset),
        ),
        'key': (key and key['uri'], found.key and found.key.uri),
        'init': (init and init['uri'], found.init and found.init.uri),
    }
    return {name for name, (theirs, ours) in differ.items() if theirs != ours}


def test_m3u8_parser_expects_the_same_of_its_own_playlists() -> None:
    need('node')
    need_that(VIDEOJS.path.exists(), f'{VIDEOJS.file} in build/corpora: make corpora brings it')
    compared = 0
    for name, (text, value) in expected().items():
        if is_master(text) or f'{FIXTURES}/{name}.m3u8' in NO_PLAYLIST:
            continue
        compared += 1
        found = parse_media(text, '')  # it leaves URIs as they are
        assert differences_from(value, found) == VIDEOJS_DIFFERENT.get(name, (set(), ''))[0], name
    assert compared == 45
