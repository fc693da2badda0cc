"""The grammar of names: what gets through means one thing, and nothing else gets through."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from common import digest
from common.errors import SegmentError
from common.members import plain_only, playable_only, segments_only, without_tombstones
from common.place import Scope
from common.segment import (
    TYPES,
    Hour,
    Segment,
    hash_in,
    init_in,
    init_name,
    is_label,
    is_name,
    media_type,
    microseconds_in,
    shown,
    tombstone_name,
    without_withdrawn,
)
from tests.kit.build import HOUR, at, fragments, piece, tombstone_of

HASH = '47DEQpj8HBSa_-TImW_5JCeuQeRkm5NMpJWZG3hSuFU'
NAME = f'07:26.5-2.002-full-{HASH}.ts'
FRAGMENT = f'07:26.5-2.002-full-{HASH}-{HASH}.m4s'
INIT = f'00:00-0-init-{HASH}.mp4'
HOSTILE = [
    *'/\\\0\n\r\t\x7f %+?#',
    '..',
    '%2e',
    '\u0663',
    '\uff11',
    '\u00e9',
    '\u2028',
    '\u2215',
    '\ud800',
    '\u200b',
]

times = st.integers(0, 4_102_444_800_000_000).map(
    lambda n: at('1970-01-01T00:00:00') + timedelta(microseconds=n)
)
durations = st.timedeltas(timedelta(0), timedelta(seconds=999_999))
hashes = st.binary(min_size=32, max_size=32).map(digest.from_bytes)
spellings = st.from_regex(
    r'[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?-[0-9]{1,6}(\.[0-9]{1,9})?-(full|suspect|partial)-'
    r'([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\.(ts|tombstone)|'
    r'[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]-[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\.(m4s|tombstone))|'
    r'00:00-0-init-[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\.mp4',
    fullmatch=True,
)


def refuses(name: str) -> bool:
    """Whether the name is refused for the right reason, and `is_name` knows."""
    with pytest.raises(SegmentError) as caught:
        Segment.parse(HOUR, name)
    return caught.value.reason == 'name' and not is_name(name)


@settings(deadline=None)
@given(
    start=times,
    duration=durations,
    kind=st.sampled_from(TYPES),
    content=hashes,
    init=st.one_of(st.just(''), hashes),
)
def test_a_named_segment_parses_to_the_same_values(
    start: datetime, duration: timedelta, kind: str, content: str, init: str
) -> None:
    segment = Segment.named(
        'bus', 'source', start=start, duration=duration, kind=kind, content=content, init=init
    )
    assert (segment.start, segment.duration, segment.type, segment.hash) == (start, duration, kind, content)
    assert segment.hour.start <= start < segment.hour.end
    assert segment.end == start + duration
    stream, variant, hour, name = segment.path.split('/')
    assert Segment.parse(Hour.parse(stream, variant, hour), name) == segment
    assert (hash_in(name), init_in(name), segment.init) == (content, init, init)
    assert (segment.withdrawal, segment.is_init) == (False, False)
    offset, length = microseconds_in(name)
    assert segment.start == segment.hour.start + timedelta(microseconds=offset)
    assert segment.duration == timedelta(microseconds=length)
    assert without_withdrawn([name, tombstone_name(name)]) == {tombstone_name(name)}
    assert Segment.parse(segment.hour, tombstone_name(name)).init == init


@given(hashes)
def test_an_init_section_is_spelt_in_one_way_and_has_no_time(content: str) -> None:
    section = Segment.init_section(HOUR, content)
    assert section.name == f'00:00-0-init-{content}.mp4' == init_name(content)
    assert (section.is_init, section.hash, section.init) == (True, content, '')
    assert section.start == section.end == HOUR.start
    assert Segment.parse(HOUR, section.name) == section
    assert (hash_in(section.name), init_in(section.name)) == (content, '')
    assert microseconds_in(section.name) == (0, 0)
    assert refuses(tombstone_name(section.name))


@pytest.mark.parametrize('minutes', [330, -570, 60, 345])
def test_a_start_in_another_zone_is_named_in_utc(minutes: int) -> None:
    local = at('2026-11-14T03:07:26').astimezone(timezone(timedelta(minutes=minutes)))
    segment = Segment.named(
        'bus', 'source', start=local, duration=timedelta(seconds=2), kind='full', content=HASH
    )
    assert segment.start == local


@settings(deadline=None)
@given(spellings)
def test_an_accepted_name_is_kept_as_it_is(name: str) -> None:
    segment = Segment.parse(HOUR, name)
    assert segment.name == name
    assert segment.path == f'bus/source/2026-11-14T03/{name}'
    assert Segment.parse(segment.hour, segment.name) == segment
    assert is_name(name)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=120), st.from_regex(r'[0-9:.\-A-Za-z/\\]{1,90}\Z')))
@example(NAME + '\n')
@example('')
def test_whatever_gets_through_is_harmless(name: str) -> None:
    if is_name(name):
        assert re.fullmatch('[0-9][A-Za-z0-9:._-]*', name, re.ASCII)
        assert Segment.parse(HOUR, name).name == name
    else:
        assert refuses(name)


@settings(deadline=None)
@given(name=spellings, position=st.integers(0, 140), odd=st.sampled_from(HOSTILE), replaces=st.booleans())
def test_one_odd_character_in_a_good_name_is_refused(
    name: str, position: int, odd: str, replaces: bool
) -> None:
    position = min(position, len(name))
    mutated = name[:position] + odd + name[position + replaces :]
    assume(mutated != name)
    assert refuses(mutated)


@pytest.mark.parametrize(
    'name',
    [NAME.replace('07:26', bad) for bad in ('60:26', '07:60', '7:26', '07-26', '07:26:00', '-7:26')]
    + [NAME.replace('26.5', bad) for bad in ('26.1234567', '26.', '26,5', '26.-5')]
    + [NAME.replace('2.002', bad) for bad in ('.002', '2.', '-2', '+2', '1e3', 'nan', '1234567')]
    + [NAME.replace('2.002', '2.0123456789')]
    + [NAME.replace('full', bad) for bad in ('Full', 'temp', '', 'full-full')]
    + [NAME.replace('FU.ts', bad) for bad in ('FV.ts', 'F.ts', 'FUU.ts', 'FU=.ts', 'F/.ts', 'FU.TS', 'FU')]
    + [NAME.replace('.ts', bad) for bad in ('.ts.tombstone', '.tombstone.ts', '.Tombstone', '.ts.ts')]
    + [FRAGMENT.replace('.m4s', bad) for bad in ('.ts', '.mp4', '.M4S', '', '.m4s.tombstone')]
    + [FRAGMENT.replace(f'-{HASH}', bad, 1) for bad in ('', f'{HASH}', f'-{HASH}-{HASH}', f'-{HASH[:-1]}V')]
    + [INIT.replace('00:00-0', bad) for bad in ('00:00-0.0', '00:00.0-0', '00:01-0', '00:00-00', '00:00-1')]
    + [INIT.replace('init', bad) for bad in ('full', 'INIT', '', f'init-{HASH}')]
    + [INIT.replace('.mp4', bad) for bad in ('.ts', '.m4s', '.tombstone', '.mp4.tombstone')]
    + [NAME.replace('full', 'init'), FRAGMENT.replace('full', 'init'), NAME.replace('.ts', '.m4s')]
    + [before + NAME for before in ('.', ' ', '-', '../', '/', './', NAME)] + [NAME + '\n', NAME * 3],
)  # fmt: skip
def test_a_name_outside_the_grammar_is_refused(name: str) -> None:
    assert refuses(name)


@pytest.mark.parametrize(
    'text',
    ['2026-13-01T00', '2026-00-01T00', '2026-02-29T00', '2026-11-31T00', '2026-11-14T24', '9999-99-99T99',
     '0000-01-01T00', '2026-11-14T3', '2026-11-14 03', '2026-11-14T03Z', '2026-11-14T03\n', '', '..',
     '+026-11-14T03', '\u0662026-11-14T03', '2026-11-14T03/..', ' 2026-11-14T03'],
)  # fmt: skip
def test_an_hour_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SegmentError) as caught:
        Hour.parse('bus', 'source', text)
    assert caught.value.reason == 'name'


@pytest.mark.parametrize('text', ['9999-12-31T23', '9999-12-31T22', '0001-01-01T00', '2024-02-29T00'])
def test_an_hour_is_refused_or_can_be_worked_with(text: str) -> None:
    try:
        hour = Hour.parse('bus', 'source', text)
    except SegmentError:
        return
    longest = Segment.parse(hour, NAME.replace('2.002', '999999'))
    assert longest.end > hour.start
    assert hour.end > hour.start
    assert Scope(since=at('2026-11-14T03:00:00')).admits(hour) in (True, False)


@pytest.mark.parametrize(
    'label', ['', '.', '..', '.git', 'a/b', 'a\\b', 'a b', 'a\n', 'a\0', '\u00e9', '\u0661', 'x' * 101]
)
def test_a_label_outside_the_grammar_is_refused(label: str) -> None:
    assert not is_label(label)
    for stream, variant in ((label, 'source'), ('bus', label)):
        with pytest.raises(SegmentError, match='is not a name'):
            Hour.parse(stream, variant, HOUR.text)


def test_a_tombstone_takes_its_segment_and_no_other_spelling_with_it() -> None:
    withdrawn, other = piece().name, piece().name.replace('26.5', '26.50')
    tombstone = tombstone_name(withdrawn)
    assert Segment.parse(HOUR, tombstone) == tombstone_of(piece())
    assert Segment.parse(HOUR, tombstone).withdrawal
    assert without_withdrawn([withdrawn, other, tombstone]) == {other, tombstone}
    assert segments_only([tombstone, other]) == [other]


def test_names_are_told_apart_by_what_they_are_of() -> None:
    section, fragment = (each.name for each in fragments(1))
    segment, tombstone = piece().name, tombstone_of(piece()).name
    names = [segment, tombstone, fragment, section]
    assert plain_only(names) == [segment]
    assert segments_only(names) == [fragment, segment]
    assert without_tombstones(names) == [section, fragment, segment]
    types = [media_type(name) for name in (segment, fragment, section)]
    assert types == ['video/mp2t', 'video/iso.segment', 'video/mp4']


def test_a_fragment_plays_where_its_init_section_is() -> None:
    section, *held = fragments(2)
    _, lonely = fragments(1, '2026-11-14T03:30:00', init=b'other')
    names = {each.name for each in (section, *held, lonely, piece())}
    assert playable_only(names) == [*(each.name for each in held), piece().name]
    assert playable_only(names - {section.name}) == [piece().name]
    assert held[0].segment.needs == section.segment
    assert piece().segment.needs is None


def test_fragments_of_two_init_sections_are_no_twins() -> None:
    one, other = (fragments(1, init=init)[1].segment for init in (b'moov', b'other'))
    assert one.hash == other.hash
    assert one.is_twin_of(one)
    assert not one.is_twin_of(other)


@pytest.mark.parametrize(('apart', 'twins'), [('26.501', True), ('26.499', True), ('26.501001', False)])
def test_twins_start_within_a_millisecond(apart: str, twins: bool) -> None:
    ours, theirs = piece(body=b'same'), piece(f'2026-11-14T03:07:{apart}', body=b'same')
    assert ours.segment.is_twin_of(theirs.segment) is twins


@given(st.text())
def test_what_is_shown_is_short_and_plain(text: str) -> None:
    assert shown(text, 20).isascii()
    assert shown(text, 20).isprintable()
    assert len(shown(text, 20)) <= 2 + 23 * 10
