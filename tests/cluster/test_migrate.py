"""`backfiller migrate` from web servers that go wrong in all sorts of ways to a strict S3 server."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gevent.socket import wait_read

from backfiller.migrate.migration import LIVE_PASSES
from tests.kit import videos as web
from tests.kit.migrating import Migrating
from tests.kit.strict_s3.server import StrictS3, strict_s3
from tests.kit.videos import Origin, Talk, put_video


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server


@pytest.fixture
def origin() -> Iterator[Origin]:
    with web.origin() as made:
        yield made


def test_all_that_links_lead_to_is_in_the_bucket_as_it_was(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    urls = [put_video(origin, f'/shows/{name}', variants=('hi', 'lo')) for name in ('one', 'two')]
    migrating = Migrating(s3, tmp_path, urls)
    report = migrating.run()
    assert [report.status(url) for url in urls] == ['done', 'done']
    assert {f'/{key}': body for key, body in migrating.objects().items()} == origin.files
    kept = s3.object('archive/shows/one/hi/s0.ts')
    assert kept.headers['content-type'] == 'video/mp2t'
    assert (
        s3.object('archive/shows/one/master.m3u8').headers['content-type'] == 'application/vnd.apple.mpegurl'
    )
    assert (report.said['sent'], report.said['missing']) == (len(origin.files), 0)


def test_each_link_is_done_or_has_holes_or_failed_and_why(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    names = ('good', 'gone', 'holes', 'flaky', 'expired', 'page', 'cut', 'variant', 'stale', 'half')
    urls = {name: put_video(origin, f'/{name}') for name in names}
    origin.does('/gone/master.m3u8', web.status(410))
    origin.does('/holes/v/s2.ts', web.status(404))
    origin.does('/flaky/v/s1.ts', web.status(500), times=2)
    for number in range(4):
        origin.does(f'/expired/v/s{number}.ts', web.status(403))
    origin.files['/half/master.m3u8'] = web.master('v/index.m3u8', 'gone.m3u8')
    origin.does('/stale/master.m3u8', web.status(401))
    origin.does('/page/master.m3u8', web.a_web_page)
    origin.does('/cut/v/s3.ts', web.cuts_off, times=1)
    origin.does('/variant/v/index.m3u8', web.status(404))
    migrating = Migrating(s3, tmp_path, [*urls.values(), 'ftp://nowhere/x.m3u8'])
    report = migrating.run(code=1)
    found = {name: report.status(url) for name, url in urls.items()}
    assert found == {
        'good': 'done',
        'gone': 'failed',
        'holes': 'holes',
        'flaky': 'done',
        'expired': 'failed',
        'page': 'failed',
        'cut': 'done',
        'variant': 'failed',
        'half': 'holes',
        'stale': 'failed',
    }
    assert report.why(urls['stale']).endswith('answered 401: has its token expired?')
    assert report.why(urls['gone']) == f'{urls["gone"]} answered 410'
    (lack,) = report.links[urls['holes']]['lacking']
    assert (lack['key'], lack['sequence'], lack['seconds'], lack['cause']) == (
        'holes/v/s2.ts',
        2,
        2.0,
        'gone',
    )
    assert 'has its token expired?' in report.why(urls['expired'])
    assert 'is no playlist' in report.why(urls['page'])
    assert report.lacking(urls['half']) == ['half/gone.m3u8']
    assert report.said['found'][-1]['why'].startswith('it is no URL')
    there = migrating.objects()
    assert {'holes/master.m3u8', 'holes/v/index.m3u8', 'half/master.m3u8'} <= there.keys()
    absent = {'expired/master.m3u8', 'expired/v/index.m3u8', 'gone/master.m3u8', 'variant/master.m3u8'}
    assert not absent & there.keys()
    assert there['cut/v/s3.ts'] == origin.files['/cut/v/s3.ts']


def test_what_is_gone_is_asked_for_once_and_what_may_come_until_a_pass_adds_nothing(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a', segments=40)
    origin.does('/a/v/s3.ts', web.status(404))
    for number in range(4, 40):
        origin.does(f'/a/v/s{number}.ts', web.status(403))
    report = Migrating(s3, tmp_path, [url], '--per-host', '1').run(code=1)
    assert origin.asked('/a/v/s3.ts') == 1
    asked = sum(origin.asked(f'/a/v/s{number}.ts') for number in range(4, 40))
    assert asked == 6, 'three in each of two passes'
    assert report.said['passes'] == 2
    assert report.links[url]['missing'] >= 36


@pytest.mark.slow
def test_a_link_that_waits_for_something_does_not_look_whole(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a')
    origin.does('/a/v/s1.ts', web.status(500))
    migrating = Migrating(s3, tmp_path, [url])
    report = migrating.run(code=1)
    assert report.status(url) == 'holes'
    assert set(migrating.objects()) == {'a/v/s0.ts', 'a/v/s2.ts', 'a/v/s3.ts'}
    origin.recovers()
    again = migrating.run()
    assert again.said['sent'] == 3
    assert {f'/{key}': body for key, body in migrating.objects().items()} == origin.files


def test_playlists_lead_to_their_pieces_wherever_these_came_from(s3: StrictS3, tmp_path: Path) -> None:
    with web.origins(2) as (one, other):
        other.files['/deep/er/index.m3u8'] = web.media(
            ['s0.ts', f'{one.url}/abs.ts', '/root.ts?part=2', '../up.ts']
        )
        other.files |= {f'/deep/{name}': name.encode() for name in ('er/s0.ts', 'up.ts')}
        other.files |= {'/root.ts?part=1': b'part 1', '/root.ts?part=2': b'part 2'}
        one.files['/abs.ts'] = b'absolute'
        one.files['/x/master.m3u8'] = web.master('m.m3u8')
        one.does('/x/m.m3u8', web.redirects(f'{other.url}/deep/er/index.m3u8'))
        port = other.url.rpartition(':')[2]
        allowed = ('--allow-host', f'127.0.0.1:{port}')
        migrating = Migrating(s3, tmp_path, [f'{one.url}/x/master.m3u8'], *allowed)
        migrating.run()
    there = migrating.objects()
    assert there['x/master.m3u8'] == web.master('m.m3u8')
    lines = [line for line in there['x/m.m3u8'].decode().splitlines() if not line.startswith('#')]
    bodies = [there[os.path.normpath(f'x/{line}')] for line in lines]
    assert bodies == [b'er/s0.ts', b'absolute', b'part 2', b'up.ts']
    assert lines[0] == f'../127.0.0.1_{port}/deep/er/s0.ts'


def test_equal_paths_on_two_servers_stay_apart(s3: StrictS3, tmp_path: Path) -> None:
    with web.origins(2) as both:
        urls = [put_video(each, '/same') for each in both]
        both[1].files['/same/v/s0.ts'] = b'something else'
        migrating = Migrating(s3, tmp_path, urls)
        migrating.run()
        for each in both:
            host = each.url.removeprefix('http://').replace(':', '_')
            assert migrating.objects()[f'{host}/same/v/s0.ts'] == each.files['/same/v/s0.ts']
        never = Migrating(s3, tmp_path, urls, '--by-host', 'never').run(code=1)
        statuses = [never.status(url) for url in urls]
        assert sorted(statuses) == ['done', 'failed']
        assert '--by-host always' in never.why(urls[statuses.index('failed')])


def test_nothing_leads_us_to_the_machines_around_us(s3: StrictS3, tmp_path: Path) -> None:
    with web.origins(2) as (given, hidden):
        hidden.files['/secret.ts'] = b'secret'
        given.files['/a.m3u8'] = web.media(['s.ts', f'{hidden.url}/secret.ts', 'r.ts'])
        given.files['/s.ts'] = b'fine'
        given.does('/r.ts', web.redirects(f'{hidden.url}/secret.ts'))
        migrating = Migrating(s3, tmp_path, [f'{given.url}/a.m3u8'])
        report = migrating.run(code=1)
        assert hidden.requests == []
        assert {each['cause'] for each in report.said['found'][0]['lacking']} == {'refused'}
        assert len(report.said['found'][0]['lacking']) == 2


def test_nothing_that_is_there_is_sent_again(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    url = put_video(origin, '/a')
    migrating = Migrating(s3, tmp_path, [url])
    migrating.run()
    sent = migrating.sent()
    assert migrating.run().said['sent'] == 0
    origin.validators = False  # then the bytes are read, and tell
    assert migrating.run().said['sent'] == 0
    assert migrating.sent() == sent
    origin.files['/a/v/s0.ts'] = b'changed'
    assert migrating.run().said['sent'] == 1
    assert migrating.objects()['a/v/s0.ts'] == b'changed'


def test_what_the_origin_let_go_since_stays_and_counts(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    url = put_video(origin, '/a')
    migrating = Migrating(s3, tmp_path, [url])
    migrating.run()
    del origin.files['/a/v/s0.ts']
    assert migrating.run().status(url) == 'done'


def test_what_somebody_else_put_there_is_not_overwritten(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a')
    migrating = Migrating(s3, tmp_path, [url])
    put = {'Bucket': migrating.bucket_name, 'Key': 'archive/a/v/s0.ts'}
    s3.client().put_object(**put, Body=b'theirs')
    report = migrating.run(code=1)
    assert 'is something else, and not ours' in report.why(url)
    assert migrating.objects()['a/v/s0.ts'] == b'theirs'


@pytest.mark.slow
def test_what_vanished_from_the_bucket_is_found_and_sent_again(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a')
    migrating = Migrating(s3, tmp_path, [url])
    migrating.run()
    s3.delete('archive/a/v/s1.ts')
    looked = migrating.run('--verify-only', code=1)
    assert looked.lacking(url) == ['a/v/s1.ts']
    assert 'archive/a/v/s1.ts' not in s3.objects()
    s3.calls_back('PutObject', lambda call: s3.delete(call.key), key='*/s1.ts', times=1)
    again = migrating.run()
    assert (again.said['passes'], again.said['sent']) == (2, 2)
    assert migrating.run('--verify-only').status(url) == 'done'


def test_playlists_alone(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    url = put_video(origin, '/a')
    migrating = Migrating(s3, tmp_path, [url])
    migrating.run('--playlists-only')
    assert set(migrating.objects()) == {'a/master.m3u8', 'a/v/index.m3u8'}
    assert migrating.run('--verify-only', '--playlists-only').status(url) == 'done'
    assert migrating.run('--verify-only', code=1).status(url) == 'failed'


def test_a_live_playlist_is_copied_as_it_stands_and_said_to_be_live(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    origin.files |= {'/live.m3u8': web.media(['s7.ts'], first=7, ended=False), '/s7.ts': b'seven'}
    migrating = Migrating(s3, tmp_path, [f'{origin.url}/live.m3u8'])
    report = migrating.run()
    assert report.said['found'][0]['live'] is True
    assert migrating.objects()['live.m3u8'] == origin.files['/live.m3u8']


def test_a_live_playlist_of_which_something_never_comes_does_not_keep_it_for_ever(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    def goes_on(talk: Talk) -> None:
        number = origin.asked('/v.m3u8')
        origin.files[f'/s{number}.ts'] = b'%d' % number
        talk.say(200, web.media([f's{number}.ts'], first=number, ended=False))

    variants = '\n'.join(f'#EXT-X-STREAM-INF:BANDWIDTH=1\n{name}.m3u8' for name in 'va')
    origin.files |= {'/master.m3u8': f'#EXTM3U\n{variants}\n'.encode(), '/v.m3u8': b''}
    origin.does('/v.m3u8', goes_on)
    origin.does('/a.m3u8', web.status(403))
    report = Migrating(s3, tmp_path, [f'{origin.url}/master.m3u8']).run(code=1)
    assert report.said['passes'] == LIVE_PASSES


def test_large_objects_go_in_parts_and_only_the_part_that_broke_is_fetched_again(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    large = web.body_of('large', 20_000_000)
    origin.files |= {'/a.m3u8': web.media(['l.ts']), '/l.ts': large}
    broken: list[str] = []

    def second_part_breaks(talk: Talk) -> bool | None:
        if broken or talk.asked.headers.get('range') != 'bytes=8388608-16777215':
            return False
        broken.append('once')
        place = 'bytes 8388608-16777215/20000000'
        return talk.connection.sendall(web.head(206, 8_388_608, {'content_range': place}) + large[:1000])

    origin.does('/l.ts', second_part_breaks)
    migrating = Migrating(s3, tmp_path, [f'{origin.url}/a.m3u8'])
    migrating.run()
    ranges = [each.headers['range'] for each in origin.requests if 'range' in each.headers]
    assert [each.partition('-')[0] for each in ranges] == [
        'bytes=0',
        'bytes=8388608',
        'bytes=8388608',
        'bytes=16777216',
    ]
    assert migrating.objects()['l.ts'] == large
    assert s3.count('UploadPart') == 3
    assert not [key for key in migrating.objects() if key.startswith('.migrate')]
    assert migrating.run().said['sent'] == 0
    assert s3.count('UploadPart') == 3


def test_many_large_objects_of_one_server_do_not_wait_for_one_another(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    large = web.body_of('large', 17_000_000)
    links = [f'/a{number}' for number in range(4)]
    for link in links:
        origin.files |= {f'{link}.m3u8': web.media([f'{link}.ts']), f'{link}.ts': large}
    migrating = Migrating(s3, tmp_path, [f'{origin.url}{link}.m3u8' for link in links])
    migrating.run('--per-host', '1', '--concurrency', '1')
    assert all(migrating.objects()[f'{link[1:]}.ts'] == large for link in links)
    assert origin.most_at_once == 1


@pytest.mark.parametrize('deed', [web.in_chunks, None])
def test_large_objects_of_servers_that_know_of_no_parts(
    s3: StrictS3, origin: Origin, tmp_path: Path, deed: web.Deed | None
) -> None:
    large = web.body_of('large', 18_000_000)
    origin.ranges = False
    origin.files |= {'/a.m3u8': web.media(['l.ts']), '/l.ts': large}
    if deed:
        origin.does('/l.ts', deed)
    migrating = Migrating(s3, tmp_path, [f'{origin.url}/a.m3u8'])
    migrating.run()
    assert migrating.objects()['l.ts'] == large
    assert not s3.uploads()


def test_a_server_is_asked_no_more_at_once_than_allowed_and_left_alone_when_it_says_so(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a', segments=30)
    origin.does('/a/v/s9.ts', web.status(429, retry_after='1'), times=1)
    began = time.monotonic()
    Migrating(s3, tmp_path, [url], '--per-host', '3').run()
    assert origin.most_at_once <= 3
    assert time.monotonic() - began >= 1


def test_a_server_that_says_nothing_holds_up_nobody_else(s3: StrictS3, tmp_path: Path) -> None:
    with web.origins(2) as (good, dead):
        urls = [put_video(each, '/a', segments=20) for each in (dead, good)]
        dead.does('/a/master.m3u8', web.hangs)
        migrating = Migrating(s3, tmp_path, urls)
        with migrating.started() as process:
            process.wait_for(r'"event": "link", "link": "' + re.escape(urls[1]))
            assert process.stop() == 1
        assert 'error: stopped' in process.output
        assert '1 done, 0 holes, 1 failed' in process.lines[-2]


def test_events_are_lines_of_json_and_the_last_one_is_the_report(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    url = put_video(origin, '/a')
    with Migrating(s3, tmp_path, [url]).started() as process:
        process.wait()
    events = [json.loads(line) for line in process.lines if line.startswith('{')]
    assert [each['event'] for each in events].count('sent') == 6
    assert events[-1]['event'] == 'report'
    assert events[-1]['done'] == 1


def test_names_of_all_sorts_arrive(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    names = {'sp ace': '/n/sp%20ace.ts', 'a+b': '/n/a+b.ts', 'ü:1': '/n/%C3%BC:1.ts', "(q)'!": "/n/(q)'!.ts"}
    origin.files |= {path: name.encode() for name, path in names.items()}
    uris = ['sp%20ace.ts', 'a+b.ts', './ü:1.ts', "(q)'!.ts"]
    origin.files['/n/i.m3u8'] = web.media(uris)
    migrating = Migrating(s3, tmp_path, [f'{origin.url}/n/i.m3u8'])
    migrating.run()
    there = migrating.objects()
    assert {name: there[f'n/{name}.ts'].decode() for name in names} == {name: name for name in names}
    assert there['n/i.m3u8'] == web.media([uris[0], 'a%2Bb.ts', *uris[2:]])


def test_a_terminal_shows_how_far_it_is_and_then_the_table(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    migrating = Migrating(s3, tmp_path, [put_video(origin, '/a', segments=20)])
    for number in range(20):
        origin.does(f'/a/v/s{number}.ts', web.slowly, times=1)
    shown = on_a_terminal(migrating.command('--per-host', '1'))
    assert re.search(r'0/1 links, 0\.0 MB, [0-9.]+ MB/s .*[0-9]/[0-9]+.*00:00:0', shown)
    assert 'done         22        -          -  ' in shown
    assert '1 link: 1 done, 0 holes, 0 failed; 22 pieces, 0 missing, 22 sent' in shown
    assert '{' not in shown


def on_a_terminal(command: list[str]) -> str:
    """What the command shows, to its end, which has to be a good one."""
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown = b''
        with suppress(OSError):  # which is how a terminal ends
            while True:
                wait_read(ours)
                shown += os.read(ours, 65536)
        assert child.wait() == 0, shown
    os.close(ours)
    return shown.decode()


@pytest.mark.parametrize('flags', [[], ['--json']])
def test_a_full_disk_behind_its_output_is_said(
    s3: StrictS3, origin: Origin, tmp_path: Path, flags: list[str]
) -> None:
    migrating = Migrating(s3, tmp_path, [put_video(origin, '/a')])
    with Path('/dev/full').open('wb') as full:
        child = subprocess.Popen(migrating.command(*flags), stdout=full, stderr=subprocess.PIPE, text=True)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (
        1,
        'error: cannot write to standard output: No space left on device\n',
    )


def test_an_end_of_who_reads_its_output_is_said(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    command = Migrating(s3, tmp_path, [put_video(origin, '/a')]).command()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        assert child.stderr.read() == 'error: cannot write to standard output: Broken pipe\n'
    assert child.returncode == 1


def test_a_list_with_no_link_is_wrong_usage(s3: StrictS3, tmp_path: Path) -> None:
    with Migrating(s3, tmp_path, ['# nothing']).started() as process:
        assert process.wait() == 2
    assert 'names no link' in process.output


def test_a_bucket_that_is_not_there_is_said_once(s3: StrictS3, origin: Origin, tmp_path: Path) -> None:
    migrating = Migrating(s3, tmp_path, [put_video(origin, '/a')])
    migrating.bucket = 's3://no-such-bucket/x'
    with migrating.started() as process:
        assert process.wait() == 1
    assert process.lines[-1].endswith('the bucket does not exist: make it, or correct its name')
    assert 'status   pieces' not in process.output
