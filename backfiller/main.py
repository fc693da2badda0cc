"""The `backfiller` command."""

from gevent import monkey

monkey.patch_all()

import click

from backfiller.commands import capture, derive, migrate, mirror, push, record, run, streams
from common import cli


@click.group(context_settings=cli.CONTEXT)
@cli.VERSION
def backfiller() -> None:
    """Fetch what a store lacks from its peers, mirror it to S3, and capture, derive, push or move streams."""


for command in (
    run.run,
    mirror.mirror,
    mirror.verify,
    mirror.restore,
    record.record,
    streams.streams,
    capture.capture,
    derive.derive,
    push.push,
    migrate.migrate,
):
    backfiller.add_command(command)


def main() -> None:
    cli.run(backfiller)


if __name__ == '__main__':
    main()
