"""`backfiller streams`: what stands in a registry in Redis, for people."""

from pathlib import Path
from typing import Any

import click

from backfiller.streams import opening
from backfiller.streams.stream import KEYS, Stream
from common import cli, config, kinds
from common.errors import UsageError
from common.settings.streams import Streams


def _writer(flags: dict[str, Any]) -> Any:
    settings = cli.effective_settings(flags).section(Streams)
    if not opening.is_redis(settings.url):
        raise UsageError('a file is edited by hand: give --streams redis://HOST')
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
    context.obj = _writer(flags)


@streams.command('list')
@click.pass_obj
def list_streams(writer: Any) -> None:
    """Print every stream: whether it runs, where it is placed, who holds it, and its first source."""
    nodes = writer.nodes()
    for name, stream in writer.streams().items():
        click.echo('  '.join([name, *_told(stream, writer, nodes)]))
    click.echo(f'nodes: {", ".join(nodes) or "none"}')


@streams.command('set')
@click.argument('name')
@click.argument('fields', metavar='KEY=VALUE...', nargs=-1, required=True)
@click.pass_obj
def set_stream(writer: Any, name: str, fields: tuple[str, ...]) -> None:
    """Add a stream, or change some of it; lists and tables are JSON, KEY= takes KEY out.

    \b
    backfiller streams set bus url=https://origin/master.m3u8 'placement={"replicas": 2}'
    """
    config.read(kinds.LABEL, name, 'NAME')
    pairs = [field.partition('=') for field in fields]
    for key, equals, _ in pairs:
        if not equals or key not in KEYS:
            raise UsageError(f'{key} is no KEY=VALUE: the keys are {", ".join(KEYS)}')
    writer.change(name, {key: value for key, _, value in pairs})


@streams.command()
@click.argument('name')
@click.pass_obj
def remove(writer: Any, name: str) -> None:
    """Take a stream out. What was recorded of it stays."""
    writer.remove(name)


@streams.command()
@click.argument('file', type=click.Path(path_type=Path))
@click.pass_obj
def load(writer: Any, file: Path) -> None:
    """Write the streams of a file; those that it does not name stay as they are."""
    from backfiller.streams.file import read_tables

    tables = read_tables(file)
    writer.put(tables)
    click.echo(f'{len(tables)} streams written')


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
