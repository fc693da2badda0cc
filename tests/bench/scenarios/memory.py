"""How much memory a backfiller takes with many peers and many hours."""

import shutil

from tests.bench import corpus, ours, servers
from tests.bench.bench import MB, Bench, Figure, Result
from tests.bench.measure import peak_bytes

PEERS, HOURS, NAMES = 20, 10_000, 20


def memory(bench: Bench) -> Result:
    """Twenty peers that hold what we hold."""
    folder, hours = bench.folder / 'memory', bench.scaled(HOURS)
    bench.say(f'making {hours} hours x {NAMES} names, twice')
    for name in ('theirs', 'ours'):
        corpus.make_names(folder / name, hours=hours, names=NAMES)
    try:
        with (
            servers.restreamer(folder / 'theirs') as server,
            servers.proxy(server, addresses=PEERS) as proxy,
            ours.service(folder / 'ours', proxy.urls) as (process, control),
        ):
            passes = ours.wait_for_passes(control, 'full', PEERS)
            again = ours.ask_for_pass(control, PEERS)
            own, theirs = peak_bytes(process.pid) / MB, peak_bytes(server.pid) / MB
    finally:
        shutil.rmtree(folder)
    first = max(each['seconds'] for each in passes)
    return Result(
        name='memory',
        about=f'A service with {PEERS} peers and {hours:,} hours x {NAMES} names, all in sync. The peers '
        f'are one restreamer at {PEERS} addresses.',
        columns=['peers', 'hours', 'backfiller MB', 'restreamer MB', 'first look s', 'next look s'],
        rows=[[f'{PEERS}', f'{hours:,}', own, theirs, first, again]],
        figures=[Figure('peak memory of the backfiller', own, 120, 'MB')],
        raw={'backfiller_mb': own, 'restreamer_mb': theirs, 'first_seconds': first, 'next_seconds': again},
    )
