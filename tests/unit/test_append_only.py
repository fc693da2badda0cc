"""The checker of live playlists fails at each thing that they must not do."""

import pytest

from tests.kit.append_only import AppendOnly

BREAK = '#EXT-X-DISCONTINUITY\n'


def entry(number: int, *, seconds: float = 2) -> str:
    return f'#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:{number:02}Z\n#EXTINF:{seconds:g},\n{number}.ts\n'


def playlist(*entries: str, sequence: int = 1, breaks: int = 5, target: int = 2) -> str:
    return (
        f'#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n'
        f'#EXT-X-DISCONTINUITY-SEQUENCE:{breaks}\n{"".join(entries)}'
    )


BEFORE = playlist(entry(1), BREAK, entry(2), entry(3))


@pytest.mark.parametrize(
    'after',
    [
        BEFORE,
        playlist(entry(1), BREAK, entry(2), entry(3), BREAK, entry(7, seconds=2.4)),
        playlist(BREAK, entry(2), entry(3), sequence=2),
        playlist(entry(2), entry(3), entry(4), sequence=2, breaks=6),
        playlist(sequence=4, breaks=6),
    ],
)
def test_what_is_appended_at_the_end_and_trimmed_at_the_front_is_right(after: str) -> None:
    seen = AppendOnly()
    seen.see(BEFORE)
    seen.see(after)


@pytest.mark.parametrize(
    'after',
    [
        playlist(entry(1), BREAK, entry(2)),
        playlist(entry(1), BREAK, entry(3)),
        playlist(entry(1), entry(2), entry(3)),
        playlist(entry(1), BREAK, entry(2), BREAK, entry(3)),
        playlist(entry(1), BREAK, entry(2), entry(3, seconds=1)),
        playlist(entry(0), entry(1), BREAK, entry(2), entry(3), sequence=0),
        playlist(entry(1), BREAK, entry(2), entry(3), breaks=4),
        playlist(entry(2), entry(3), sequence=2),
        playlist(entry(1), BREAK, entry(2), entry(3), target=3),
        playlist(entry(1), BREAK, entry(2), entry(3), entry(4, seconds=2.5)),
        playlist(entry(1), BREAK, entry(2), entry(3), entry(4).partition('\n')[2]),
        f'{BEFORE}#EXT-X-GAP\n{entry(4)}',
        f'{BEFORE}#EXT-X-ENDLIST\n',
        BEFORE.replace('#EXT-X-TARGETDURATION:2\n', ''),
    ],
)
def test_whatever_else_is_a_violation(after: str) -> None:
    seen = AppendOnly()
    seen.see(BEFORE)
    with pytest.raises(AssertionError):
        seen.see(after)
