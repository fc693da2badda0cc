"""How a command that ran to the end says what it left undone."""

import sys
from collections.abc import Sequence

import click

SHOWN_UNDONE = 50


def many(count: int, what: str) -> str:
    return f'{count} {what}' if count == 1 else f'{count} {what}s'


def end_with(undone: Sequence[str]) -> None:
    """Exit code 0 if nothing is left undone, else 1 and a list on standard error."""
    for line in undone[:SHOWN_UNDONE]:
        click.echo(line, err=True)
    if len(undone) > SHOWN_UNDONE:
        click.echo(f'and {len(undone) - SHOWN_UNDONE} more', err=True)
    sys.exit(1 if undone else 0)
