"""Every option of a node: one file configures all services, and each has a section there."""

from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror, Retention
from common.settings.node import Node
from common.settings.restreamer import Restreamer
from common.settings.streams import Derive, Streams

SECTIONS = (Node, Restreamer, Backfiller, Streams, Derive, Mirror, Retention)
