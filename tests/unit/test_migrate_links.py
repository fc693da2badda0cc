"""The list of links: what a line may be, and what becomes of one that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.migrate.links import Link, parse


def test_lines_are_links_once_each_in_their_order() -> None:
    body = b'\xef\xbb\xbf# mine\r\nhttps://a/x.m3u8\r\n\n  http://b:8080/y?z=1#t \nhttps://a/x.m3u8\nhttps://a/x.m3u8#f'
    assert parse(body) == [Link(2, 'https://a/x.m3u8'), Link(4, 'http://b:8080/y?z=1')]


@pytest.mark.parametrize(
    'line',
    [
        'x.m3u8', 'ftp://a/x', 'file:///etc/passwd', 'http://', 'http:///x', 'http://a:99999/x', 'http://a:0/x',
        'http://[::1/x', 'http://a/x y', 'http://a/\x00', 'http://a/\udcff', 'http://u:p@a/x', 'data:,x',
        'http://a/' + 'x' * 5000, 'javascript:alert(1)', 'http://a\\b/x',
    ],
)  # fmt: skip
def test_what_is_no_link_is_told_with_its_line_and_the_others_go_on(line: str) -> None:
    body = f'{line}\nhttp://good/x'.encode('utf-8', 'surrogateescape')
    first, second = parse(body)
    assert (first.line, bool(first.refused), second) == (1, True, Link(2, 'http://good/x'))
    assert first.url.isprintable()


@given(st.binary(max_size=200))
def test_no_list_at_all_breaks_it(body: bytes) -> None:
    for link in parse(body):
        assert link.refused or link.url.startswith(('http://', 'https://'))
        assert link.line >= 1
