"""Fixtures that all tests share, and what makes a run honest: missing programs are named, leaks fail."""

from gevent import monkey

monkey.patch_all()  # the tests' own process waits as the services do

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import s3


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'needs(program): run only where the program is installed')
    os.environ.update(s3.CREDENTIALS)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose program is missing is reported as not run; with REQUIRE_ALL=1 it fails."""
    for marker in item.iter_markers('needs'):
        program = marker.args[0]
        if shutil.which(program):
            continue
        if os.environ.get('REQUIRE_ALL') == '1':
            pytest.fail(f'REQUIRE_ALL=1, and {program} is not installed')
        pytest.skip(f'not run: {program} is not installed')


@pytest.fixture(scope='session')
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server."""
    with s3.s3_server(tmp_path_factory.mktemp('s3')) as url:
        yield url


@pytest.fixture
def bucket_url(s3_url: str) -> str:
    return s3.new_bucket(s3_url)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / 'store'
