"""Who may run ffmpeg, and when: no more than so many, and streams in turns."""

from contextlib import suppress

import gevent
import pytest
from gevent.event import Event

from backfiller.derive.pool import Pool, usual_size


class Queue:
    """Greenlets that wait for room in a pool, and note their names when they have it."""

    def __init__(self, most: int) -> None:
        self.pool = Pool(most)
        self.begun: list[str] = []
        self._go_on = Event()

    def want(self, *streams: str) -> list['gevent.Greenlet[..., None]']:
        found = [gevent.spawn(self._run, stream) for stream in streams]
        gevent.idle()
        return found

    def finish(self) -> None:
        self._go_on.set()
        gevent.idle()

    def _run(self, stream: str) -> None:
        with self.pool.turn(stream):
            self.begun.append(stream)
            self._go_on.wait()


def test_there_is_room_for_so_many() -> None:
    queue = Queue(2)
    wanted = queue.want('a', 'b', 'c')
    assert queue.begun == ['a', 'b']
    assert queue.pool.running == 2
    queue.finish()
    gevent.joinall(wanted)
    assert queue.begun == ['a', 'b', 'c']
    assert queue.pool.running == 0


def test_a_stream_with_much_to_do_does_not_hold_up_another() -> None:
    queue = Queue(1)
    wanted = queue.want('a', 'a', 'a', 'a', 'b', 'c', 'b')
    queue.finish()
    gevent.joinall(wanted)
    assert queue.begun == ['a', 'a', 'b', 'c', 'a', 'b', 'a']


def test_who_is_killed_while_it_waits_leaves_room_to_others() -> None:
    queue = Queue(1)
    first, second, third = queue.want('a', 'b', 'c')
    second.kill()
    queue.finish()
    gevent.joinall([first, third])
    assert queue.begun == ['a', 'c']
    assert queue.pool.running == 0


def test_who_is_killed_at_the_moment_of_its_turn_passes_it_on() -> None:
    queue = Queue(1)
    first, second, third = queue.want('a', 'b', 'c')
    first.kill(block=False)
    second.kill(block=False)
    gevent.idle()
    assert queue.begun == ['a', 'c']
    queue.finish()
    third.get()
    assert queue.pool.running == 0


def test_a_run_that_fails_makes_room() -> None:
    pool = Pool(1)
    with suppress(ValueError), pool.turn('a'):
        raise ValueError
    assert pool.running == 0


@pytest.mark.parametrize(('processors', 'most'), [(1, 1), (2, 1), (8, 7)])
def test_one_processor_is_left_to_all_else(
    processors: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('os.sched_getaffinity', lambda _: set(range(processors)))
    assert Pool().most == usual_size() == most
    assert Pool(3).most == 3
