"""Reading from a peer that knows batches, or does not, or lies: all that it has comes, in few requests."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from backfiller.ability import PLAIN_REQUESTS, REST_REQUESTS
from backfiller.fetch import Fetcher
from backfiller.stalls import STALLS_ALLOWED
from common import batch
from common.errors import SegmentError, SourceError
from tests.kit.build import Piece, piece, run_of, tombstone_of
from tests.kit.process import peer_at
from tests.kit.scripted import Deed, Exchange, Scripted, in_batches, scripted, tar_of, whenever_bytes

PIECES = run_of(6)
OTHER = piece('2026-11-14T03:59:00')


@pytest.fixture
def peer() -> Iterator[Scripted]:
    with scripted(Scripted(PIECES)) as peer:
        yield peer


@pytest.fixture
def fetcher(peer: Scripted) -> Iterator[Fetcher]:
    fetcher = fetcher_of(peer)
    yield fetcher
    fetcher.close()


def fetcher_of(peer: Scripted, deadline_seconds: float = 10) -> Fetcher:
    return peer_at(peer.url, deadline_seconds=deadline_seconds).fetcher()


def read(fetcher: Fetcher, pieces: Iterable[Piece] = PIECES) -> dict[str, bytes | str]:
    """Each name with its bytes, or why they cannot be had; none comes twice."""
    found: dict[str, bytes | str] = {}
    for segment, chunks in fetcher.read(each.segment for each in pieces):
        assert segment.name not in found
        try:
            found[segment.name] = b''.join(chunks)
        except SegmentError as error:
            found[segment.name] = error.reason
    return found


def bodies_of(pieces: Iterable[Piece] = PIECES) -> dict[str, bytes | str]:
    return {each.name: each.body for each in pieces}


def requests_of(peer: Scripted) -> str:
    """P for each batch asked for and G for each single segment."""
    return ''.join(each.method[0] for each in peer.requests)


def answers(body: bytes, status: int = 200, content_type: str = batch.CONTENT_TYPE) -> Deed:
    """This instead of what was asked for."""

    def deed(exchange: Exchange) -> None:
        exchange.status, exchange.body = status, body
        exchange.headers['Content-Type'] = content_type
        exchange.answer()

    return deed


def cut_to(size: int, *, said: bool) -> Deed:
    """So much of the honest answer, and the end; whether that is `said` to be all or not."""

    def deed(exchange: Exchange) -> None:
        length = str(size if said else len(exchange.body))
        exchange.say(exchange.head(content_length=length), exchange.body[:size])

    return deed


def once(deed: Deed) -> Callable[..., Deed | None]:
    """That deed for the first batch, and honest answers after."""
    deeds = [deed]
    return lambda request: deeds.pop() if request.method == 'POST' and deeds else None


def size_of(pieces: Iterable[Piece]) -> int:
    return sum(batch.member_bytes(each.name, len(each.body)) for each in pieces)


def test_many_segments_come_in_one_batch(peer: Scripted, fetcher: Fetcher) -> None:
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'P'
    assert peer.requests[0].names == tuple(each.name for each in PIECES)


def test_one_segment_is_asked_for_plainly(peer: Scripted, fetcher: Fetcher) -> None:
    assert read(fetcher, PIECES[:1]) == bodies_of(PIECES[:1])
    assert requests_of(peer) == 'G'


def test_tombstones_are_not_asked_for(peer: Scripted, fetcher: Fetcher) -> None:
    tombstones = [Piece(tombstone_of(each), b'') for each in PIECES]
    assert read(fetcher, tombstones) == bodies_of(tombstones)
    assert requests_of(peer) == ''


def test_each_hour_is_a_batch_of_its_own(peer: Scripted, fetcher: Fetcher) -> None:
    later = run_of(3, '2026-11-14T04:00:00')
    peer.pieces = [*PIECES, *later]
    assert list(read(fetcher, [*later, *PIECES])) == [each.name for each in [*later, *PIECES]]
    assert requests_of(peer) == 'PP'


def test_no_batch_asks_for_more_than_a_restreamer_takes(peer: Scripted, fetcher: Fetcher) -> None:
    peer.pieces = run_of(batch.MOST_NAMES + 2, seconds=1)
    assert read(fetcher, peer.pieces) == bodies_of(peer.pieces)
    assert [len(each.names) for each in peer.requests] == [batch.MOST_NAMES, 2]


def test_many_batches_come_over_one_connection(peer: Scripted, fetcher: Fetcher) -> None:
    begun: list[object] = []
    talk = peer.talk
    peer.talk = lambda *args: (begun.append(args), talk(*args))  # type: ignore[method-assign]
    with scripted(peer):
        again = fetcher_of(peer)
        for _ in range(5):
            assert read(again) == bodies_of()
        again.close()
    assert len(begun) == 1


REFUSALS = {
    '404': answers(b'', 404),
    '405': answers(b'', 405),
    '400': answers(b'{"error": "no"}', 400),
    'a page': answers(b'<html>', 200, 'text/html'),
    'an archive of another kind': answers(tar_of(PIECES), 200, 'application/octet-stream'),
}
TROUBLES = {
    '429': answers(b'', 429),
    '500': answers(b'', 500),
    'elsewhere': answers(b'', 302),
    'garbage': answers(b'garbage' * 1000, 200, batch.CONTENT_TYPE),
}


@pytest.mark.parametrize('refusal', REFUSALS)
def test_a_peer_that_knows_no_batches_is_asked_plainly_and_again_after_a_while(
    peer: Scripted, fetcher: Fetcher, refusal: str
) -> None:
    peer.script = in_batches(REFUSALS[refusal])
    for _ in range(PLAIN_REQUESTS + 1):
        assert read(fetcher, PIECES[:2]) == bodies_of(PIECES[:2])
    assert requests_of(peer) == 'P' + 'GG' * (PLAIN_REQUESTS + 1)
    peer.script = lambda _: None
    peer.requests.clear()
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'P'


@pytest.mark.parametrize('trouble', TROUBLES)
def test_a_batch_that_brings_nothing_is_a_short_rest_from_batches(
    peer: Scripted, fetcher: Fetcher, trouble: str
) -> None:
    peer.script = in_batches(TROUBLES[trouble])
    for _ in range(REST_REQUESTS + 2):
        assert read(fetcher, PIECES[:2]) == bodies_of(PIECES[:2])
    assert requests_of(peer) == 'P' + 'GG' * (REST_REQUESTS + 1) + 'P' + 'GG'


def test_what_one_reader_learnt_of_the_peer_all_know(peer: Scripted) -> None:
    peer.batches = False
    one = peer_at(peer.url)
    fetchers = [one.fetcher() for _ in range(3)]
    for each in fetchers:
        assert read(each) == bodies_of()
        each.close()
    assert requests_of(peer) == 'P' + 'G' * 18


@pytest.mark.parametrize('said', [True, False])
@pytest.mark.parametrize('whole', [1, 3, 5])
@pytest.mark.parametrize('more', [0, 100, 512 + 100])
def test_a_batch_that_breaks_off_keeps_what_was_whole_and_the_rest_is_asked_for_in_another(
    peer: Scripted, fetcher: Fetcher, whole: int, more: int, said: bool
) -> None:
    peer.script = once(cut_to(size_of(PIECES[:whole]) + more, said=said))
    assert read(fetcher) == bodies_of()
    rest = PIECES[whole:]
    assert requests_of(peer) == ('PP' if len(rest) > 1 else 'PG')
    assert len(rest) == 1 or peer.requests[1].names == tuple(each.name for each in rest)


def test_a_batch_without_its_end_has_brought_all(peer: Scripted, fetcher: Fetcher) -> None:
    peer.script = once(cut_to(size_of(PIECES), said=True))
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'P'


NOTHING = {
    'no byte': answers(b''),
    'a page that says it is an archive': answers(b'<html>' * 1000),
    'half of the first': cut_to(700, said=False),
    'what nobody asked for': answers(tar_of([OTHER, *PIECES])),
    'silence': lambda _: None,
}


@pytest.mark.parametrize('case', NOTHING)
def test_when_a_batch_brings_nothing_the_segments_are_asked_for_one_by_one(
    peer: Scripted, fetcher: Fetcher, case: str
) -> None:
    peer.script = in_batches(NOTHING[case])
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'PGGGGGG'


def test_members_may_come_in_any_order(peer: Scripted, fetcher: Fetcher) -> None:
    peer.script = in_batches(answers(tar_of(PIECES[::-1])))
    assert list(read(fetcher)) == [each.name for each in PIECES[::-1]]
    assert requests_of(peer) == 'P'


@pytest.mark.parametrize('lie', [OTHER, PIECES[0]])
def test_what_comes_unasked_or_twice_ends_the_batch(peer: Scripted, fetcher: Fetcher, lie: Piece) -> None:
    peer.script = in_batches(answers(tar_of([*PIECES[:2], lie, *PIECES[2:]])))
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'PPGGGG'


def test_what_a_whole_batch_leaves_out_is_missing_without_a_further_request(
    peer: Scripted, fetcher: Fetcher
) -> None:
    peer.pieces = PIECES[::2]
    assert read(fetcher) == bodies_of(PIECES[::2]) | dict.fromkeys((e.name for e in PIECES[1::2]), 'missing')
    assert requests_of(peer) == 'P'


def test_an_empty_archive_is_an_answer(peer: Scripted, fetcher: Fetcher) -> None:
    peer.pieces = ()
    assert set(read(fetcher).values()) == {'missing'}
    assert requests_of(peer) == 'P'


def test_a_segment_over_the_limit_fails_alone(peer: Scripted) -> None:
    peer.pieces = [*PIECES[:3], piece('2026-11-14T03:30:00', body=bytes(100_000)), *PIECES[3:]]
    limited = Fetcher(
        peer.url, fetcher_of(peer)._client, peer_at(peer.url)._batches, max_segment_bytes=50_000
    )
    assert read(limited, peer.pieces) == bodies_of(PIECES) | {peer.pieces[3].name: 'size'}
    limited.close()


def test_a_peer_that_brings_one_of_each_batch_is_asked_no_more_than_once_for_each(
    peer: Scripted, fetcher: Fetcher
) -> None:
    def one(exchange: Exchange) -> None:
        exchange.body = exchange.body[: batch.member_bytes(PIECES[0].name, len(PIECES[0].body)) + 100]
        exchange.answer()

    peer.script = in_batches(one)
    assert read(fetcher) == bodies_of()
    assert requests_of(peer) == 'PPPPPG'


def test_a_peer_that_does_not_answer_is_given_up_after_a_few_requests(peer: Scripted) -> None:
    peer.script = whenever_bytes(lambda exchange: exchange.connection.recv(1))
    hasty = fetcher_of(peer, deadline_seconds=0.3)
    with pytest.raises(SourceError, match='did not come'):
        read(hasty)
    assert requests_of(peer) == 'PGGGG'
    assert len(peer.requests) == STALLS_ALLOWED
    hasty.close()


def test_a_peer_that_is_slow_to_answer_batches_still_brings_singles(peer: Scripted) -> None:
    peer.script = in_batches(lambda exchange: exchange.connection.recv(1))
    hasty = fetcher_of(peer, deadline_seconds=0.8)
    assert read(hasty) == bodies_of()
    assert requests_of(peer) == 'PGGGGGG'
    hasty.close()


def test_who_stops_reading_in_the_middle_can_go_on_with_something_else(
    peer: Scripted, fetcher: Fetcher
) -> None:
    reading = fetcher.read(each.segment for each in PIECES)
    segment, _ = next(reading)
    assert segment == PIECES[0].segment
    reading.close()  # type: ignore[attr-defined]
    assert read(fetcher) == bodies_of()
