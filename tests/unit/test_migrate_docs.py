"""What docs/migrate.md says is so."""

import re
from pathlib import Path

from backfiller.commands.migrate import migrate
from backfiller.migrate import carry, hosts, job, keys, large, origin, plan, room, walk
from backfiller.migrate.report import Status

TEXT = ' '.join((Path(__file__).parents[2] / 'docs/migrate.md').read_text().split())
MB = 1024 * 1024


def test_it_names_every_option_and_no_other() -> None:
    ours = {'--concurrency', '--per-host', '--by-host', '--token', '--header', '--allow-host', '--bucket'}
    ours |= {'--verify-only', '--playlists-only'}
    known = {name for option in migrate.params for name in option.opts}
    assert set(re.findall(r'`?(--[a-z]+(?:-[a-z]+)*)', TEXT)) == ours
    assert ours <= known


def test_its_numbers_are_those_of_the_code() -> None:
    said = [
        f'At most {room.MOST_BYTES // MB} MB of bodies',
        f'larger than {carry.WHOLE_BYTES // MB} MB, or larger than {large.PART_BYTES // MB} MB',
        f'name {plan.MOST_PIECES:,} pieces',
        f'names of more than {keys.MOST_NAME_BYTES} and keys of more than {keys.MOST_KEY_BYTES} bytes',
        f'{origin.STALL_SECONDS:g} s without a byte',
        f'less than {origin.SLOWEST_BYTES_A_SECOND // 1000} kB a second',
    ]
    assert [each for each in said if each not in TEXT] == []
    counts = (
        carry.AT_ONCE,
        hosts.AT_ONCE,
        origin.TRIES,
        job.DENIALS_ALLOWED,
        walk.DEEPEST,
        walk.MOST_PLAYLISTS,
    )
    assert counts == (16, 8, 4, 3, 3, 1000), 'they stand there in words'
    assert (hosts.UNREACHED_ALLOWED, hosts.DEAD_SECONDS, hosts.LONGEST_REST_SECONDS) == (4, 30, 120)


def test_it_says_what_each_status_means() -> None:
    for status in Status:
        assert f'| {status} |' in TEXT
