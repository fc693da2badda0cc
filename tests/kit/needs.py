"""What a test needs and a machine may lack: named where it is missing, and an error with REQUIRE_ALL=1."""

import importlib.util
import os
import shutil

import pytest

from tests.kit.process import BIN


def requires_all() -> bool:
    """Whether nothing may be left out."""
    return os.environ.get('REQUIRE_ALL') == '1'


def need(program: str) -> None:
    """The program, from our environment or from the system."""
    if not (BIN / program).exists():
        need_that(shutil.which(program), program)


def need_that(condition: object, what: str) -> None:
    """Goes on if the condition holds; else the test is not run, for the lack of `what`."""
    if condition:
        return
    if requires_all():
        pytest.fail(f'REQUIRE_ALL=1, and there is no {what}')
    pytest.skip(f'not run: there is no {what}')


def need_module(name: str) -> None:
    """The package, in our environment."""
    need_that(importlib.util.find_spec(name), name)


def need_time() -> None:
    """What takes a while runs with REQUIRE_ALL=1 alone, so that the others are over in five minutes."""
    if not requires_all():
        pytest.skip('not run: it takes a while, and runs with REQUIRE_ALL=1')
