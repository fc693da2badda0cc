"""Who imports whom, and how large things may grow: held by reading the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    'common': {'backfiller', 'restreamer', 'deploy', 'flask', 'requests', 'boto3', 'botocore'},
    'restreamer': {'backfiller', 'deploy', 'requests', 'boto3'},
    'backfiller': {'restreamer', 'deploy'},
    'deploy': set[str](),
}
SOURCES = sorted(path for package in FORBIDDEN for path in (ROOT / package).rglob('*.py'))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_the_other_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    roots = {name.partition('.')[0] for name in imported(path)}
    assert not roots & FORBIDDEN[package]


def test_the_heart_knows_of_no_clock_thread_or_network() -> None:
    ours = {name for name in imported(ROOT / 'backfiller/sync.py') if name.startswith('common')}
    others = {name.partition('.')[0] for name in imported(ROOT / 'backfiller/sync.py')} - {'common'}
    assert ours == {'common.errors', 'common.place', 'common.segment'}
    assert others == {'collections', 'dataclasses'}


def test_the_plan_knows_of_no_clock_thread_or_network_either() -> None:
    assert set(imported(ROOT / 'backfiller/plan.py')) <= {
        'backfiller.sync',
        'collections.abc',
        'common.segment',
        'contextlib',
        'dataclasses',
        'itertools',
        'typing',
    }


def test_one_place_decides_what_an_unexpected_error_means() -> None:
    broad = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, 'id', '') == 'Exception')
    ]
    assert broad == ['backfiller/loop.py']


def test_there_is_no_code_in_package_files() -> None:
    assert [path for path in SOURCES if path.name == '__init__.py' and path.read_text()] == []


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count('\n') <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 45, node.name
