"""How long the questions take that players and pages ask of an hour, a day and a month."""

import gzip
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from common import wire
from common.times import iso
from tests.bench import recording, servers
from tests.bench.bench import MB, Bench, Cell, Figure, Result, middle
from tests.bench.corpus import STREAM, VARIANT
from tests.bench.measure import BenchError, peak_bytes
from tests.bench.recording import Recording
from tests.bench.rounds import rotated

HELD = {'1 h': 1, '24 h': 24}
MONTH = {'30 days': 720}
NAMES = 1800
DEADLINE_SECONDS = 600.0
FORGOTTEN_SECONDS = 2.2
"""The overview is made every two seconds at most; a warm one is to be made anew, too."""

PLAYLIST = 'playlist'


@dataclass(frozen=True)
class Question:
    """What is asked, and how often `marker` stands in the right answer."""

    name: str
    path: str
    marker: bytes
    count: int
    headers: dict[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """How long the first byte and all of them took, and how many they were."""

    first_seconds: float
    seconds: float
    size_bytes: int


@dataclass(frozen=True)
class Sample:
    """A server's first and second answer to one question, and the most memory it then had taken."""

    cold: Answer
    warm: Answer
    peak_bytes: int


Key = tuple[str, str]
"""What is held, and the name of the question."""

Samples = dict[Key, list[Sample]]


def answers(bench: Bench) -> Result:
    """Each question, twice, to a restreamer that was started for it."""
    samples = _measured(bench, HELD)
    return _result('answers', 'of 1 hour and 24 hours (1,800 and 43,200 names)', samples, _figures(samples))


def answers_of_a_month(bench: Bench) -> Result:
    """The same of so much that not all of it is remembered; a round takes minutes."""
    samples = _measured(bench, MONTH)
    return _result('answers of a month', 'of 30 days (1,296,000 names)', samples, [])


def _measured(bench: Bench, held: Mapping[str, int]) -> Samples:
    folder = bench.folder / 'answers'
    try:
        return _in_turn(bench, dict(_asked(bench, folder, held)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _result(name: str, what: str, samples: Samples, figures: list[Figure]) -> Result:
    return Result(
        name=name,
        about=f'Stores {what} of 2 s segments in the page cache. Cold: the first question to a restreamer '
        'that just started; warm: the same once more. Memory is its peak after both.',
        columns=[
            'held',
            'answer',
            'cold first byte s',
            'cold s',
            'warm first byte s',
            'warm s',
            'kB',
            'server MB',
        ],
        rows=[_row(key, found) for key, found in samples.items()],
        figures=figures,
        raw={': '.join(key): [asdict(each) for each in found] for key, found in samples.items()},
    )


def _asked(
    bench: Bench, folder: Path, held: Mapping[str, int]
) -> Iterator[tuple[Key, tuple[Path, Question]]]:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for what, hours in held.items():
        names = bench.scaled(NAMES)
        bench.say(f'making {hours} hours x {names} segments')
        made = recording.make(folder / what, hours=hours, names=names, end=end)
        for question in _questions(made):
            yield (what, question.name), (made.root, question)


def _questions(of: Recording) -> Iterator[Question]:
    """The names of an hour are those of the newest, whatever else is held."""
    within = f'?start={iso(of.within.start)}&end={iso(of.within.end)}'
    hours, media = wire.hours_path(STREAM, VARIANT), f'/playlist/{STREAM}/{VARIANT}.m3u8{within}'
    gzipped = {'Accept-Encoding': 'gzip'}
    yield Question('hours', hours, b'T', of.hours)
    yield Question('fingerprints', wire.summaries_path(STREAM, VARIANT, None), b'"fingerprint"', of.hours)
    yield Question('names of an hour', wire.names_path(of.newest), b'.ts"', of.names)
    yield Question(PLAYLIST, media, b'#EXTINF', of.segments)
    yield Question('playlist, gzip', media, b'#EXTINF', of.segments, gzipped)
    yield Question('master', f'/playlist/{STREAM}.m3u8', b'#EXT-X-STREAM-INF', 1)
    yield Question('master of the range', f'/playlist/{STREAM}.m3u8{within}', b'#EXT-X-STREAM-INF', 1)
    yield Question('coverage', f'/coverage/{STREAM}/{VARIANT}{within}', b'"covered"', 61 * of.hours + 1)
    yield Question('overview', '/overview', b'"complete_up_to"', 1, pause_seconds=FORGOTTEN_SECONDS)


def _in_turn(bench: Bench, asked: dict[Key, tuple[Path, Question]]) -> Samples:
    samples: Samples = {key: [] for key in asked}
    for number in range(bench.rounds):
        for key in rotated(list(asked), number):
            samples[key].append(_sample(*asked[key]))
        bench.say(f'round {number + 1} of {bench.rounds}')
    return samples


def _sample(root: Path, question: Question) -> Sample:
    with servers.restreamer(root) as server:
        cold = _ask(server.url, question)
        time.sleep(question.pause_seconds)
        warm = _ask(server.url, question)
        return Sample(cold, warm, peak_bytes(server.pid))


def _ask(url: str, question: Question) -> Answer:
    """Raises BenchError unless the answer is whole."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE_SECONDS)) as connection:
        started = time.perf_counter()
        connection.request('GET', question.path, headers=question.headers)
        response = connection.getresponse()
        first = time.perf_counter() - started
        body = response.read()
        seconds = time.perf_counter() - started
    text = gzip.decompress(body) if response.headers['Content-Encoding'] == 'gzip' else body
    if response.status != 200 or text.count(question.marker) != question.count:
        found = f'{response.status}, {text.count(question.marker)} of {question.count} {question.marker!r}'
        raise BenchError(f'{question.path}: {found}: {text[:200]!r}')
    return Answer(first, seconds, len(body))


def _row(key: Key, found: list[Sample]) -> list[Cell]:
    seconds: list[Cell] = [
        middle([getattr(getattr(each, state), what) for each in found])
        for state in ('cold', 'warm')
        for what in ('first_seconds', 'seconds')
    ]
    memory = middle([each.peak_bytes for each in found]) or 0
    return [*key, *seconds, found[-1].warm.size_bytes / 1000, round(memory / MB)]


def _figures(samples: Samples) -> list[Figure]:
    day = samples['24 h', PLAYLIST]
    return [
        Figure('playlist of 24 h, warm', middle([each.warm.seconds for each in day]), 0.3, 's'),
        Figure('playlist of 24 h, cold', middle([each.cold.seconds for each in day]), 1.5, 's'),
    ]
