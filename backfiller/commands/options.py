"""The options that several commands take."""

from collections.abc import Callable
from typing import Any

import click

from common import cli
from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror
from common.settings.node import Node

NOT_SCOPE = tuple(
    name for name in Backfiller.__dataclass_fields__ if name not in ('streams', 'variants', 'since')
)


NOT_BUCKET = tuple(
    name for name in Mirror.__dataclass_fields__ if name not in ('bucket', 'endpoint_url', 's3_checksums')
)


def takes_scope_and_bucket(*leaving_out: str) -> Callable[[Any], Any]:
    return cli.takes(Node, Backfiller, Mirror, leaving_out=('name', 'capture', *NOT_SCOPE, *leaving_out))


takes_bucket = cli.takes(Node, Mirror, leaving_out=('store', 'node_id', 'name', 'capture', *NOT_BUCKET))
takes_once = click.option('--once', 'to_the_end', is_flag=True, help='Do what can be done now, then exit.')
