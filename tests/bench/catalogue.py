"""All scenarios by name, in the order in which they run."""

from collections.abc import Callable

from tests.bench.bench import Bench, Result
from tests.bench.scenarios.answers import answers, answers_of_a_month
from tests.bench.scenarios.hub_latency import hub_latency
from tests.bench.scenarios.in_sync import in_sync
from tests.bench.scenarios.memory import memory
from tests.bench.scenarios.migrating import migrating
from tests.bench.scenarios.new_segment import new_segment
from tests.bench.scenarios.serving import serving
from tests.bench.scenarios.sizes import sizes
from tests.bench.scenarios.slow_players import slow_players
from tests.bench.scenarios.three_peers import three_peers
from tests.bench.scenarios.transfer import big, small
from tests.bench.scenarios.under_load import under_load
from tests.bench.scenarios.uploading import uploading, uploading_to_swift

SCENARIOS: dict[str, Callable[[Bench], Result]] = {
    'small': small,
    'big': big,
    'three peers': three_peers,
    'uploading': uploading,
    'uploading to swift': uploading_to_swift,
    'migrate': migrating,
    'in sync': in_sync,
    'new segment': new_segment,
    'serving': serving,
    'slow players': slow_players,
    'under load': under_load,
    'hub latency': hub_latency,
    'memory': memory,
    'sizes': sizes,
    'answers': answers,
    'answers of a month': answers_of_a_month,
}
