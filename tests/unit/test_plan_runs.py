"""Plans run to their end by peers that fail, leave and fall silent, in any order: what can arrive does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from backfiller.plan import FIRST_GUESS_BYTES, PATIENCE_SECONDS, Plan
from backfiller.sync import Known
from common.segment import Hour, Segment
from tests.kit.build import piece, run_of, tombstone_of
from tests.kit.plans import alike_of, is_empty, offer, segments_of

PEERS = 'abcde'
LANES = 2
MOST_STEPS = 2000
ALL = [
    *segments_of(run_of(6)),
    alike_of(1)[1][0],  # a twin of the first
    *(piece(f'2026-11-14T03:{n}0:00', body=b'black').segment for n in range(1, 4)),
    tombstone_of(piece('2026-11-14T03:50:00')),
    *segments_of(run_of(4, '2026-11-14T04:00:00')),
]

some = st.frozensets(st.sampled_from(ALL))
peers = st.frozensets(st.sampled_from(PEERS), max_size=2)
holdings = st.dictionaries(st.sampled_from(PEERS), some, min_size=1)
failures = st.dictionaries(st.sampled_from(PEERS), some)


@dataclass
class Run:
    """Peers that ask a plan for work and do it, each in two lanes, as fate has it."""

    holdings: Mapping[str, frozenset[Segment]]
    failures: Mapping[str, frozenset[Segment]]
    silent: frozenset[str]
    fate: Random
    plan: Plan = field(default_factory=Plan)
    now: float = 0.0
    present: list[str] = field(default_factory=list)
    shares: dict[str, list[list[Segment]]] = field(default_factory=dict)
    asked: set[tuple[str, Segment]] = field(default_factory=set)
    held: list[Segment] = field(default_factory=list)

    def begin(self) -> None:
        for peer, segments in self.holdings.items():
            self.present.append(peer)
            self.shares[peer] = []
            offer(self.plan, peer, sorted(segments, key=lambda each: each.path))

    def to_the_end(self, leaving: Iterable[str]) -> None:
        """Until nobody has anything to do; those who leave do so at some time."""
        leaves = {self.fate.randrange(30): peer for peer in leaving}
        for step in range(MOST_STEPS):
            if step in leaves:
                self.leave(leaves[step])
            busy = [peer for peer in self.present if self.plan.outstanding(peer)]
            if not busy:
                return
            peer = self.fate.choice(busy)
            if not self.act(peer) and not any(map(self.act, self.fate.sample(busy, len(busy)))):
                self.wait()
        raise AssertionError('there is no end to it')

    def act(self, peer: str) -> bool:
        """The peer takes another share, or does a part of one; False if there is nothing that it can do."""
        shares = self.shares[peer]
        if len(shares) < LANES and (share := self.taken(peer)):
            shares.append(share)
            return True
        if not shares or peer in self.silent:
            return False
        share = self.fate.choice(shares)
        self.bring(peer, share.pop(0), share)
        if not share or self.fate.random() < 0.1:
            self.plan.give_back(peer, share)
            self.asked -= {(peer, each) for each in share}
            shares.remove(share)
        return True

    def wait(self) -> None:
        """Time passes; and if that has helped nobody, a silent peer's request comes to its deadline."""
        self.now += PATIENCE_SECONDS + 1
        helped = any(map(self.act, self.present))
        if not helped and any(map(self.plan.outstanding, self.present)):
            self.leave(next(peer for peer in self.present if peer in self.silent and self.shares[peer]))

    def leave(self, peer: str) -> None:
        if peer in self.present:
            self.present.remove(peer)
            self.plan.leave(peer)
            for share in self.shares.pop(peer):
                self.plan.give_back(peer, share)

    def taken(self, peer: str) -> list[Segment]:
        budget = self.fate.choice([0, 2, 5, 100]) * FIRST_GUESS_BYTES
        before = self.under_way()
        if share := self.plan.take(peer, self.now, budget):
            assert not {each.hash for each in share} & {each.hash for each in before}
        elif share := self.plan.take_late(peer, self.now):
            for each in share:
                others = [one for one in self.shares if each.hash in self.hashes_at(one)]
                assert others
                assert peer not in others
        self.check(peer, share)
        return list(share)

    def hashes_at(self, peer: str) -> set[str]:
        return {each.hash for share in self.shares[peer] for each in share}

    def under_way(self) -> list[Segment]:
        """What anybody fetches and is still needed."""
        shares = [share for each in self.shares.values() for share in each]
        return [each for share in shares for each in share if each not in self.held]

    def check(self, peer: str, share: list[Segment]) -> None:
        """It is of one hour, the peer has it, we lack it, and it was not asked of that peer before."""
        assert len({each.hour for each in share}) <= 1
        assert len({each.hash for each in share}) == len(share)
        assert set(share) <= self.holdings[peer]
        assert all(self.lacks(each) for each in share)
        assert not {(peer, each) for each in share} & self.asked
        self.asked |= {(peer, each) for each in share}

    def bring(self, peer: str, segment: Segment, share: list[Segment]) -> None:
        if segment in self.failures.get(peer, ()):
            self.plan.failed(peer, segment)
        elif self.plan.held(peer, segment, FIRST_GUESS_BYTES).needed:
            assert segment not in self.held
            self.held.append(segment)

    def lacks(self, segment: Segment) -> bool:
        """As a listing of what was held would say."""
        names = {each.name for each in self.held if each.hour == segment.hour}
        return Known(segment.hour, names, skip_twins=True).lacks(segment)

    def obtainable(self, without: Iterable[str] = ()) -> set[Segment]:
        found = {peer: self.holdings[peer] - self.failures.get(peer, set()) for peer in self.holdings}
        return {each for peer in found.keys() - set(without) for each in found[peer]}


@given(holdings, failures, peers, peers, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_all_that_a_peer_which_stays_can_bring_arrives(
    held: Mapping[str, frozenset[Segment]],
    failing: Mapping[str, frozenset[Segment]],
    silent: frozenset[str],
    leaving: frozenset[str],
    fate: Random,
) -> None:
    run = Run(held, failing, silent, fate)
    run.begin()
    run.to_the_end(leaving)
    assert not any(map(run.lacks, run.obtainable(without=silent | leaving)))
    assert set(run.held) <= run.obtainable(without=silent)
    for peer in list(run.present):
        run.leave(peer)
    assert is_empty(run.plan)


@given(some, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_peer_that_is_silent_for_ever_keeps_nothing_that_another_has(
    held: frozenset[Segment], fate: Random
) -> None:
    run = Run({'a': held, 'b': held}, {}, frozenset('a'), fate)
    run.begin()
    while run.act('a'):
        pass
    run.to_the_end(())
    assert 'a' in run.present
    assert not any(map(run.lacks, held))
    assert not run.plan.outstanding('b')


@given(st.permutations(ALL), st.integers(1, 5))
def test_hours_come_in_the_order_in_which_they_were_offered(offered: list[Segment], share: int) -> None:
    plan = Plan()
    offer(plan, 'a', offered)
    seen: list[Hour] = []
    while found := plan.take('a', 0, share * FIRST_GUESS_BYTES):
        for each in found:
            plan.held('a', each, FIRST_GUESS_BYTES)
        seen.append(found[0].hour)
    assert list(dict.fromkeys(seen)) == list(dict.fromkeys(each.hour for each in offered))
    assert seen == sorted(seen, key=list(dict.fromkeys(seen)).index)
