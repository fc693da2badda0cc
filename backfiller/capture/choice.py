"""Which variants of a master playlist are taken, and what they are called.

The best variant is `source`; the others are called by their height, such as `480p`, and by their bandwidth,
such as `480p-900k`, where a better one of that height is there. Audio that has a playlist of its own is
called `audio`, with its language if that is told, such as `audio-de`, and then with its group and a number,
if that is taken. The order in the playlist does not count, so the names stay when it is loaded again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from backfiller.capture.recipe import ALL, BEST
from common.errors import SourceError
from common.hls.master_reader import Master, Rendition
from common.hls.playlist import VariantStream

SOURCE = 'source'
AUDIO = 'audio'
_OTHER = re.compile('[^A-Za-z0-9]+')
_LONGEST_PART = 30


def chosen(master: Master, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name -> the URLs of its media playlist, the later ones to fall back on (RFC 8216 section 4.3.4.2).

    `wanted` are names, or `best`, or `all`. What is wanted and not there is left out; raises SourceError if
    nothing is left.
    """
    variants = _named(master.variants)
    audio = _named_audio(master.renditions)
    names = [name for name in variants if _is_wanted(name, wanted)]
    groups = {variant.audio for name in names for variant in variants[name]}
    found = {name: tuple(each.uri for each in variants[name]) for name in names}
    for name, rendition in audio.items():
        if rendition.group in groups or name in wanted:
            found[name] = (rendition.uri,)
    if not found:
        offered = ', '.join((*variants, *audio))
        raise SourceError(f'there is no variant {", ".join(wanted)}: there are {offered}')
    return found


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return ALL in wanted or name in wanted or (BEST in wanted and name == SOURCE)


def _named(variants: Iterable[VariantStream]) -> dict[str, list[VariantStream]]:
    """Those that differ in nothing but their URL are one."""
    named: dict[str, list[VariantStream]] = {}
    for variant in sorted(variants, key=_rank):
        alike = next((same for same in named.values() if _is_backup(same[0], variant)), None)
        if alike:
            alike.append(variant)
            continue
        name = SOURCE if not named else f'{variant.resolution[1]}p' if variant.resolution else ''
        if not name or name in named:
            name = f'{name or "v"}-{variant.bandwidth // 1000}k'
        named[_free(name, named)] = [variant]
    return named


def _rank(variant: VariantStream) -> tuple[int, int, float, tuple[str, ...], str]:
    """The best first; which of equal ones is first does not change with their order or their tokens."""
    height = variant.resolution[1] if variant.resolution else 0
    path = urlsplit(variant.uri).path
    return -variant.bandwidth, -height, -(variant.frame_rate or 0), variant.codecs, path


def _is_backup(one: VariantStream, other: VariantStream) -> bool:
    """Redundant streams say the same of themselves; of two that say next to nothing nobody knows."""
    return (
        one.bandwidth > 0
        and _rank(one)[:-1] == _rank(other)[:-1]
        and urlsplit(one.uri).netloc != urlsplit(other.uri).netloc
    )


def _named_audio(renditions: Iterable[Rendition]) -> dict[str, Rendition]:
    named: dict[str, Rendition] = {}
    taken: set[str] = set()
    audio = [each for each in renditions if each.kind == 'AUDIO' and each.uri]
    for rendition in sorted(audio, key=lambda each: (not each.default, each.group, each.name, each.language)):
        path = rendition.uri.partition('?')[0]
        if path in taken:
            continue
        taken.add(path)
        name = '-'.join(_parts(AUDIO, rendition.language))
        if name in named:
            name = '-'.join(_parts(name, rendition.group))
        named[_free(name, named)] = rendition
    return named


def _parts(*texts: str) -> Iterator[str]:
    """What of the texts can stand in a name."""
    for text in texts:
        if part := _OTHER.sub('-', text).strip('-')[:_LONGEST_PART]:
            yield part


def _free(name: str, taken: Mapping[str, object]) -> str:
    """The name, with a number if it is taken."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f'{name}-{number}'
    return free
