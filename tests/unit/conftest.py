"""What several unit tests need around them."""

from collections.abc import Iterator

import gevent
import pytest

from common.errors import SegmeshError


@pytest.fixture
def our_errors_are_told() -> Iterator[None]:
    """As in the services: greenlets that end with an error of ours leave no traceback on standard error."""
    hub = gevent.get_hub()
    before = hub.NOT_ERROR
    hub.NOT_ERROR = (*before, SegmeshError)
    yield
    hub.NOT_ERROR = before
