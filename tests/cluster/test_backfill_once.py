"""`backfiller run --once` between real processes: what arrives, what does not, and the exit code."""

from pathlib import Path

import pytest

from tests.kit.build import assert_whole, files_below, fill, piece, run_of, tombstone_of
from tests.kit.fake_peer import HANG_UP, HOUR_PATH, answering, plain
from tests.kit.process import Process, restreamer, run


def once(store: Path, *peers: str, args: tuple[str, ...] = ()) -> Process:
    flags = [flag for peer in peers for flag in ('--peer', peer)]
    return run('backfiller', 'run', '--store', store, '--once', *flags, *args)


def test_an_empty_store_becomes_equal_file_by_file(tmp_path: Path) -> None:
    pieces = [*run_of(20), *run_of(20, variant='480p'), *run_of(5, '2026-11-13T23:59:52')]
    theirs, ours = fill(tmp_path / 'A', pieces), tmp_path / 'B'
    with restreamer(theirs) as url:
        first = once(ours, url)
        assert first.wait() == 0, first.output
        assert files_below(ours) == files_below(theirs)
        assert run('diff', '-r', theirs, ours).output == ''
        again = once(ours, url)
    assert again.wait() == 0
    assert '0 segments, 0 bytes fetched' in again.output


def test_two_peers_give_the_union_and_nothing_is_fetched_twice(tmp_path: Path) -> None:
    pieces = run_of(60)
    one, two = fill(tmp_path / 'A', pieces[:40]), fill(tmp_path / 'B', pieces[20:])
    with restreamer(one) as first, restreamer(two) as second:
        outcome = once(tmp_path / 'C', first, second)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'C') == {each.path: each.body for each in pieces}
    assert '60 segments' in outcome.output


def test_a_damaged_segment_is_not_stored_and_everything_else_arrives(tmp_path: Path) -> None:
    pieces = [*run_of(10), *run_of(3, '2026-11-14T01:00:00')]
    theirs = fill(tmp_path / 'A', pieces)
    (theirs / pieces[4].path).write_bytes(b'damaged')
    with restreamer(theirs) as url:
        outcome = once(tmp_path / 'B', url)
    assert outcome.wait() == 1
    assert f'{pieces[4].path} has 7 bytes' in outcome.output
    assert set(files_below(tmp_path / 'B')) == {each.path for each in pieces} - {pieces[4].path}
    assert_whole(tmp_path / 'B')


def test_what_is_damaged_at_one_peer_comes_from_another(tmp_path: Path) -> None:
    pieces = run_of(10)
    bad, good = fill(tmp_path / 'A', pieces), fill(tmp_path / 'B', pieces)
    for each in pieces[::2]:
        (bad / each.path).write_bytes(b'damaged')
    with restreamer(bad) as first, restreamer(good) as second:
        outcome = once(tmp_path / 'C', first, second)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'C') == {each.path: each.body for each in pieces}


def test_a_peer_that_is_away_costs_the_others_nothing(tmp_path: Path) -> None:
    theirs = fill(tmp_path / 'A', run_of(5))
    with restreamer(theirs) as url:
        outcome = once(tmp_path / 'B', 'http://127.0.0.1:1', url)
    assert outcome.wait() == 1
    assert 'http://127.0.0.1:1' in outcome.output
    assert files_below(tmp_path / 'B') == files_below(theirs)


def test_a_plain_protocol_peer_is_enough(tmp_path: Path) -> None:
    pieces = run_of(5)
    bodies = {each.name: each.body for each in pieces}
    with answering(plain(list(bodies), bodies)) as url:
        outcome = once(tmp_path, url)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path)) == {each.path for each in pieces}


HOSTILE = [
    '../../x.tombstone',
    '/etc/passwd',
    '..%2f..%2fx.ts',
    '..\\..\\x.ts',
    'a\0b.ts',
    'line\nbreak.ts',
    '.hidden.ts',
    '-rf',
    'x' * 5000,
    '\uff107:26-2-full-' + 'A' * 43 + '.ts',
    piece().name + '\n',
    piece().name.replace('26.5', '../26.5'),
    '\ud800',
    '',
]


def test_hostile_names_touch_nothing_outside_and_the_good_ones_arrive(tmp_path: Path) -> None:
    good = piece()
    outside = tmp_path / 'x.tombstone'
    outside.write_text('mine')
    store = tmp_path / 'a' / 'store'
    store.parent.mkdir()
    with answering(plain([*HOSTILE, good.name], {good.name: good.body})) as url:
        outcome = once(store, url)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path) == {'x.tombstone': b'mine', f'a/store/{good.path}': good.body}
    assert 'is no name of ours' in outcome.output


