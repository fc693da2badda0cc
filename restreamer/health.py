"""GET /healthz and /readyz: whether the process lives, and whether it can do its work."""

import os
from typing import Any

from flask import Blueprint

from common.disk import Disk
from common.offload import offload
from common.times import iso
from restreamer.context import context

blueprint = Blueprint('health', __name__)


@blueprint.get('/healthz')
def healthz() -> dict[str, Any]:
    """Whether the process lives."""
    return {'alive': True}


@blueprint.get('/readyz')
def readyz() -> tuple[dict[str, Any], int]:
    """Whether the store can be listed. The id is how a node recognises itself among its peers."""
    trouble = offload(_trouble, context().disk)
    answer = {'ready': not trouble, 'id': context().node_id, 'time': iso(context().clock())}
    return (answer | {'reason': trouble}, 503) if trouble else (answer, 200)


def _trouble(disk: Disk) -> str:
    if not disk.root.is_dir():
        return f'the store {disk.root} is not a folder'
    if not os.access(disk.root, os.R_OK | os.X_OK):
        return f'the store {disk.root} cannot be listed'
    return ''
