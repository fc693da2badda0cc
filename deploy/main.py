"""The `segmesh` command: runs a node, or a whole cluster to look at."""

from gevent import monkey

monkey.patch_all()

import os
import sys
from pathlib import Path
from typing import Any

import click

from common import cli, config, service
from common.errors import UsageError
from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror, Retention
from common.settings.node import Node
from common.settings.sections import SECTIONS
from deploy import node as nodes
from deploy.sign import sign
from deploy.supervisor import Supervisor


@click.group(context_settings=cli.CONTEXT)
@cli.VERSION
def segmesh() -> None:
    """Keep a live recording whole across several capture servers."""


@segmesh.command(short_help='Run a node, supervised.')
@cli.takes(*SECTIONS)
def node(**flags: Any) -> None:
    """Run a node: restreamer and backfiller, supervised, and what records the configured streams.

    One that dies is started again. The exit code is 0 if none ever died, 1 if one did, 2 on bad settings.

    \b
    segmesh node --config node.toml
    """
    settings = cli.effective_settings(flags)
    for section in SECTIONS:
        settings.section(section)
    settings.section(Retention).check(settings.section(Mirror), settings.section(Backfiller))
    service.set_up(settings.section(Node).log_level)
    nodes.check_secrets(settings)
    stop = service.stop_on_signals()
    file = flags['config'] or os.environ.get('SEGMESH_CONFIG')
    env = nodes.environment(flags, Path(file) if file else None)
    sys.exit(Supervisor(nodes.services(settings), env, stop).run())


@segmesh.command('config')
@cli.takes(*SECTIONS)
@click.option('--sample', is_flag=True, help='Print every option, commented, with its default.')
def show_config(sample: bool, **flags: Any) -> None:
    """Print the settings in force, as TOML."""
    if sample:
        click.echo(config.sample(SECTIONS), nl=False)
    else:
        click.echo(config.effective(cli.effective_settings(flags), SECTIONS), nl=False)


@segmesh.command(short_help='Run three nodes on this machine, with live video.')
@click.option(
    '--seconds',
    type=click.FloatRange(min=1),
    envvar='SEGMESH_DEMO_SECONDS',
    help='Stop after this long; exit 0 only if holes were filled and the hour was mirrored and verified.'
    '  [env: SEGMESH_DEMO_SECONDS]',
)
def demo(seconds: float | None) -> None:
    """Run a cluster of three nodes on this machine, with live video and an S3 server.

    Nodes 1 and 2 capture, node 3 only backfills. The capture of node 2 drops out now and then, and its holes
    are filled from node 1. An hour of video is mirrored to S3. Ctrl-C stops everything and leaves nothing.
    """
    service.set_up('warning')
    try:
        from deploy.demo.show import show
    except ImportError as error:
        raise UsageError(
            f"the demo needs {error.name}: in the source folder, pip install '.[demo]'"
        ) from error
    sys.exit(show(seconds, service.stop_on_signals()))


segmesh.add_command(sign)


def main() -> None:
    cli.run(segmesh)


if __name__ == '__main__':
    main()
