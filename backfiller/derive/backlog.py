"""What is to be derived of one stream: the newest first, and no more of it than there is hope for."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from backfiller.derive.look import Job

TRIES = 3
"""Of what fails for a reason that may pass."""


class Backlog:
    """The jobs that wait and those that run, at most `most` of the former."""

    def __init__(self, most: int) -> None:
        self.waiting: list[Job] = []
        self.running: set[Job] = set()
        self._most = most
        self._tries: Counter[Job] = Counter()
        self._left: set[Job] = set()

    def offer(self, found: Sequence[Job], since: datetime) -> list[Job]:
        """Takes over what is lacking now, the newest first, and returns what is skipped.

        That is what waited and is older than `since` by now, and what is one too many. What waited and is not
        lacking any more came from elsewhere, or its source went.
        """
        wanted = [job for job in found if job not in self.running and job not in self._left]
        too_old = [job for job in self.waiting if job.source.start < since]
        self.waiting, too_many = wanted[: self._most], wanted[self._most :]
        self._left = {job for job in (*self._left, *too_many) if job.source.start >= since}
        self._tries = Counter({job: n for job, n in self._tries.items() if job.source.start >= since})
        return [*too_old, *too_many]

    def take(self) -> Job | None:
        """The newest, which runs from now on until it is `done` or has `failed`."""
        if not self.waiting:
            return None
        job = self.waiting.pop(0)
        self.running.add(job)
        return job

    def done(self, job: Job) -> None:
        self.running.discard(job)

    def failed(self, job: Job, *, for_good: bool) -> None:
        """It is taken again when it is offered again, unless it failed for good, or too often."""
        self._tries[job] += 1
        if for_good or self._tries[job] >= TRIES:
            self._left.add(job)
