"""Settings: who wins, what is refused and how it is said, and texts that read back to the same settings."""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import config
from common.config import Settings, effective, env_of, flag_of, load, sample, toml_value
from common.errors import UsageError
from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror, Retention
from common.settings.node import Node
from common.settings.restreamer import Restreamer
from common.settings.sections import SECTIONS

SAMPLE = Path(__file__).parents[2] / 'deploy' / 'node.sample.toml'


def given_by(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return Settings(flags=flags or {}, environ=environ or {}, file=file, sections=SECTIONS)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / 'node.toml'


def all_of(settings: Settings) -> list[object]:
    return [settings.section(section) for section in SECTIONS]


def test_nothing_given_means_the_defaults() -> None:
    assert all_of(given_by()) == [section() for section in SECTIONS]


def test_flag_beats_environment_beats_file_beats_default(toml: Path) -> None:
    toml.write_text('[node]\nstore = "of the file"\n')
    flags, environ = {'store': 'of the flag'}, {'SEGMESH_STORE': 'of the environment'}
    assert given_by(toml, flags, environ).section(Node).store == Path('of the flag')
    assert given_by(toml, {'store': None}, environ).section(Node).store == Path('of the environment')
    assert given_by(toml).section(Node).store == Path('of the file')
    assert given_by().section(Node).store == Path('store')


def test_lists_are_given_by_flags_words_or_a_list(toml: Path) -> None:
    toml.write_text('[backfiller]\npeers = ["http://c/"]\n')
    flags, environ = {'peers': ('http://a',)}, {'SEGMESH_PEERS': 'http://b  http://b2:81/x'}
    assert given_by(toml, flags, environ).section(Backfiller).peers == ('http://a',)
    assert given_by(toml, {'peers': ()}, environ).section(Backfiller).peers == ('http://b', 'http://b2:81/x')
    assert given_by(toml).section(Backfiller).peers == ('http://c',)
    assert given_by(toml, environ={'SEGMESH_PEERS': ''}).section(Backfiller).peers == ()


def test_a_switch_is_true_or_false_in_words_or_in_the_file(toml: Path) -> None:
    toml.write_text('[mirror]\nlive = true\n')
    assert given_by(toml).section(Mirror).live is True
    assert given_by(toml, {'live': 'False'}).section(Mirror).live is False
    assert given_by(environ={'SEGMESH_LIVE': 'true'}).section(Mirror).live is True


def test_what_is_given_is_told_from_what_is_default(toml: Path) -> None:
    toml.write_text('[node]\nstore = "store"\n')
    assert given_by(toml).is_given(Node, 'store')
    assert not given_by(toml).is_given(Node, 'node_id')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (
            '[node]\nshop = 1\n',
            '[node]: shop is not known; there are capture, log_level, name, node_id, store',
        ),
        (
            '[nodes]\n',
            'nodes is not known; there are backfiller, derive, mirror, node, restreamer, retention',
        ),
        ('store = "x"\n', 'store is not known'),
        ('node = 3\n', '[node] is a section'),
        ('[[node]]\n', '[node] is a section'),
        ('node', 'is not TOML'),
        (f'[restreamer]\nlive_window = {"9" * 5000}\n', 'is not TOML'),
        ('[node]\nstore = "\udcff"\n', 'is not TOML'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_wrong_file_is_named_with_what_is_wrong(toml: Path, text: str, said: str) -> None:
    toml.write_bytes(text.encode('utf-8', 'surrogateescape'))
    with pytest.raises(UsageError) as caught:
        given_by(toml)
    assert str(toml) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(toml: Path) -> None:
    with pytest.raises(UsageError, match=f'cannot read the config {toml}: No such file'):
        given_by(toml)


@pytest.mark.parametrize(
    ('section', 'name', 'bad'),
    [(Restreamer, 'listen', bad) for bad in ('8001', 'host:', 'host:x', 'host:65536', 'host:-1', ':\u0663')]
    + [(Restreamer, 'live_window', bad) for bad in ('-1', 'nan', 'inf', '1e10', 'long', 'true')]
    + [(Backfiller, 'max_segment_bytes', bad) for bad in ('-1', '1.5', '1e3', '', '\u0663', '9' * 5000)]
    + [(Mirror, 'live', bad) for bad in ('', 'yes', '1', 'on', 'TRUE FALSE')]
    + [(Backfiller, 'order', bad) for bad in ('', 'Newest', 'newest,oldest')]
    + [(Mirror, 'endpoint_url', bad) for bad in ('s3:9000', 'ftp://s3', 'http://', 'http://s3?a=b', 'http://[s3')]
    + [(Mirror, 'endpoint_url', bad) for bad in ('http://s3:port', 'http://s3:99999')]
    + [(Retention, 'keep', bad) for bad in ('14', '0d', '-1d', '1.5d', '14 d', '14D', '5m', '36501d')]
    + [(Retention, 'keep_bytes', bad) for bad in ('', 'G', '-1', '1.5G', '1g', '1Gi', '9' * 19, '\u0663')]
    + [(Retention, 'keep_unmirrored', bad) for bad in ('', 'yes', '0')]
    + [(Mirror, 'bucket', bad) for bad in ('archive', 's3://', 'https://archive', 's3://archive?x=y')],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_a_bad_value_is_told_where_it_stands_and_what_is_allowed(
    toml: Path, section: type, name: str, bad: str
) -> None:
    each = next(each for each in config.options(section) if each.name == name)
    toml.write_text(f'[{section.__name__.lower()}]\n{name} = "{bad}"\n')
    for where, found in (
        (env_of(each), given_by(environ={env_of(each): bad})),
        (f'{toml}: [{section.__name__.lower()}] {name}', given_by(toml)),
        (flag_of(each), given_by(flags={name: bad or ' '})),
    ):
        with pytest.raises(UsageError) as caught:
            found.section(section)
        assert str(caught.value).startswith(f'{where}: ')
        assert each.metadata['kind'].allowed in str(caught.value)


@pytest.mark.parametrize('bad', ['"http://a"', '[["http://a"]]', '[{a = 1}]', '["a"]', '{a = 1}', '[""]'])
def test_a_list_that_is_none_is_refused(toml: Path, bad: str) -> None:
    toml.write_text(f'[backfiller]\npeers = {bad}\n')
    with pytest.raises(UsageError, match=re.escape(f'{toml}: [backfiller] peers: ')):
        given_by(toml).section(Backfiller)


@pytest.mark.parametrize(
    'bad', ['bus', '=http://a', 'b/s=http://a', '.bus=http://a', 'bus=file:///etc/passwd']
)
def test_an_origin_needs_a_stream_and_a_url(bad: str) -> None:
    with pytest.raises(UsageError, match=r'--capture: .*STREAM=URL'):
        given_by(flags={'capture': (bad,)}).section(Node)


@pytest.mark.parametrize(
    ('text', 'address'),
    [(':80', ('0.0.0.0', 80)), ('[::1]:80', ('::1', 80)), ('a.b:65535', ('a.b', 65535))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert given_by(environ={'SEGMESH_LISTEN': text}).section(Restreamer).listen == address


@pytest.mark.parametrize(
    ('text', 'span', 'shown'),
    [
        ('36h', timedelta(hours=36), '36h'),
        ('48h', timedelta(days=2), '2d'),
        ('2w', timedelta(days=14), '14d'),
    ],
)
def test_a_span_is_hours_days_or_weeks(text: str, span: timedelta, shown: str) -> None:
    assert given_by(flags={'keep': text}).section(Retention).keep == span
    assert toml_value(span) == f'"{shown}"'


@pytest.mark.parametrize(
    ('text', 'size_bytes'),
    [('0', 0), ('7', 7), ('2K', 2000), ('3M', 3 * 10**6), ('500G', 5 * 10**11), ('1T', 10**12)],
)
def test_a_size_is_bytes_or_powers_of_1000(text: str, size_bytes: int) -> None:
    assert given_by(flags={'keep_bytes': text}).section(Retention).keep_bytes == size_bytes


NO_BUCKET, BUCKET = Mirror(), Mirror(bucket='s3://b/p')
A_LIMIT = Retention(keep_bytes=5)


def test_limits_under_which_nothing_could_go_are_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match='--bucket s3://BUCKET/PREFIX, or --keep-unmirrored false'):
        A_LIMIT.check(NO_BUCKET, Backfiller())
    with pytest.raises(UsageError, match='leave out --since, or --keep-unmirrored false'):
        A_LIMIT.check(BUCKET, Backfiller(since='6'))
    A_LIMIT.check(BUCKET, Backfiller())
    Retention().check(NO_BUCKET, Backfiller(since='6'))
    Retention(min_free=5, keep_unmirrored=False).check(NO_BUCKET, Backfiller(since='6'))


def test_the_sample_in_deploy_is_the_sample() -> None:
    assert SAMPLE.read_text() == sample(SECTIONS)
    assert load(SAMPLE, SECTIONS) == {section.__name__.lower(): {} for section in SECTIONS}


@pytest.mark.parametrize('section', SECTIONS)
def test_the_sample_uncommented_gives_the_defaults(toml: Path, section: type) -> None:
    toml.write_text(re.sub(r'^# (\w+ = )', r'\1', sample(SECTIONS), flags=re.MULTILINE))
    shown = load(toml, SECTIONS)[section.__name__.lower()]
    assert list(shown) == [each.name for each in config.options(section)]
    assert given_by(toml).section(section) == section()


@pytest.mark.parametrize(
    'environ',
    [{}, {'SEGMESH_BUCKET': 's3://b/p'}, {'SEGMESH_ENDPOINT_URL': 'http://s3', 'SEGMESH_SINCE': '3'}],
)
def test_the_effective_settings_read_back(toml: Path, environ: dict[str, str]) -> None:
    capture = ('bus=http://o/a.m3u8?x=1', 'tram=https://o/b')
    flags = {
        'capture': capture,
        'listen': '[::1]:80',
        'streams': ('a', 'b'),
        'peers': ('http://a', 'http://b'),
        'keep': '14d',
        'keep_bytes': '500G',
        'trusted_proxies': ('192.0.2.1', '10.0.0.0/8', '2001:db8::/32'),
        'read_token_file': '/run/token',
        'keep_unmirrored': 'false',
    }
    ours = given_by(flags=flags, environ=environ)
    toml.write_text(effective(ours, SECTIONS))
    assert all_of(given_by(toml)) == all_of(ours)


@settings(deadline=None)
@given(st.one_of(st.booleans(), st.integers(0, 10**15), st.floats(0, 1e10)))
def test_a_number_as_toml_is_the_same_number(value: float) -> None:
    assert tomllib.loads(f'x = {toml_value(value)}')['x'] == value


@settings(deadline=None)
@given(st.text(st.characters(codec='utf-8')))
def test_a_text_as_toml_is_the_same_text(value: str) -> None:
    assert tomllib.loads(f'x = {toml_value(value)}')['x'] == value
