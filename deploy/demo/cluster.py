"""The processes of the demo: an origin with live video, an S3 server, and three nodes."""

import os
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import requests
from gevent.subprocess import Popen

from common.disk import Disk
from common.errors import SegmeshError
from common.segment import Hour, hour_text
from deploy import child
from deploy.demo import video

BUCKET = 's3://archive/demo'
S3_ENVIRONMENT = {
    'AWS_ACCESS_KEY_ID': 'demo',
    'AWS_SECRET_ACCESS_KEY': 'demo-secret',
    'AWS_REGION': 'us-east-1',
    'AWS_EC2_METADATA_DISABLED': 'true',
}
START_SECONDS = 30.0
CUTOFF_SECONDS = {1: 6, 2: 20, 3: 0}
"""Node 2 leaves its holes to its own capture for long enough to be seen."""


@dataclass(frozen=True)
class DemoNode:
    """One node, and where it answers."""

    number: int
    store: Path
    port: int
    control_port: int

    @property
    def name(self) -> str:
        return f'node {self.number}'

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @property
    def control(self) -> str:
        return f'http://127.0.0.1:{self.control_port}'


@dataclass
class Cluster:
    """Everything that runs, below one folder."""

    folder: Path
    nodes: list[DemoNode] = field(default_factory=list)
    origin: str = ''
    s3: str = ''
    past: Hour = field(default_factory=lambda: _hour_before_this())
    _children: list['Popen[bytes]'] = field(default_factory=list)
    _node2_capture: 'Popen[bytes] | None' = None

    def start(self) -> None:
        """Starts all parts and waits until each answers; raises SegmeshError if one does not."""
        self.nodes = [
            DemoNode(number, self.folder / f'node{number}', free_port(), free_port()) for number in (1, 2, 3)
        ]
        self._start_s3()
        self._start_origin()
        self._make_past()
        for node in self.nodes:
            self._spawn(f'node{node.number}', ['-m', 'deploy.main', 'node', '--config', self._config(node)])
        for node in self.nodes:
            _wait_for(f'{node.url}/readyz')
            _wait_for(f'{node.control}/status')
        self.start_node2_capture()

    def start_node2_capture(self) -> None:
        capture = ['capture', f'{self.origin}/master.m3u8', '--stream', video.STREAM]
        store = ['--store', str(self.nodes[1].store)]
        self._node2_capture = self._spawn('node2-capture', ['-m', 'backfiller.main', *capture, *store])

    def stop_node2_capture(self) -> None:
        capture, self._node2_capture = self._node2_capture, None
        if capture:
            child.stop(capture)
            self._children.remove(capture)

    def stop(self) -> None:
        """Stops everything, all at once."""
        gevent.joinall([gevent.spawn(child.stop, each) for each in self._children])

    def died(self) -> list[str]:
        """The programs that ended by themselves."""
        return [str(each.args) for each in self._children if each.poll() not in (None, 0)]

    @property
    def node2_records(self) -> bool:
        return self._node2_capture is not None

    def playlist_in_bucket(self) -> str:
        return f'{self.s3}/{BUCKET.removeprefix("s3://")}/{self.past.path}/playlist.m3u8'

    def playlist_at(self, node: DemoNode) -> str:
        start, end = (f'{time:%Y-%m-%dT%H:%M:%SZ}' for time in (self.past.start, self.past.end))
        return f'{node.url}/playlist/{self.past.stream}/{self.past.variant}.m3u8?start={start}&end={end}'

    def _start_s3(self) -> None:
        port = free_port()
        self.s3 = f'http://127.0.0.1:{port}'
        self._spawn('s3', ['-m', 'ministack'], s3_server_environment(self.folder / 's3', port))
        _wait_for(self.s3)
        from backfiller.mirror.s3 import new_client

        os.environ.update(S3_ENVIRONMENT)
        new_client(self.s3, 'when_required').create_bucket(Bucket='archive')

    def _start_origin(self) -> None:
        folder = self.folder / 'origin'
        folder.mkdir()
        port = free_port()
        self.origin = f'http://127.0.0.1:{port}'
        self._spawn('origin', ['-m', 'http.server', str(port), '--bind', '127.0.0.1', '--directory', folder])
        with (self.folder / 'ffmpeg.log').open('wb') as log:
            self._children.append(child.start(video.live_command(), output=log, folder=folder))
        _wait_for(f'{self.origin}/master.m3u8')

    def _make_past(self) -> None:
        """An hour that two nodes recorded, each with a hole where the other has something."""
        folder = self.folder / 'past'
        folder.mkdir()
        made = video.past_hour(folder, self.past.start)
        for node, minutes in ((self.nodes[0], (0, 20)), (self.nodes[0], (25, 60)), (self.nodes[1], (15, 40))):
            first, last = (self.past.start + timedelta(minutes=minute) for minute in minutes)
            disk = Disk(node.store)
            for segment, path in made:
                if first <= segment.start < last:
                    disk.add(segment, [path.read_bytes()])
            disk.sweep()

    def _config(self, node: DemoNode) -> Path:
        peers = [other.url for other in self.nodes if other is not node]
        capture = [f'{video.STREAM}={self.origin}/master.m3u8'] if node.number == 1 else []
        lines = [
            '[node]',
            f'store = "{node.store}"',
            f'capture = {capture!r}',
            f'name = "node{node.number}"',
            'log_level = "info"',
            '[streams]',
            f'record_control = "127.0.0.1:{free_port()}"',
            '[restreamer]',
            f'listen = "127.0.0.1:{node.port}"',
            '[backfiller]',
            f'peers = {peers!r}',
            f'control = "127.0.0.1:{node.control_port}"',
            'recent_interval = 2',
            'full_interval = 20',
            f'recent_cutoff = {CUTOFF_SECONDS[node.number]}',
        ]
        if node.number == 3:
            lines += ['[mirror]', f'bucket = "{BUCKET}"', f'endpoint_url = "{self.s3}"']
            lines += ['settle = 5', 'settle_max = 120', 'mirror_interval = 2']
        file = self.folder / f'node{node.number}.toml'
        file.write_text('\n'.join(lines) + '\n')
        node.store.mkdir(exist_ok=True)
        return file

    def _spawn(self, name: str, args: list[str | Path], env: dict[str, str] | None = None) -> 'Popen[bytes]':
        with (self.folder / f'{name}.log').open('ab') as log:
            process = child.start(
                [child.PYTHON, *args], env={**S3_ENVIRONMENT, **(env or {})}, output=log, folder=self.folder
            )
        self._children.append(process)
        return process


def s3_server_environment(folder: Path, port: int) -> dict[str, str]:
    """What tells ministack to serve S3 alone, on loopback, with its objects below the folder."""
    return {
        'BIND_HOST': '127.0.0.1',
        'GATEWAY_PORT': str(port),
        'SERVICES': 's3',
        'S3_PERSIST': '1',
        'S3_DATA_DIR': str(folder / 'objects'),
        'STATE_DIR': str(folder / 'state'),
    }


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def _hour_before_this() -> Hour:
    now = datetime.now(UTC)
    return Hour(video.PAST_STREAM, video.VARIANTS[0], hour_text(now - timedelta(hours=1)))


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if requests.get(url, timeout=5).status_code < 500:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > deadline:
            raise SegmeshError(f'{url} did not answer within {START_SECONDS:g} s; see the logs')
        gevent.sleep(0.1)
