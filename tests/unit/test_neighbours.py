"""A neighbour that fails is left alone for a while, and nobody waits to see whether it is back."""

import gevent
import pytest
from gevent.event import Event

from common.errors import SourceError
from common.http.tokens import Token
from restreamer.missing.asking import Asker, Reply
from restreamer.missing.neighbours import AT_ONCE, MOST_ASKING, REST_SECONDS, Beside, Neighbour
from restreamer.recent import Recent


class Scene(Asker):
    """A service that is there or not, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_there = True
        self.waits_for: Event | None = None
        self.asked: list[str] = []
        self.neighbour = Neighbour('http://peer', self, lambda: self.now)

    def ask(self, url: str, **_: object) -> Reply:
        self.asked.append(url)
        if self.waits_for:
            self.waits_for.wait()
        if not self.is_there:
            raise SourceError('it is away')
        return Reply(200, b'')

    def answers(self) -> bool:
        try:
            return self.neighbour.get('/files').status == 200
        except SourceError:
            return False


def test_one_that_fails_is_left_alone_for_a_while() -> None:
    scene = Scene()
    assert scene.neighbour.reachable is None
    assert scene.answers()
    assert scene.neighbour.reachable is True
    scene.is_there = False
    assert not scene.answers()
    assert scene.neighbour.reachable is False
    scene.is_there = True
    scene.now += REST_SECONDS - 1
    assert not scene.answers()
    assert scene.asked == ['http://peer/files'] * 2


def test_when_the_rest_is_over_one_look_is_made_and_nobody_waits_for_it() -> None:
    scene = Scene()
    scene.is_there = False
    assert not scene.answers()
    scene.is_there = True
    scene.now += REST_SECONDS
    assert not scene.answers()
    assert not scene.answers()
    gevent.idle()
    assert scene.asked == ['http://peer/files', 'http://peer/readyz']
    assert scene.answers()


def test_one_that_is_still_away_goes_on_resting() -> None:
    scene = Scene()
    scene.is_there = False
    for _ in range(3):
        assert not scene.answers()
        gevent.idle()
        scene.now += REST_SECONDS / 2
    assert len(scene.asked) == 2


def test_no_more_wait_for_one_than_may() -> None:
    scene = Scene()
    waiting = Event()
    scene.waits_for = waiting
    asking = [gevent.spawn(scene.answers) for _ in range(MOST_ASKING + 5)]
    gevent.idle()
    assert sum(each.ready() for each in asking) == 5
    assert len(scene.asked) == AT_ONCE
    waiting.set()
    gevent.joinall(asking)
    assert sum(bool(each.value) for each in asking) == MOST_ASKING


def test_all_who_ask_at_the_same_time_share_one_look_and_what_it_finds_is_remembered() -> None:
    looks: list[str] = []
    now = [0.0]

    def look(key: str) -> int:
        looks.append(key)
        gevent.sleep(0)
        return len(looks)

    remembered = Recent[str, int](look, 2.0, most=2, monotonic=lambda: now[0])
    together = [gevent.spawn(remembered.get, 'a') for _ in range(5)]
    gevent.joinall(together)
    assert ([each.value for each in together], looks) == ([1] * 5, ['a'])
    now[0] = 1.9
    assert remembered.get('a') == 1
    now[0] = 2.0
    assert remembered.get('a') == 2
    remembered.get('b')
    remembered.get('c')
    assert remembered.get('a') == 5, 'no more than two are remembered'


def test_errors_reach_all_who_asked_and_are_not_remembered(our_errors_are_told: None) -> None:
    looks: list[str] = []

    def look(key: str) -> int:
        looks.append(key)
        raise SourceError('no')

    remembered = Recent[str, int](look, 2.0)
    for _ in range(2):
        with pytest.raises(SourceError):
            remembered.get('a')
    assert looks == ['a', 'a']


@pytest.mark.parametrize(
    'told',
    [{}, {'peers': []}, {'peers': None}, {'peers': 'http://x'}],
)
def test_a_status_of_another_shape_tells_nothing(told: dict[str, object]) -> None:
    assert Beside(told).peers == {}


def test_only_other_nodes_with_an_http_url_are_peers() -> None:
    urls = ['file:///etc/passwd', 'http://user:secret@peer', 'x', 'http://peer', 'http://us', 'http://odd']
    said: dict[str, object] = {url: {'state': 'idle'} for url in urls}
    beside = Beside({'peers': said | {'http://us': {'state': 'ourselves'}, 'http://odd': 'idle'}})
    assert list(beside.peers) == ['http://peer', 'http://odd']


def test_a_peer_is_shown_its_token_and_the_backfiller_is_not() -> None:
    shown = []

    class Seen(Scene):
        def ask(self, url: str, **more: object) -> Reply:
            shown.append((url, more['authorization']))
            return Reply(200, b'')

    Neighbour('http://peer', Seen(), token=Token('a' * 16)).get('/files')
    Neighbour('http://backfiller', Seen()).get('/status')
    assert shown == [('http://peer/files', f'Bearer {"a" * 16}'), ('http://backfiller/status', '')]


def test_what_one_was_asked_is_not_repeated_when_it_is_away() -> None:
    with pytest.raises(
        SourceError, match=r'^http://127\.0\.0\.1:1/backfill cannot be reached: Connection ref'
    ):
        Asker().ask(f'http://127.0.0.1:1/backfill?{"x" * 5000}', limit_bytes=10)
