"""The live playlist in a bucket: who writes it when, and what it goes on from."""

from datetime import datetime, timedelta

import pytest

from backfiller.live import layout
from backfiller.live.layout import LARGEST_SKEW, Variant
from backfiller.live.published import TRIES, Published
from common.errors import StoreError
from common.hls.live import LiveWindow
from common.segment import Segment
from tests.kit.build import at, run_of
from tests.kit.objects import Objects
from tests.unit.test_live_window import Player

VARIANT = Variant('bus', 'source')
PATH = 'bus/source/live.m3u8'
SEGMENTS = [each.segment for each in run_of(60)]
NOW = SEGMENTS[-1].end


def on(objects: Objects, now: datetime = NOW) -> Published:
    return Published(objects.bucket, VARIANT, timedelta(minutes=1), lambda: now)


def there(objects: Objects) -> LiveWindow:
    return LiveWindow.read(objects.there[PATH].text, lambda uri: layout.segment_of(VARIANT, uri))


def publish(published: Published, held: list[Segment]) -> None:
    published.publish(published.new_of(held))


@pytest.fixture
def objects() -> Objects:
    return Objects()


def test_it_is_put_with_its_type_and_a_short_cache(objects: Objects) -> None:
    publish(on(objects), SEGMENTS[:3])
    assert objects.there[PATH][1:] == ('application/vnd.apple.mpegurl', 'public, max-age=1')
    assert list(there(objects).segments) == SEGMENTS[:3]


def test_where_nothing_is_new_the_bucket_is_not_asked(objects: Objects) -> None:
    published = on(objects)
    publish(published, SEGMENTS[:3])
    asked = objects.asked
    assert published.new_of(SEGMENTS[:3]) == []
    assert objects.asked == asked


def test_a_node_that_starts_again_goes_on_from_what_it_wrote(objects: Objects) -> None:
    publish(on(objects), SEGMENTS[:5])
    before = there(objects)
    again = on(objects)
    assert again.new_of(SEGMENTS[:7]) == SEGMENTS[5:7]
    publish(again, SEGMENTS[:7])
    assert (there(objects).sequence, there(objects).segments[:5]) == (before.sequence, before.segments)


def test_two_nodes_that_take_turns_make_one_playlist(objects: Objects) -> None:
    one, other, player = on(objects), on(objects), Player()
    for count in range(1, 60):
        publish(other if count % 3 else one, SEGMENTS[:count])
        player.poll(objects.there[PATH].text)
    assert there(objects).segments[-1] == SEGMENTS[58]


def test_who_lost_the_race_goes_on_from_what_won(objects: Objects) -> None:
    one, other, player = on(objects), on(objects), Player()
    publish(one, SEGMENTS[:5])
    player.poll(objects.there[PATH].text)
    objects.before_put = lambda: publish(other, [*SEGMENTS[:5], *SEGMENTS[6:8]])
    publish(one, SEGMENTS[:7])
    player.poll(objects.there[PATH].text)
    assert list(there(objects).segments) == [*SEGMENTS[:5], *SEGMENTS[6:8]]
    publish(one, SEGMENTS[:9])
    assert there(objects).segments[-1] == SEGMENTS[8]


def test_a_playlist_that_others_write_all_the_time_is_left_for_later(objects: Objects) -> None:
    published, count = on(objects), [0]

    def meddle() -> None:
        count[0] += 1
        objects.put_file(PATH, b'%d' % count[0], content_type='', cache_control='')
        objects.before_put = meddle

    objects.before_put = meddle
    with pytest.raises(StoreError, match='others write'):
        publish(published, SEGMENTS[:2])
    assert count[0] == TRIES


def test_a_playlist_that_somebody_set_back_is_brought_forward(objects: Objects) -> None:
    published, player = on(objects), Player()
    publish(published, SEGMENTS[:5])
    old = objects.there[PATH]
    publish(published, SEGMENTS[:9])
    player.poll(objects.there[PATH].text)
    objects.there[PATH] = old
    publish(published, SEGMENTS[:10])
    player.poll(objects.there[PATH].text)
    assert list(there(objects).segments) == SEGMENTS[:10]


@pytest.mark.parametrize('text', ['', 'nonsense', '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nx.ts\n'])
def test_a_playlist_that_is_not_ours_is_written_anew(objects: Objects, text: str) -> None:
    objects.put_file(PATH, text.encode(), content_type='', cache_control='')
    publish(on(objects), SEGMENTS[:5])
    assert list(there(objects).segments) == SEGMENTS[:5]


def test_a_playlist_that_was_deleted_is_there_again_with_its_numbers(objects: Objects) -> None:
    published = on(objects)
    publish(published, SEGMENTS[:5])
    before = there(objects)
    del objects.there[PATH]
    publish(published, SEGMENTS[:6])
    assert there(objects).sequence == before.sequence
    assert list(there(objects).segments) == SEGMENTS[:6]


def test_a_playlist_of_the_future_does_not_hold_up_the_present(objects: Objects) -> None:
    future = [each.segment for each in run_of(3, '2027-01-01T00:00:00')]
    publish(on(objects, at('2027-01-01T00:00:00')), future)
    before = there(objects)
    publish(on(objects), SEGMENTS[:5])
    assert list(there(objects).segments) == SEGMENTS[:5]
    assert there(objects).sequence == before.next_number
    assert future[0].start > NOW + LARGEST_SKEW
