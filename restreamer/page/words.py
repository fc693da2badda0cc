"""Times, spans and amounts as the page says them."""

from datetime import timedelta

from flask import Blueprint

from common.times import iso, parse_time

_UNITS = ('B', 'kB', 'MB', 'GB', 'TB', 'PB')
_SPANS = ((86400, 'd', 3600, 'h'), (3600, 'h', 60, 'min'), (60, 'min', 1, 's'))


def add_to(blueprint: Blueprint) -> None:
    """Makes the words known to the templates as filters."""
    for word in (age, amount, before, clock, day, exactly, node, number, rate, span, spread):
        blueprint.add_app_template_filter(word)


def number(value: float) -> str:
    """At most three decimals, none that say nothing, and thin spaces between thousands."""
    return f'{value:,.3f}'.rstrip('0').rstrip('.').replace(',', '\u202f')


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    if seconds < 60:
        return f'{number(round(seconds, 1 if seconds >= 0.1 else 3))} s'
    for size, unit, smaller, small_unit in _SPANS:
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f'{whole} {unit} {rest // smaller} {small_unit}' if rest // smaller else f'{whole} {unit}'
    raise AssertionError(seconds)


def amount(size: float) -> str:
    """Bytes in the unit that suits them."""
    exponent = 0
    while size >= 999.5 and exponent < len(_UNITS) - 1:
        size, exponent = size / 1000, exponent + 1
    return f'{size:.3g} {_UNITS[exponent]}'


def rate(bytes_per_second: float) -> str:
    """How fast bytes come."""
    return f'{amount(bytes_per_second)}/s'


def clock(text: str) -> str:
    """The time of day of an ISO 8601 time."""
    return f'{parse_time(text):%H:%M:%S}'


def exactly(text: str) -> str:
    """The time of day, with a fraction only where there is one."""
    time = parse_time(text)
    return clock(text) + (f'.{time.microsecond:06}'.rstrip('0') if time.microsecond else '')


def day(text: str) -> str:
    """The day of an ISO 8601 time."""
    time = parse_time(text)
    return f'{time:%a} {time.day} {time:%b}'


def age(text: str, now: str) -> str:
    """How long ago that was."""
    return span(max(0, round((parse_time(now) - parse_time(text)).total_seconds())))


def before(text: str, seconds: float) -> str:
    """The whole second that is so much earlier."""
    return iso((parse_time(text) - timedelta(seconds=seconds)).replace(microsecond=0))


def node(url: str) -> str:
    """A node's name without what all of them have in common."""
    return url.partition('://')[2].rstrip('/') or url


def spread(states: dict[str, int]) -> list[tuple[str, int]]:
    """The states in which there is something, the commonest first."""
    return sorted(((name, count) for name, count in states.items() if count), key=lambda each: -each[1])
