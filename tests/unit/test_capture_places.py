"""Where a variant is looked for when its playlist cannot be had any more."""

import pytest

from backfiller.capture.download import Downloader
from backfiller.capture.origin import Raw, Text
from backfiller.capture.places import FRESH_SECONDS, Place, Places
from backfiller.capture.recipe import Recipe
from common.errors import SourceError
from common.hls.parts import ByteRange

MEDIA = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'


def master(*urls: str) -> str:
    return '#EXTM3U\n' + ''.join(f'#EXT-X-STREAM-INF:BANDWIDTH=9\n{url}\n' for url in urls)


class Pages:
    """What the sources say now, by their URLs; None is an outage."""

    def __init__(self, **pages: str | None) -> None:
        self.pages = {f'http://{host}/m': page for host, page in pages.items()}
        self.asked = 0
        self.now = 100.0

    def text(self, url: str, deadline_seconds: float) -> Text:
        self.asked += 1
        page = self.pages[url]
        if page is None:
            raise SourceError(f'{url} cannot be reached')
        return Text(page, url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        raise NotImplementedError

    def places(self) -> Places:
        recipe = Recipe('bus', tuple(self.pages))
        return Places(recipe, [Downloader(self) for _ in self.pages], lambda: self.now)

    def says(self, host: str, page: str | None) -> None:
        self.now += 2 * FRESH_SECONDS
        self.pages[f'http://{host}/m'] = page


def test_a_fresh_token_is_taken_before_another_source() -> None:
    pages = Pages(a=master('v?t=1'), b=master('v'))
    places = pages.places()
    place = places.find()['source'][0]
    assert place == Place(0, 'http://a/v?t=1')
    assert places.next_after(place, 'source') == Place(1, 'http://b/v')
    pages.says('a', master('v?t=2'))
    assert places.next_after(place, 'source') == Place(0, 'http://a/v?t=2')
    assert places.renewed(place, 'source') == Place(0, 'http://a/v?t=2')


def test_the_backup_of_a_variant_comes_before_another_source() -> None:
    pages = Pages(a=master('http://x/v', 'http://y/v'), b=master('v'))
    places = pages.places()
    first, second = places.find()['source']
    assert places.next_after(first, 'source') == second
    assert places.next_after(second, 'source') == Place(1, 'http://b/v')


def test_after_the_last_source_comes_the_first() -> None:
    pages = Pages(a=MEDIA, b=None, c=MEDIA)
    places = pages.places()
    place = places.next_after(Place(0, 'http://a/m'), 'source')
    assert place == Place(2, 'http://c/m')
    assert places.next_after(place, 'source') == Place(0, 'http://a/m')


def test_with_nothing_else_it_stays_where_it_is() -> None:
    pages = Pages(a=None, b=master('v'))
    places = pages.places()
    place = Place(1, 'http://b/v')
    assert places.find()['source'] == (place,)
    assert places.next_after(place, 'source') == place
    assert places.next_after(place, '480p') == place
    pages.says('b', None)
    assert places.next_after(place, 'source') == place
    assert places.preferred('source') is None
    with pytest.raises(SourceError, match=r'a/m .*; .*b/m'):
        places.find()


def test_variants_that_fail_together_look_at_a_master_once() -> None:
    pages = Pages(a=master('v'))
    places = pages.places()
    for _ in range(5):
        places.look_up(0)
    assert pages.asked == 1
    pages.now += 2 * FRESH_SECONDS
    places.look_up(0)
    assert pages.asked == 2
