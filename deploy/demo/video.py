"""Real video made by ffmpeg: a live HLS stream with two variants, and an hour of the past."""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import imageio_ffmpeg
from gevent import subprocess as cooperative

from common import digest
from common.errors import SegmeshError
from common.hls import playlist_reader
from common.segment import Segment

STREAM = 'bus'
PAST_STREAM = 'yard'
LIVE_SECONDS = 2
PAST_SECONDS = 4
WINDOW_SEGMENTS = 3
VARIANTS = ('source', '180p')

_ENCODE = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '32k']


def ffmpeg() -> str:
    found: str = imageio_ffmpeg.get_ffmpeg_exe()
    return found


def live_command() -> list[str]:
    """ffmpeg that plays a test picture into master.m3u8 of its working folder, in real time."""
    return [
        ffmpeg(), '-v', 'error', '-nostdin',
        '-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=15',
        '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100',
        '-filter_complex', '[0:v]split[a][b];[b]scale=320:180[small]',
        '-map', '[a]', '-map', '1:a', '-map', '[small]', '-map', '1:a',
        *_ENCODE, '-b:v:0', '600k', '-b:v:1', '150k', '-g', str(15 * LIVE_SECONDS), '-sc_threshold', '0',
        '-f', 'hls', '-hls_time', str(LIVE_SECONDS), '-hls_list_size', str(WINDOW_SEGMENTS),
        '-hls_delete_threshold', '5',
        '-hls_flags', 'delete_segments+program_date_time+independent_segments+temp_file',
        '-master_pl_name', 'master.m3u8',
        '-var_stream_map', 'v:0,a:0,name:source v:1,a:1,name:180p',
        '-hls_segment_filename', '%v-%05d.ts', '%v.m3u8',
    ]  # fmt: skip


def past_hour(folder: Path, start: datetime) -> list[tuple[Segment, Path]]:
    """An hour of video as segments, made in seconds: a minute is encoded, and repeated sixty times."""
    clip = folder / 'minute.ts'
    _run([
        ffmpeg(), '-v', 'error', '-nostdin', '-y',
        '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10', '-f', 'lavfi', '-i', 'sine=sample_rate=44100',
        '-t', '60', *_ENCODE, '-b:v', '100k', '-g', str(10 * PAST_SECONDS), '-sc_threshold', '0', str(clip),
    ])  # fmt: skip
    _run([
        ffmpeg(), '-v', 'error', '-nostdin', '-y', '-stream_loop', '-1', '-i', str(clip), '-t', '3600',
        '-c', 'copy', '-f', 'hls', '-hls_time', str(PAST_SECONDS), '-hls_list_size', '0',
        '-hls_segment_filename', str(folder / 'past-%05d.ts'), str(folder / 'past.m3u8'),
    ])  # fmt: skip
    return _segments(folder, start)


def plays_cleanly(url: str, *, seconds: float | None = None) -> str:
    """What ffmpeg complains of when it decodes everything behind the URL; empty if nothing."""
    limit = ['-t', str(seconds)] if seconds else []
    done = cooperative.run(
        [ffmpeg(), '-v', 'warning', '-xerror', '-nostdin', '-i', url, *limit, '-map', '0', '-f', 'null', '-'],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout.decode('utf-8', 'replace') or (
        f'exit code {done.returncode}' if done.returncode else ''
    )


def _segments(folder: Path, start: datetime) -> list[tuple[Segment, Path]]:
    offered = playlist_reader.parse_media((folder / 'past.m3u8').read_text(), folder.as_uri() + '/')
    end, found = start + timedelta(hours=1), []
    for entry in offered.entries:
        path = Path(unquote(urlsplit(entry.uri).path))
        duration = min(entry.duration, end - start)
        segment = Segment.named(
            PAST_STREAM,
            VARIANTS[0],
            start=start,
            duration=duration,
            kind='full',
            content=digest.sha256([path.read_bytes()]),
        )
        found.append((segment, path))
        start += duration
    return found


def _run(command: list[str]) -> None:
    done = cooperative.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SegmeshError(f'ffmpeg failed: {done.stdout.decode("utf-8", "replace")}')
