"""Jobs in a thread with a hub of its own: what they emit, how they end, and that ending them works."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import Event
from gevent.monkey import get_original

from backfiller.worker import Emit, Worker
from common.errors import SourceError
from common.http.deadline import DeadlineError, deadline
from tests.kit.process import eventually

pytestmark = pytest.mark.usefixtures('our_errors_are_told')

thread_id: Callable[[], int] = get_original('_thread', 'get_ident')
A_LONG_TIME = 10.0


@pytest.fixture(scope='module')
def worker() -> Worker[object]:
    return Worker()


class Endless:
    """A job that says something, and then waits until it is ended."""

    def __init__(self, *said: object) -> None:
        self.said = said
        self.began = False
        self.ended_in: list[int] = []

    def __call__(self, emit: Emit[object]) -> None:
        self.began = True
        try:
            for item in self.said:
                emit(item)
            gevent.sleep(A_LONG_TIME)
            self.ended_in.append(0)
        finally:
            self.ended_in.append(thread_id())


class Running:
    """A job on its way in a worker, and what was told of it."""

    def __init__(self, worker: Worker[object], job: Callable[[Emit[object]], None]) -> None:
        self.told: list[object] = []
        self.job = worker.job(job)
        self.greenlet = gevent.spawn(worker.run, self.job, self.told.append)

    def until_told(self, *said: object) -> None:
        eventually(lambda: self.told == list(said))

    def end(self) -> list[object]:
        """All that was told, when the job is over; raises what it raised."""
        self.greenlet.get()
        return self.told


def told_of(worker: Worker[object], job: Callable[[Emit[object]], None]) -> list[object]:
    told: list[object] = []
    worker.run(worker.job(job), told.append)
    return told


def thread_of(worker: Worker[object]) -> object:
    (found,) = told_of(worker, lambda emit: emit(thread_id()))
    return found


@contextmanager
def running(worker: Worker[object], job: Callable[[Emit[object]], None]) -> Iterator[Running]:
    """Killed at the end of the block at the latest."""
    found = Running(worker, job)
    try:
        yield found
    finally:
        found.greenlet.kill()


@pytest.mark.parametrize('pause', [lambda: None, lambda: gevent.sleep(0)])
def test_what_a_job_emits_comes_in_order(worker: Worker[object], pause: Callable[[], None]) -> None:
    def job(emit: Emit[object]) -> None:
        for number in range(1000):
            emit(number)
            pause()

    assert told_of(worker, job) == list(range(1000))


def test_a_job_that_emits_nothing_just_ends(worker: Worker[object]) -> None:
    assert told_of(worker, lambda _: None) == []


def test_other_greenlets_run_while_a_job_does(worker: Worker[object]) -> None:
    here = Event()

    def job(emit: Emit[object]) -> None:
        emit('begun')
        with deadline(A_LONG_TIME, 'the other greenlet'):
            while not here.is_set():
                gevent.sleep(0.001)
        emit('heard')

    found = Running(worker, job)
    found.until_told('begun')
    gevent.spawn(here.set)
    assert found.end() == ['begun', 'heard']


def test_an_error_comes_after_what_was_emitted_before_it(worker: Worker[object]) -> None:
    def job(emit: Emit[object]) -> None:
        emit('before')
        raise SourceError('gone')

    found = Running(worker, job)
    with pytest.raises(SourceError, match='gone'):
        found.end()
    assert found.told == ['before']


def test_all_jobs_run_in_one_thread_that_is_not_ours(worker: Worker[object]) -> None:
    def fails(emit: Emit[object]) -> None:
        raise SourceError('gone')

    first = thread_of(worker)
    with pytest.raises(SourceError):
        told_of(worker, fails)
    assert thread_of(worker) == thread_of(worker) == first != thread_id()
    assert thread_of(Worker()) != first


def test_killing_who_iterates_ends_the_job(worker: Worker[object]) -> None:
    job = Endless()
    with running(worker, job) as found:
        eventually(lambda: job.began)
        found.greenlet.kill()
    assert job.ended_in == [thread_of(worker)]


@pytest.mark.parametrize('switches', [0, 1, 3])
def test_a_job_that_has_hardly_begun_can_be_ended(switches: int) -> None:
    worker: Worker[object] = Worker()
    job = Endless()
    with running(worker, job) as found:
        for _ in range(switches):
            gevent.sleep(0)
        found.greenlet.kill()
    assert job.began == bool(job.ended_in)
    assert thread_of(worker) in (job.ended_in or [thread_of(worker)])
    assert 0 not in job.ended_in


def test_ending_a_job_leaves_those_beside_it(worker: Worker[object]) -> None:
    job, beside = Endless('a', 'b'), Endless('c')
    found = Running(worker, job)
    with running(worker, beside) as other:
        other.until_told('c')
        found.until_told('a', 'b')
        found.job.end()
        assert found.end() == ['a', 'b']
        assert not beside.ended_in
    assert job.ended_in == beside.ended_in == [thread_of(worker)]


def test_what_a_job_emits_while_it_is_ended_comes_too(worker: Worker[object]) -> None:
    def job(emit: Emit[object]) -> None:
        try:
            emit('begun')
            gevent.sleep(A_LONG_TIME)
        finally:
            emit('last')

    found = Running(worker, job)
    found.until_told('begun')
    found.job.end()
    assert found.end() == ['begun', 'last']


def test_a_job_that_is_over_can_be_ended_again(worker: Worker[object]) -> None:
    job = worker.job(lambda emit: emit('done'))
    told: list[object] = []
    worker.run(job, told.append)
    job.end()
    assert told + told_of(worker, lambda emit: emit('still here')) == ['done', 'still here']


def test_a_thread_hangs_from_when_a_job_does_not_end_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('backfiller.worker.STOP_SECONDS', 0.01)
    worker: Worker[object] = Worker()
    lock = get_original('threading', 'Lock')()
    lock.acquire()
    job = worker.job(lambda emit: (emit('begun'), lock.acquire())[0])
    told: list[object] = []
    greenlet = gevent.spawn(worker.run, job, told.append)
    eventually(lambda: told)
    assert not worker.hangs()
    greenlet.kill()
    assert worker.hangs()
    lock.release()
    eventually(lambda: not worker.hangs())


def test_deadlines_go_off_inside(worker: Worker[object]) -> None:
    def job(emit: Emit[object]) -> None:
        try:
            with deadline(0.01, 'the peer'):
                gevent.sleep(A_LONG_TIME)
        except DeadlineError as error:
            emit(str(error))

    (said,) = told_of(worker, job)
    assert 'the peer gave no whole answer' in str(said)


def test_many_workers_work_side_by_side() -> None:
    jobs = [Endless(number) for number in range(8)]
    found = [Running(Worker(), job) for job in jobs]
    for number, each in enumerate(found):
        each.until_told(number)
        each.greenlet.kill()
    assert len({tuple(job.ended_in) for job in jobs}) == 8
