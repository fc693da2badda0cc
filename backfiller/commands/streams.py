"""`backfiller streams`: what stands in a registry in Redis, for people."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from backfiller.commands.outcome import many
from backfiller.streams import opening
from backfiller.streams.stream import KEYS, Stream
from common import cli, config, kinds
from common.errors import UsageError
from common.settings.streams import Streams

Opened = Callable[[], Any]
"""Opens the registry, and not before it is needed: help needs none."""


def _writer(flags: dict[str, Any]) -> Any:
    settings = cli.effective_settings(flags).section(Streams)
    if not settings.url:
        raise UsageError('there is no registry: give --streams redis://HOST')
    if not opening.is_redis(settings.url):
        raise UsageError(f'{settings.url} is a file, to be edited by hand; or give --streams redis://HOST')
    calls = opening.redis_calls(settings)
    from backfiller.streams.writer import Writer

    return Writer(calls)


@click.group(short_help='Show and change the streams in Redis.')
@cli.takes(Streams, leaving_out=('lease', 'record_control'))
@click.pass_context
def streams(context: click.Context, /, **flags: Any) -> None:
    """Show and change which streams are recorded, where that stands in Redis.

    \b
    backfiller streams --streams redis://redis.internal load streams.toml
    backfiller streams --streams redis://redis.internal set bus state=stop
    """
    context.obj = partial(_writer, flags)


@streams.command('list', short_help='Print every stream, and who records it.')
@click.pass_obj
def list_streams(opened: Opened) -> None:
    """Print every stream: whether it runs, where it is placed, who holds it, and its first source."""
    writer = opened()
    nodes = writer.nodes()
    found = writer.streams()
    for name, stream in found.items():
        click.echo('  '.join([name, *_told(stream, writer, nodes)]))
    if not found:
        click.echo('streams: none')
    click.echo(f'nodes: {", ".join(nodes) or "none"}')


@streams.command('set', short_help='Add a stream, or change some of it.')
@click.argument('name')
@click.argument('fields', metavar='KEY=VALUE...', nargs=-1, required=True)
@click.pass_obj
def set_stream(opened: Opened, name: str, fields: tuple[str, ...]) -> None:
    """Add a stream, or change some of it; lists and tables are JSON, KEY= takes KEY out.

    \b
    backfiller streams set bus url=https://origin/master.m3u8 'placement={"replicas": 2}'
    """
    config.read(kinds.LABEL, name, 'NAME')
    pairs = [field.partition('=') for field in fields]
    for key, equals, _ in pairs:
        if not equals or key not in KEYS:
            raise UsageError(f'{key} is no KEY=VALUE: the keys are {", ".join(KEYS)}')
    opened().change(name, {key: value for key, _, value in pairs})


@streams.command()
@click.argument('name')
@click.pass_obj
def remove(opened: Opened, name: str) -> None:
    """Take a stream out. What was recorded of it stays."""
    opened().remove(name)


@streams.command(short_help='Write the streams of a file.')
@click.argument('file', type=click.Path(path_type=Path))
@click.pass_obj
def load(opened: Opened, file: Path) -> None:
    """Write the streams of a file; those that it does not name stay as they are."""
    from backfiller.streams.file import read_tables

    writer, tables = opened(), read_tables(file)
    writer.put(tables)
    click.echo(f'{many(len(tables), "stream")} written')


def _told(stream: Stream | str, writer: Any, nodes: list[str]) -> list[str]:
    if isinstance(stream, str):
        return ['wrong', stream]
    held = writer.holders(stream) if stream.placement.replicas else filter(stream.placement.names, nodes)
    return [
        'run' if stream.run else 'stop',
        f'on {stream.placement}',
        f'held by {", ".join(held if stream.run else ()) or "nobody"}',
        stream.source,
    ]
