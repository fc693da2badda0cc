"""Variants that `backfiller record` derives beside a capture, with a real ffmpeg."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.disk import Disk
from common.times import utc_now
from deploy.demo import video
from tests.kit.build import files_below
from tests.kit.live import LivePlaylist
from tests.kit.process import eventually, get, metrics
from tests.kit.streams import Origin, Recorder, origin, recorder
from tests.kit.transport import Video, encoded, told

MOST_DERIVE_SECONDS = 20.0
DERIVE = 'derive = [{name = "90p", height = 90, video_bitrate = "100k"}]'
MADE = 'derived_segments_total{stream="bus",variant="90p"}'


class Bus:
    """A live stream of real video, and the file that says what becomes of it."""

    def __init__(self, live: Origin, folder: Path) -> None:
        self.playlist = LivePlaylist(live.folder, 'bus', start=f'{utc_now():%Y-%m-%dT%H:%M:%S}')
        self.file = folder / 'streams.toml'
        self._url = live.at(self.playlist)
        self.step(2)

    def step(self, count: int) -> None:
        for _ in range(count):
            number = len(self.playlist.bodies)
            self.playlist.step(body=encoded(Video(frames=25), 'aac', later=float(number)))

    def says(self, more: str = '') -> None:
        temp = self.file.with_suffix('.new')
        temp.write_text(f'[bus]\nurl = "{self._url}"\n{more}\n')
        temp.rename(self.file)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with origin(tmp_path / 'origin') as live:
        yield Bus(live, tmp_path)


def captures(node: Recorder, bus: Bus) -> bool:
    """Whether it has all that was offered."""
    return bodies(node, 'source') == bus.playlist.bodies


def bodies(node: Recorder, variant: str) -> list[bytes]:
    """What it has of a variant, in order of time."""
    prefix = f'bus/{variant}/'
    return [body for path, body in sorted(files_below(node.store).items()) if path.startswith(prefix)]


def starts(node: Recorder, variant: str) -> list[str]:
    """The names up to the hash."""
    disk = Disk(node.store)
    return sorted(name[:-47] for hour in disk.hours_of('bus', variant) for name in disk.names(hour))


def of_derive(node: Recorder) -> dict[str, Any]:
    """What /status says of it; empty while nothing is derived."""
    found: dict[str, Any] = node.status()['streams'].get('bus', {}).get('derive', {})
    return found


def test_a_derived_variant_comes_beside_the_capture_and_goes_without_disturbing_it(
    bus: Bus, tmp_path: Path
) -> None:
    bus.says(DERIVE)
    with recorder(tmp_path / 'store', bus.file, '--transcoder', video.ffmpeg()) as node:
        eventually(lambda: len(bodies(node, '90p')) == 2, MOST_DERIVE_SECONDS)
        bus.step(2)
        eventually(lambda: metrics(node.url).get(MADE) == 4, MOST_DERIVE_SECONDS)
        assert captures(node, bus)
        assert starts(node, '90p') == starts(node, 'source')
        pairs = zip(bodies(node, '90p'), bodies(node, 'source'), strict=True)
        assert all(told(derived).pts == told(source).pts for derived, source in pairs)
        of_90p = of_derive(node)['doing']['90p']
        assert (of_90p['segments'], of_90p['skipped'], of_90p['failed']) == (4, 0, {})
        assert of_90p['lag_seconds'] < MOST_DERIVE_SECONDS

        bus.says()
        eventually(lambda: not of_derive(node))
        bus.step(2)
        eventually(lambda: captures(node, bus))
        assert len(bodies(node, '90p')) == 4
        assert MADE not in metrics(node.url)

        bus.says(DERIVE)
        eventually(lambda: starts(node, '90p') == starts(node, 'source'), MOST_DERIVE_SECONDS)
        assert node.changes('bus') == ['started']
        assert node.process.stop() == 0, node.process.output


def test_a_missing_ffmpeg_is_said_and_costs_the_capture_nothing(bus: Bus, tmp_path: Path) -> None:
    bus.says(DERIVE)
    missing = tmp_path / 'no-ffmpeg'
    with recorder(tmp_path / 'store', bus.file, '--transcoder', str(missing)) as node:
        why = f'there is no program {missing}: install ffmpeg, or set transcoder'
        error = eventually(lambda: of_derive(node).get('last_error'))
        assert error['message'] == why
        for _ in range(2):
            bus.step(1)
            eventually(lambda: captures(node, bus))
        assert node.said(why) == 1
        assert get(f'{node.url}/healthz').ok
        assert starts(node, '90p') == []

        missing.symlink_to(video.ffmpeg())
        eventually(lambda: starts(node, '90p') == starts(node, 'source'), MOST_DERIVE_SECONDS)
        assert node.changes('bus') == ['started']