@pytest.mark.parametrize(
    'body',
    [b'<html>', b'{}', b'null', b'[123]', b'[' * 100_000, b'"text"', b'\xff\xfe', b'', b'[["a"]]'],
    ids=['html', 'object', 'null', 'numbers', 'deep', 'string', 'binary', 'empty', 'nested'],
)
def test_a_listing_that_is_none_is_said_and_other_peers_go_on(tmp_path: Path, body: bytes) -> None:
    theirs = fill(tmp_path / 'A', run_of(3))

    def respond(path: str) -> tuple[int, bytes]:
        return (200, body) if path == HOUR_PATH else plain([], {})(path)

    with answering(respond) as bad, restreamer(theirs) as good:
        outcome = once(tmp_path / 'B', bad, good)
    assert outcome.wait() == 1
    assert f'{bad}{HOUR_PATH}' in outcome.output
    assert files_below(tmp_path / 'B') == files_below(theirs)


@pytest.mark.parametrize('status', [HANG_UP, 401, 403, 404, 500, 503])
def test_one_segment_that_is_refused_costs_the_others_nothing(tmp_path: Path, status: int) -> None:
    pieces = run_of(6)
    newest = pieces[0]
    respond = plain([each.name for each in pieces], {each.name: each.body for each in pieces})

    def refusing(path: str) -> tuple[int, bytes]:
        return (status, b'') if path.endswith(newest.name.replace(':', '%3A')) else respond(path)

    with answering(refusing) as url:
        outcome = once(tmp_path, url)
    assert outcome.wait() == 1
    assert set(files_below(tmp_path)) == {each.path for each in pieces[1:]}


def test_a_stream_that_cannot_be_listed_hides_only_itself(tmp_path: Path) -> None:
    good = piece()
    respond = plain([good.name], {good.name: good.body})

    def half(path: str) -> tuple[int, bytes]:
        if path == '/files':
            return 200, b'["aa", "bus", "zz"]'
        return (503, b'') if path in ('/files/aa', '/files/zz') else respond(path)

    with answering(half) as url:
        outcome = once(tmp_path, url)
    assert outcome.wait() == 1
    assert f'{url}/files/aa answered 503' in outcome.output
    assert set(files_below(tmp_path)) == {good.path}


def test_a_redirect_to_another_server_is_not_followed(tmp_path: Path) -> None:
    asked: list[str] = []

    def elsewhere(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return 200, b'[]'

    with answering(elsewhere) as other:

        def redirecting(path: str) -> tuple[int, bytes]:
            return (302, f'{other}/files'.encode()) if path == '/files' else (404, b'')

        with answering(redirecting) as url:
            outcome = once(tmp_path, url)
    assert outcome.wait() == 1
    assert 'another server' in outcome.output
    assert asked == []


def test_a_redirect_on_the_same_server_is_followed(tmp_path: Path) -> None:
    good = piece()
    respond = plain([good.name], {good.name: good.body})

    def moved(path: str) -> tuple[int, bytes]:
        return (302, b'/old/files') if path == '/files' else respond(path.removeprefix('/old'))

    with answering(moved) as url:
        outcome = once(tmp_path, url)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path)) == {good.path}


def test_a_node_does_not_backfill_from_itself(tmp_path: Path) -> None:
    store = fill(tmp_path / 'A', run_of(3))
    with restreamer(store) as url:
        outcome = once(store, url)
    assert outcome.wait() == 0, outcome.output
    assert '0 segments' in outcome.output


def test_tombstones_replicate_and_their_segments_do_not(tmp_path: Path) -> None:
    withdrawn, kept = run_of(2)
    theirs = fill(tmp_path / 'A', [withdrawn, kept])
    (theirs / tombstone_of(withdrawn).path).touch()
    with restreamer(theirs) as url:
        outcome = once(tmp_path / 'B', url)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path / 'B')) == {tombstone_of(withdrawn).path, kept.path}


def test_the_same_capture_a_millisecond_apart_is_one_segment(tmp_path: Path) -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'the same') for n in (0, 900))
    far = piece('2026-11-14T03:00:00.002', body=b'the same')
    fill(tmp_path / 'B', [ours])
    with restreamer(fill(tmp_path / 'A', [theirs, far])) as url:
        outcome = once(tmp_path / 'B', url)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path / 'B')) == {ours.path, far.path}


def test_only_what_was_asked_for_is_fetched(tmp_path: Path) -> None:
    wanted = run_of(3, '2026-11-14T03:00:00')
    others = [*run_of(3, '2026-11-14T01:00:00'), *run_of(3, variant='480p'), *run_of(3, stream='tram')]
    with restreamer(fill(tmp_path / 'A', wanted + others)) as url:
        args = ('--stream', 'bus', '--variant', 'source', '--since', '2026-11-14T02:30:00Z')
        outcome = once(tmp_path / 'B', url, args=args)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path / 'B')) == {each.path for each in wanted}


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        ((), 'give --peer URL'),
        (('--peer', 'ftp://node'), '--peer'),
        (('--peer', 'http://n', '--since', 'yesterday'), 'yesterday'),
        (('--peer', 'http://n', '--recent-cutoff', '-1'), '--recent-cutoff'),
        (('--peer', 'http://n', '--order', 'sideways'), 'newest or oldest or random'),
        (('--peer', 'http://n', '--stream', '../x'), '--stream'),
        (('--no-such-flag',), 'no-such-flag'),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_is_wrong(
    tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    outcome = run('backfiller', 'run', '--store', tmp_path, '--once', *args)
    assert outcome.wait() == 2
    assert said in outcome.output
