"""Three nodes, each a restreamer and a backfiller: after an outage all hold the same."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from deploy.demo.cluster import free_port
from tests.kit.build import Piece, files_below, fill, run_of
from tests.kit.process import backfiller, eventually, get, running
from tests.kit.status import counted, full_pass, peer_status

HOUR_OF_SEGMENTS = 1800


@dataclass
class Node:
    """Its store, where it answers, and where it tells of itself while it is on."""

    store: Path
    port: int
    control: str = ''

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @contextmanager
    def on(self, others: list['Node']) -> Iterator[None]:
        """Both its services, for the length of the block."""
        flags = [flag for other in others for flag in ('--peer', other.url)]
        listen = ('--store', self.store, '--listen', f'127.0.0.1:{self.port}')
        with running('restreamer', *listen) as serving:
            serving.wait_for(r' on (http://\S+)')
            with backfiller(self.store, *flags) as (_, self.control):
                yield


def three(folder: Path) -> list[Node]:
    nodes = [Node(folder / name, free_port()) for name in 'ABC']
    for node in nodes:
        node.store.mkdir()
    return nodes


def switched_on(stack: ExitStack, nodes: list[Node], *which: Node) -> None:
    for node in which:
        stack.enter_context(node.on([other for other in nodes if other is not node]))


def served_by(*nodes: Node) -> float:
    return sum(counted(node.url, 'segments_served_total') for node in nodes)


def have_arrived(pieces: list[Piece], *nodes: Node) -> Callable[[], bool]:
    paths = {each.path for each in pieces}
    return lambda: all(held_by(node) == paths for node in nodes)


def held_by(node: Node) -> set[str]:
    """The path of each of its files, less what is hidden."""
    return {str(path.relative_to(node.store)) for path in node.store.glob('[!.]*/*/*/*')}


def pass_everywhere(nodes: list[Node]) -> None:
    for node in nodes:
        requests.post(f'{node.control}/backfill', timeout=10).raise_for_status()


def check_equal(nodes: list[Node], pieces: list[Piece]) -> None:
    """Equal file by file, and by what each serves and says."""
    expected = {each.path: each.body for each in pieces}
    hours = {each.hour for each in pieces}
    for node in nodes:
        assert files_below(node.store) == expected
        for hour in hours:
            names = sorted(each.name for each in pieces if each.hour == hour)
            assert get(f'{node.url}/files/{hour.path}').json() == names


def test_a_node_that_was_off_for_an_hour_gets_each_segment_once_and_half_from_each(tmp_path: Path) -> None:
    pieces = [*run_of(HOUR_OF_SEGMENTS), *run_of(HOUR_OF_SEGMENTS, variant='480p')]
    nodes = a, b, c = three(tmp_path)
    for node in (a, b):
        fill(node.store, pieces)
    with ExitStack() as stack:
        switched_on(stack, nodes, a, b)
        eventually(lambda: full_pass(a.control, b.url) and full_pass(b.control, a.url))
        assert served_by(a, b) == 0
        assert (
            'cannot be reached' in eventually(lambda: peer_status(a.control, c.url)['last_error'])['message']
        )
        switched_on(stack, nodes, c)
        eventually(have_arrived(pieces, c))
        for node in (a, b):
            found = eventually(lambda node=node: full_pass(c.control, node.url))
            assert (found['left'], found['undone']) == (0, {})
            assert 0.3 <= served_by(node) / len(pieces) <= 0.7
        assert served_by(a, b) == len(pieces)
        check_equal(nodes, pieces)


def test_after_a_partition_all_three_are_equal(tmp_path: Path) -> None:
    common = run_of(200)
    only_a = [*run_of(150, '2026-11-14T05:00:00'), *run_of(100, '2026-11-13T05:00:00', stream='tram')]
    only_b = [*run_of(150, '2026-11-14T06:00:00'), *run_of(100, '2026-11-14T05:30:00')]
    nodes = a, b, c = three(tmp_path)
    for node, more in ((a, only_a), (b, only_b), (c, [])):
        fill(node.store, [*common, *more])
    everything = [*common, *only_a, *only_b]
    with ExitStack() as stack:
        switched_on(stack, nodes, *nodes)
        eventually(have_arrived(everything, a, b))
        pass_everywhere(nodes)
        eventually(have_arrived(everything, *nodes))
        lacking = 2 * (len(only_a) + len(only_b))
        assert served_by(*nodes) == lacking
        check_equal(nodes, everything)
