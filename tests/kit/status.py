"""What a user sees of a running backfiller, on its control port."""

from typing import Any

import requests

from tests.kit.process import eventually, get, metrics


def peer_status(control: str, url: str) -> dict[str, Any]:
    """What /status says of the peer; nothing before it is followed."""
    found: dict[str, Any] = get(f'{control}/status').json()['peers'].get(url, {})
    return found


def last_pass(control: str, url: str) -> dict[str, Any]:
    """The last pass over the peer, empty before there was one."""
    return peer_status(control, url).get('last_pass') or {}


def full_pass(control: str, url: str) -> dict[str, Any]:
    """The last pass over the peer, if it was over all hours."""
    found = last_pass(control, url)
    return found if found.get('kind') == 'full' else {}


def counted(url: str, name: str, **labels: str) -> float:
    """The sum of a counter over all its series that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for series, value in metrics(url).items()
        if series.partition('{')[0] == name and all(label in series for label in wanted)
    )


def ask_for_pass(control: str, url: str, query: str = '') -> dict[str, Any]:
    """Has a pass over each peer done now; the one over this peer, when it is done."""
    before = counted(control, 'passes_total', remote=url)
    requests.post(f'{control}/backfill{query}', timeout=10).raise_for_status()
    eventually(lambda: counted(control, 'passes_total', remote=url) > before)
    return eventually(lambda: _asked(control, url))


def _asked(control: str, url: str) -> dict[str, Any]:
    found = last_pass(control, url)
    return found if found.get('kind') == 'asked' else {}
