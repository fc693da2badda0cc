"""The master of the live layout: which variants it names, with which rates, and when it is written."""

from datetime import timedelta

from backfiller.live import layout
from backfiller.live.layout import Variant
from backfiller.live.master import LiveMaster, rounded_up
from backfiller.live.published import Published
from common.hls.master_reader import parse_master
from common.hls.playlist import VariantStream, master
from tests.kit.build import at, run_of
from tests.kit.objects import Objects

NOW = at('2026-11-14T03:01:00')
PATH = 'bus/live.m3u8'


def master_on(objects: Objects) -> LiveMaster:
    return LiveMaster(objects.bucket, 'bus', lambda: NOW)


def rates(objects: Objects) -> dict[str, int]:
    return {each.uri: each.bandwidth for each in parse_master(objects.there[PATH].text, '').variants}


def live_playlist(objects: Objects, variant: str, start: str) -> None:
    segments = [each.segment for each in run_of(3, start, variant=variant)]
    Published(objects.bucket, Variant('bus', variant), timedelta(minutes=1), lambda: NOW).publish(segments)


def test_it_is_written_when_a_variant_comes_or_its_rate_grows_and_not_otherwise() -> None:
    objects = Objects()
    found = master_on(objects)
    for variant, rate in (('source', 599_000), ('source', 580_000), ('180p', 95_001), ('source', 611_000)):
        found.note(variant, rate)
        found.bring_up_to_date()
        found.bring_up_to_date()
    assert objects.order == [PATH] * 3
    assert rates(objects) == {'source/live.m3u8': 620_000, '180p/live.m3u8': 96_000}
    assert objects.there[PATH].cache_control == 'public, max-age=1'


def test_a_variant_of_another_node_stays_for_as_long_as_it_is_live() -> None:
    objects = Objects()
    live_playlist(objects, '480p', '2026-11-14T03:00:00')
    live_playlist(objects, '360p', '2026-11-14T02:00:00')
    theirs = [VariantStream(f'{name}/live.m3u8', 90_000) for name in ('480p', '360p', '240p', 'source')]
    text = master([*theirs, VariantStream('../x/live.m3u8', 5), VariantStream('480p/other.m3u8', 5)])
    objects.put_file(PATH, text.encode(), content_type='', cache_control='')
    found = master_on(objects)
    found.note('source', 50_000)
    found.bring_up_to_date()
    assert rates(objects) == {'480p/live.m3u8': 90_000, 'source/live.m3u8': 90_000}


def test_a_variant_that_went_silent_goes_with_the_next_of_the_others() -> None:
    objects = Objects()
    live_playlist(objects, '480p', '2026-11-14T02:00:00')
    found = master_on(objects)
    found.note('source', 50_000)
    found.note('480p', 40_000)
    found.bring_up_to_date()
    found.drop('480p')
    found.bring_up_to_date()
    assert list(rates(objects)) == ['source/live.m3u8']
    found.drop('source')
    found.bring_up_to_date()
    assert objects.order[-2:] == [PATH, PATH]


def test_a_race_is_won_by_both() -> None:
    objects = Objects()
    live_playlist(objects, '480p', '2026-11-14T03:00:00')
    one, other = master_on(objects), master_on(objects)
    one.note('source', 50_000)
    other.note('480p', 40_000)
    objects.before_put = other.bring_up_to_date
    one.bring_up_to_date()
    assert rates(objects) == {'source/live.m3u8': 50_000, '480p/live.m3u8': 40_000}


def test_rates_are_rounded_up_to_two_digits() -> None:
    assert [rounded_up(rate) for rate in (0, 7, 99, 101, 999, 1_000_001)] == [0, 7, 99, 110, 1000, 1_100_000]


def test_only_uris_laid_out_as_ours_mean_a_variant() -> None:
    uris = ['source/live.m3u8', '../source/live.m3u8', 'a/b/live.m3u8', '.a/live.m3u8', '/live.m3u8', 'x']
    assert [layout.variant_of(uri) for uri in uris] == ['source', '', '', '', '', '']
