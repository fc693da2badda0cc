"""hls.js plays a live stream that was captured, and goes to and fro between it and what is derived of it."""

import json
import re
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from common.times import utc_now
from deploy.demo import video
from tests.browser.viewer import HERE, HLS_JS, need_browser
from tests.kit.build import fill, run_of
from tests.kit.live import serving
from tests.kit.needs import need_time
from tests.kit.process import Process, eventually, get, restreamer, running

HIGH, LOW = 360, 180
ENOUGH_SEGMENTS = 4
"""Players begin three before the last, and not with the first that the encoder made."""

GIVEN_UP = 'aborted'
"""What hls.js says of a request that it needs no more, because it was told to switch."""

MOST_STANDSTILL_SECONDS = 0.5
STARVED_SECONDS = 0.3
VISITS = 3


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Chromium leaves its files; the name is short, for that of a socket has to be."""
    need_time()
    need_browser()
    return tmp_path_factory.mktemp('home')


def relayed(stack: ExitStack, folder: Path) -> str:
    """The URL of a node that captures an encoder's stream, and derives a variant of it.

    The source was recorded an hour ago, too, so that the numbers of its playlist are other ones.
    """
    origin, store = folder / 'origin', folder / 'store'
    origin.mkdir()
    fill(store, run_of(7, f'{utc_now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}'))
    stack.enter_context(running('env', '-C', origin, *video.live_command()))
    eventually((origin / 'source.m3u8').exists)
    url = f'{stack.enter_context(serving(origin))}/source.m3u8'
    of_store = '--store', store, '--stream', 'bus'
    stack.enter_context(running('backfiller', 'capture', url, *of_store))
    derived = '--derive', f'{LOW}p:{LOW}:150k', '--transcoder', video.ffmpeg()
    stack.enter_context(running('backfiller', 'derive', *of_store, *derived))
    node = stack.enter_context(restreamer(store))
    eventually(lambda: get(f'{node}/playlist/bus/{LOW}p.m3u8').text.count('#EXTINF') >= ENOUGH_SEGMENTS)
    assert numbers(node, 'source') != numbers(node, f'{LOW}p')
    return node


def numbers(node: str, variant: str) -> list[str]:
    """Of the first segment and of the first discontinuity of a playlist."""
    text = get(f'{node}/playlist/bus/{variant}.m3u8').text
    return re.findall('^#EXT-X-(?:DISCONTINUITY|MEDIA)-SEQUENCE:.*', text, re.MULTILINE)


def looking(stack: ExitStack, home: Path, playlist: str) -> Process:
    copyfile(HERE / 'switching.html', home / 'switching.html')
    copyfile(HLS_JS, home / 'hls.js')
    page = f'{(home / "switching.html").as_uri()}#{playlist}'
    environment = dict.fromkeys(('HOME', 'TMPDIR', 'XDG_RUNTIME_DIR'), str(home))
    return stack.enter_context(running(sys.executable, HERE / 'look.py', page, env=environment))


def seen(process: Process) -> dict[str, Any]:
    """What the page said last."""
    assert not process.has_ended(), process.output
    told: dict[str, Any] = json.loads(process.lines[-1]) if process.lines else {}
    return told


def visit(home: Path, playlist: str) -> dict[str, Any]:
    """What a viewer saw from the first picture to the last switch."""
    with ExitStack() as stack:
        process = looking(stack, home, playlist)
        eventually(lambda: seen(process).get('done'), timeout=60)
        return seen(process)


def test_hls_js_switches_up_and_down_without_a_stall(home: Path, tmp_path: Path) -> None:
    """A visit of a browser that had no processor for a while tells nothing, and is made again."""
    with ExitStack() as stack:
        playlist = f'{relayed(stack, tmp_path)}/playlist/bus.m3u8'
        for _ in range(VISITS):
            view = visit(home, playlist)
            if view['starved'] < STARVED_SECONDS:
                break
    assert view['shown'] == [HIGH, LOW, HIGH, LOW, HIGH]
    assert set(view['errors']) <= {GIVEN_UP}, view
    assert view['standstill'] < MOST_STANDSTILL_SECONDS, view
    assert len(view['buffered']) == 1
