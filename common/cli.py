"""How our commands read their settings and end: flags made from the sections, exit code 2 on bad usage."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from common import config, kinds
from common.errors import SegmeshError, UsageError
from common.settings.sections import SECTIONS

VERSION = click.version_option(package_name='segmesh', message='segmesh %(version)s')
CONTEXT = {'help_option_names': ['-h', '--help'], 'max_content_width': 110}


def takes(*sections: type, leaving_out: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Gives a command --config and a flag for each option; it is called with the flags as `flags`."""

    def decorate(command: Any) -> Any:
        for section in reversed(sections):
            for each in reversed(list(config.options(section))):
                if each.name not in leaving_out:
                    command = _flag(each)(command)
        return click.option(
            '--config', type=click.Path(path_type=Path), help='A TOML file; see `segmesh config --sample`.'
        )(command)

    return decorate


def effective_settings(flags: dict[str, Any]) -> config.Settings:
    """The settings that the flags of `takes`, the environment and the file give; raises UsageError."""
    file = flags.get('config') or os.environ.get('SEGMESH_CONFIG')
    return config.Settings(
        flags=flags, environ=os.environ, file=Path(file) if file else None, sections=SECTIONS
    )


def run(group: click.Command) -> None:
    """Runs a console script. An error of ours is one line; bad usage exits with 2, all else with 1."""
    try:
        group.main(standalone_mode=True)
    except SegmeshError as error:
        click.echo(f'error: {error}', err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


def _flag(each: Any) -> Callable[[Any], Any]:
    kind = each.metadata['kind']
    default = '' if each.default in ((), '', None) else config.toml_value(each.default).strip('"')
    note = f'[{"default: " + default + "; " if default else ""}env: {config.env_of(each)}]'
    if kind.many:
        note = f'May be given several times; separated by spaces in the environment.  {note}'
    alone: dict[str, Any] = {'is_flag': False, 'flag_value': 'true'} if kind is kinds.SWITCH else {}
    return click.option(
        config.flag_of(each),
        each.name,
        metavar=kind.metavar,
        multiple=kind.many,
        **alone,
        help=f'{each.metadata["help"]}  {note}',
    )
