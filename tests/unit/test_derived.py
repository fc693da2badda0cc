"""What people write of derived variants, in a file or on the command line."""

from typing import Any

import pytest

from backfiller.derive.derived import Derived, read_all
from common.errors import UsageError

TABLE = {'name': '360p', 'height': 360, 'video_bitrate': '600k'}


def test_a_table_and_a_text_say_the_same() -> None:
    assert read_all([TABLE], 'derive') == (Derived.parse('360p:360:600k'),)


@pytest.mark.parametrize(('text', 'bits'), [('600k', 600_000), ('1.5M', 1_500_000), ('80000', 80_000)])
def test_bit_rates_are_read_as_people_write_them(text: str, bits: int) -> None:
    assert Derived('360p', 360, text).bits_per_second == bits


@pytest.mark.parametrize('height', [16, 4320])
def test_the_least_and_the_most_height_are_allowed(height: int) -> None:
    assert Derived('x', height, '600k').height == height


@pytest.mark.parametrize(
    ('name', 'height', 'bitrate', 'said'),
    [
        ('', 360, '600k', 'name'),
        ('.hidden', 360, '600k', 'name'),
        ('../up', 360, '600k', 'name'),
        ('360p', 14, '600k', 'height 14'),
        ('360p', 4322, '600k', 'height 4322'),
        ('360p', 361, '600k', 'height 361'),
        ('360p', -360, '600k', 'height -360'),
        ('360p', 360, '', 'video_bitrate'),
        ('360p', 360, '600K', 'video_bitrate'),
        ('360p', 360, '-600k', 'video_bitrate'),
        ('360p', 360, '600k -y', 'video_bitrate'),
        ('360p', 360, '9k', 'video_bitrate'),
        ('360p', 360, '999M', 'video_bitrate'),
    ],
)
def test_what_is_not_allowed_is_named(name: str, height: int, bitrate: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Derived(name, height, bitrate)


@pytest.mark.parametrize(
    'text', ['', '360p', '360p:360', '360p::600k', 'a:b:c', '360p:360:600k:1', '360p:-1:1k']
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match='NAME:HEIGHT:BITRATE'):
        Derived.parse(text)


@pytest.mark.parametrize(
    'tables',
    [
        TABLE,
        'text',
        ['text'],
        [{**TABLE, 'more': 1}],
        [{'name': '360p'}],
        [{**TABLE, 'height': '360'}],
        [{**TABLE, 'height': True}],
        [{**TABLE, 'height': 36.5}],
        [{**TABLE, 'name': 360}],
        [{**TABLE, 'video_bitrate': 600}],
        [{**TABLE, 'height': 1}],
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_place(tables: Any) -> None:
    with pytest.raises(UsageError, match=r'streams.toml: derive'):
        read_all(tables, 'streams.toml: derive')


@pytest.mark.parametrize('name', ['360p', 'source'])
def test_names_are_taken_once(name: str) -> None:
    tables = [TABLE, {**TABLE, 'name': name}]
    with pytest.raises(UsageError, match=f'called {name}'):
        read_all(tables, 'derive')
