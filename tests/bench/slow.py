"""Slow players: each asks for one segment after the other, and reads no faster than a given rate.

`python -m tests.bench.slow URL PATHS`. PATHS is a file with a path a line. Once every player has its first
bytes it prints `N attached`, and then about every second how much a player reads: `N bytes a second`.
"""

import socket
import time
from pathlib import Path

import click

from tests.bench.load import Connection, addressed

TURN_SECONDS, TURNS = 0.1, 10
ETHERNET_BYTES = 1460
RECEIVED_BYTES = 32 * 1024
"""What the system holds of an answer. Over loopback it would take whole segments at once otherwise, at both
ends, and the server would be done before the player has begun to read."""


def far_away(address: tuple[str, int]) -> socket.socket:
    """A connection that takes no more at once than one over a network does."""
    opened = socket.socket()
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, ETHERNET_BYTES)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
    opened.connect(address)
    return opened


def take_turn(players: list[Connection], started: float) -> None:
    """Lets each read its share, one after the other, spread over the time that a turn takes."""
    for number, player in enumerate(players):
        due = started + TURN_SECONDS * number / len(players)
        time.sleep(max(0.0, due - time.monotonic()))
        if player.read() is not None:
            player.ask()


@click.command()
@click.argument('url')
@click.argument('paths', type=click.Path(path_type=Path))
@click.option('--players', 'count', default=100)
@click.option('--rate', default=50_000, help='Bytes a second, of each player.')
def main(url: str, paths: Path, count: int, rate: int) -> None:
    """Play from the server at URL until the end of this process."""
    address, requests = addressed(url, paths)
    players = [Connection(far_away(address), requests, round(rate * TURN_SECONDS)) for _ in range(count)]
    while not all(player.received_bytes for player in players):
        take_turn(players, time.monotonic())
    click.echo(f'{count} attached')
    begun = due = time.monotonic()
    while True:
        before = sum(player.received_bytes for player in players)
        for _ in range(TURNS):
            take_turn(players, due)
            due += TURN_SECONDS
        read, now = sum(player.received_bytes for player in players) - before, time.monotonic()
        click.echo(f'{read / (now - begun) / count:.0f} bytes a second')
        begun = now


if __name__ == '__main__':
    main()
