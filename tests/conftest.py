"""Fixtures that all tests share, and what makes a run honest: missing programs are named, leaks fail."""

from gevent import monkey

monkey.patch_all()  # the tests' own process waits as the services do

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gevent
import hypothesis
import pytest

from common.errors import SegmeshError
from tests.kit import s3
from tests.kit.needs import need, need_time, requires_all
from tests.kit.s3_servers import Servers


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'needs(program): run only where the program is installed')
    config.addinivalue_line('markers', 'slow: run with REQUIRE_ALL=1 alone')
    hypothesis.settings.register_profile('quick', max_examples=30)
    if not requires_all():
        hypothesis.settings.load_profile('quick')
    os.environ.update(s3.CREDENTIALS)
    s3.share_descriptions()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """pytest tidies up its folders now, and gevent would close none of them before the end."""
    os.close = monkey.get_original('os', 'close')


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What lacks its program, or is slow, is reported as not run; with REQUIRE_ALL=1 it fails, or runs."""
    if item.get_closest_marker('slow'):
        need_time()
    for marker in item.iter_markers('needs'):
        need(marker.args[0])


@pytest.fixture(scope='session')
def s3_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real S3 servers; what the tests start trusts them."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        servers = Servers(tmp_path_factory.mktemp('s3'), stack)
        environment.setenv('AWS_CA_BUNDLE', str(servers.authority_file))
        yield servers


@pytest.fixture(scope='session')
def s3_url(s3_servers: Servers) -> str:
    """The server that checks most."""
    return s3_servers.url('ministack')


@pytest.fixture
def bucket_url(s3_url: str) -> str:
    return s3.new_bucket(s3_url)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / 'store'


@pytest.fixture
def our_errors_are_told() -> Iterator[None]:
    """As in the services: greenlets that end with an error of ours leave no traceback on standard error."""
    hub = gevent.get_hub()
    before = hub.NOT_ERROR
    hub.NOT_ERROR = (*before, SegmeshError)
    yield
    hub.NOT_ERROR = before
