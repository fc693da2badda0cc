"""Fault 11: what a playlist names leads to nothing around us, unless a person named it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.skips import Skips
from tests.kit.live import packets
from tests.kit.origin import Live, origin_of
from tests.kit.process import Process, eventually, running


@contextmanager
def hidden() -> Iterator[socket.socket]:
    """A server around us that nobody gave; it must not even be connected to."""
    with socket.create_server(('127.0.0.2', 0)) as listener:
        listener.settimeout(0)
        yield listener


def place(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f'{host}:{port}'


def assert_untouched(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


def full(store: Path) -> set[bytes]:
    return {path.read_bytes() for path in store.rglob('*-full-*.ts')}


def capturing(url: str, store: Path, *args: str) -> tuple[str | Path, ...]:
    return ('backfiller', 'capture', url, '--store', store, '--stream', 'bus', *args)


@pytest.mark.parametrize('host', ['127.0.0.2', '2130706434', '[::ffff:127.0.0.2]'])
def test_a_segment_elsewhere_is_refused_and_the_others_are_taken(tmp_path: Path, host: str) -> None:
    live = Live(window=3, seconds=0.5, target=1)
    with hidden() as listener, origin_of(live) as origin:
        live.publish(1, path=f'http://{host}:{listener.getsockname()[1]}/x.ts')
        live.publish(1)
        with running(*capturing(origin.at(), tmp_path)) as process:
            process.wait_for('if it is meant, allow .* by name')
            eventually(lambda: full(tmp_path) == {live.every[1].body})
            live.publish(6)
            eventually(lambda: (0, 'refused') in noted(tmp_path))
        assert_untouched(listener)


def noted(store: Path) -> list[tuple[int, str]]:
    return [(each.skip.sequence, each.skip.cause) for each in Skips(store).read('bus', 'source')]


def leads_to_key(live: Live, target: str) -> None:
    live.rotate_key('/key')
    live._lines = [line.replace('"/key"', f'"{target}"') for line in live._lines]


def leads_to_map(live: Live, target: str) -> None:
    live._lines.append(f'#EXT-X-MAP:URI="{target}"')


@pytest.mark.parametrize('lead', [leads_to_key, leads_to_map])
def test_keys_and_maps_elsewhere_are_refused(tmp_path: Path, lead: Callable[[Live, str], None]) -> None:
    live = Live(window=3, seconds=0.5, target=1)
    with hidden() as listener, origin_of(live) as origin:
        lead(live, f'http://{place(listener)}/secret')
        live.publish(body=b'\0\0\0\x10styp12345678' if lead is leads_to_map else None)
        with running(*capturing(origin.at(), tmp_path)) as process:
            process.wait_for('if it is meant, allow .* by name')
        assert_untouched(listener)
        assert full(tmp_path) == set()


def test_nested_playlists_and_redirects_elsewhere_are_refused(tmp_path: Path) -> None:
    live = Live(window=3, seconds=0.5, target=1)
    with hidden() as listener, origin_of(live) as origin:
        target = f'http://{place(listener)}/media.m3u8'
        origin.pages['/master.m3u8'] = f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n'
        origin.does(f'to {target}', '/moved.m3u8')
        for path in ('/master.m3u8', '/moved.m3u8'):
            with running(*capturing(origin.url + path, tmp_path)) as process:
                process.wait_for('if it is meant, allow .* by name')
        assert_untouched(listener)


def test_files_are_never_named_by_servers(tmp_path: Path) -> None:
    secret = tmp_path / 'secret.ts'
    secret.write_bytes(packets('secret'))
    live = Live(window=3, seconds=0.5, target=1)
    with origin_of(live) as origin:
        live.publish(path=secret.as_uri())
        with running(*capturing(origin.at(), tmp_path / 'store')) as process:
            process.wait_for("relative nor HTTP, but 'file'")
        origin.pages['/master.m3u8'] = f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{tmp_path.as_uri()}/x.m3u8\n'
        with running(*capturing(f'{origin.url}/master.m3u8', tmp_path / 'store')) as process:
            process.wait_for("relative nor HTTP, but 'file'")
    assert full(tmp_path / 'store') == set()


def test_who_is_allowed_by_name_is_asked_and_sees_no_secrets(tmp_path: Path) -> None:
    live, other = Live(window=3, seconds=0.5, target=1), Live('cdn')
    with origin_of(live) as origin, origin_of(other) as cdn:
        (offered,) = other.publish()
        live.publish(path=f'{cdn.url}{offered.path}')
        live.every[0].body = offered.body
        command = capturing(
            origin.at(),
            tmp_path,
            '--allow-host',
            f'127.0.0.1:{cdn.port}',
            '--header',
            'Authorization: Bearer secret',
            '--header',
            'Referer: http://player.test/',
        )
        with running(*command):
            eventually(lambda: full(tmp_path) == {offered.body})
        assert origin.headers[0]['Authorization'] == 'Bearer secret'
        assert cdn.headers[0]['Referer'] == 'http://player.test/'
        assert 'Authorization' not in cdn.headers[0]


def test_a_folder_gives_nothing_from_outside_of_it(tmp_path: Path) -> None:
    folder = tmp_path / 'folder'
    folder.mkdir()
    (tmp_path / 'secret.ts').write_bytes(packets('secret'))
    (folder / 'link.ts').symlink_to(tmp_path / 'secret.ts')
    (folder / 'good.ts').write_bytes(packets('good'))
    names = ['../secret.ts', 'link.ts', (tmp_path / 'secret.ts').as_uri(), '/etc/hostname', 'good.ts']
    names += ['x/../../secret.ts', '%2e%2e/secret.ts', 'file://elsewhere/secret.ts']
    entries = ''.join(f'#EXTINF:1,\n{name}\n' for name in names)
    (folder / 'live.m3u8').write_text(f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n{entries}')
    with running(*capturing(str(folder / 'live.m3u8'), tmp_path / 'store')) as process:
        eventually(lambda: full(tmp_path / 'store') == {packets('good')})
        process.wait_for('links are not followed')
        process.wait_for('it is not in')
        told: Process = process
    assert full(tmp_path / 'store') == {packets('good')}
    assert told.output.count(' refused') >= 4
