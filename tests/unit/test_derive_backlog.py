"""What is derived next, and what is not any more."""

from datetime import timedelta

from backfiller.derive.backlog import TRIES, Backlog
from backfiller.derive.look import Job
from tests.kit.build import HOUR, run_of

JOBS = [Job(each.segment, '360p') for each in reversed(run_of(6))]
NEWEST, SECOND, THIRD, *_ = JOBS
ALWAYS = HOUR.start


def test_the_newest_goes_first_even_if_it_came_last() -> None:
    backlog = Backlog(10)
    backlog.offer(JOBS[1:3], ALWAYS)
    assert backlog.take() == SECOND
    backlog.offer(JOBS[0:3], ALWAYS)
    assert [backlog.take(), backlog.take(), backlog.take()] == [NEWEST, THIRD, None]
    assert backlog.running == {NEWEST, SECOND, THIRD}


def test_what_is_one_too_many_is_skipped_once() -> None:
    backlog = Backlog(2)
    assert backlog.offer(JOBS, ALWAYS) == JOBS[2:]
    assert backlog.offer(JOBS, ALWAYS) == []
    assert backlog.waiting == JOBS[:2]


def test_what_waited_too_long_is_skipped_once() -> None:
    backlog = Backlog(10)
    backlog.offer(JOBS, ALWAYS)
    since = THIRD.source.start
    assert backlog.offer(JOBS[:3], since) == JOBS[3:]
    assert backlog.offer(JOBS[:3], since) == []


def test_what_came_from_elsewhere_is_not_skipped() -> None:
    backlog = Backlog(10)
    backlog.offer(JOBS, ALWAYS)
    assert backlog.offer([NEWEST], ALWAYS) == []
    assert backlog.waiting == [NEWEST]


def test_what_runs_is_not_offered_again_and_what_is_done_may_be() -> None:
    backlog = Backlog(10)
    backlog.offer([NEWEST], ALWAYS)
    job = backlog.take()
    backlog.offer([NEWEST], ALWAYS)
    assert backlog.waiting == []
    assert job
    backlog.done(job)
    backlog.offer([NEWEST], ALWAYS)
    assert backlog.waiting == [NEWEST]


def test_what_failed_for_good_is_left() -> None:
    backlog = Backlog(10)
    backlog.failed(NEWEST, for_good=True)
    assert backlog.offer([NEWEST], ALWAYS) == []
    assert backlog.waiting == []


def test_what_may_pass_is_tried_so_often() -> None:
    backlog = Backlog(10)
    tried = 0
    while backlog.offer([NEWEST], ALWAYS) == [] and (job := backlog.take()):
        tried += 1
        backlog.failed(job, for_good=False)
        backlog.done(job)
    assert tried == TRIES


def test_what_was_left_is_forgotten_when_it_is_too_old_to_be_offered() -> None:
    backlog = Backlog(10)
    backlog.failed(NEWEST, for_good=True)
    backlog.offer([], NEWEST.source.start + timedelta(seconds=1))
    backlog.offer([NEWEST], ALWAYS)
    assert backlog.waiting == [NEWEST]
