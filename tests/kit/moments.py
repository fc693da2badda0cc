"""Random moments, from a seed that the tests print and that can be given again."""

import os
import random

SEED = int(os.environ.get('SEGMESH_SEED', '0')) or random.SystemRandom().randrange(1, 1 << 31)
KILLS = int(os.environ.get('SEGMESH_KILLS', '2'))


def moments(what: str, before: int) -> list[int]:
    """KILLS numbers from 0 to less than `before`, of which none is twice while there are enough."""
    print(f'{what}: SEGMESH_SEED={SEED} SEGMESH_KILLS={KILLS}')  # noqa: T201 (pytest shows it on failure)
    chosen = random.Random(f'{SEED} {what}')
    return chosen.sample(range(before), min(KILLS, before))
