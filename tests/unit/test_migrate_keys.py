"""URLs become keys that nothing else has, and URIs lead to them."""

import posixpath
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backfiller.migrate.keys import MOST_KEY_BYTES, Keys, leads_to, relative

KEYS = Keys(home='h')
NAMES = st.text(st.characters(exclude_categories=['Cs']), min_size=1, max_size=12)
PLAIN = NAMES.filter(
    lambda each: each not in ('.', '..') and not set(each) & set('/\\') and each.isprintable()
)
PATHS = st.lists(PLAIN, min_size=1, max_size=4).map('/'.join)


def is_marked(key: str) -> bool:
    return '~' in posixpath.basename(key)


@pytest.mark.parametrize(
    ('url', 'key'),
    [
        ('http://h/a/b.m3u8', 'a/b.m3u8'),
        ('https://H:443/a/b.m3u8', 'a/b.m3u8'),
        ('http://h/a/./c/../b%20c.ts', 'a/b c.ts'),
        ('http://h/../../a.ts', 'a.ts'),
        ('http://h/%2e%2e/a.ts', 'a.ts'),
        ('http://h/A.ts', 'A.ts'),
        ('http://h/a.ts?token=x&Expires=1&X-Amz-Signature=2', 'a.ts'),
        ('http://cdn/a.ts', 'cdn/a.ts'),
        ('http://h:8080/a.ts', 'h_8080/a.ts'),
        ('http://[::1]:81/a.ts', '__1_81/a.ts'),
    ],
)
def test_the_path_is_kept(url: str, key: str) -> None:
    assert KEYS.key_of(url) == key


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('http://h/a.ts?id=1', 'http://h/a.ts?id=2'),
        ('http://h/a.ts', 'http://h/a.ts?id=2'),
        ('http://h/a/b.ts', 'http://h/a%2Fb.ts'),
        ('http://h/a/b.ts', 'http://h/a//b.ts'),
        ('http://h/a', 'http://h/a/'),
        ('http://h/a/index', 'http://h/a/'),
        ('http://h/a%00.ts', 'http://h/a%01.ts'),
        ('http://h/a%ff.ts', 'http://h/a%fe.ts'),
        ('http://h/a%E2%80%AE.ts', 'http://h/a_.ts'),
        ('http://h/a.ts', 'http://h/A.ts'),
        ('http://h/a.ts', 'http://i/a.ts'),
        ('http://h/' + 'a' * 300 + '1.ts', 'http://h/' + 'a' * 300 + '2.ts'),
        ('http://h/' + 'a/' * 600 + '1.ts', 'http://h/' + 'a/' * 600 + '2.ts'),
        ('http://h/.migrate/x', 'http://h/_/x'),
    ],
)
def test_other_urls_have_other_keys(one: str, other: str) -> None:
    assert KEYS.key_of(one) != KEYS.key_of(other)


def test_a_name_cannot_pretend_to_have_a_mark() -> None:
    marked = KEYS.key_of('http://h/a.ts?id=1')
    assert is_marked(marked)
    assert KEYS.key_of(f'http://h/{marked}') != marked


def test_a_renewed_token_changes_nothing() -> None:
    one, other = 'http://h/a.ts?id=1&token=x', 'https://h:443/a.ts?token=y&id=1'
    assert KEYS.key_of(one) == KEYS.key_of(other)
    assert KEYS.source_of(one) == 'h/a.ts?id=1'
    mine = Keys(home='h', tokens=['ticket'])
    assert mine.key_of('http://h/a.ts?Ticket=7') == 'a.ts'


@pytest.mark.parametrize(
    ('by_host', 'key'), [('auto', 'one/a.ts'), ('always', 'one/a.ts'), ('never', 'a.ts')]
)
def test_links_on_several_hosts(by_host: str, key: str) -> None:
    keys = Keys.of(['http://one/x.m3u8', 'http://two/x.m3u8'], by_host)
    assert keys.key_of('http://one/a.ts') == key


def test_links_on_one_host_need_not_name_it() -> None:
    assert Keys.of(['http://one/x', 'https://one/y'], 'auto').key_of('http://one/a.ts') == 'a.ts'
    assert Keys.of(['http://one/x', 'https://one/y'], 'always').key_of('http://one/a.ts') == 'one/a.ts'


@pytest.mark.parametrize('url', ['', 'data:,x', 'http://', 'skd://h/x', 'http://[h/x', 'http://h:x/y'])
def test_what_is_no_url_has_no_key(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of urllib's, too)
        KEYS.key_of(url)


@pytest.mark.parametrize(
    ('uri', 'key'),
    [
        ('c.ts', 'a/b/c.ts'),
        ('./x/../c%20d.ts', 'a/b/c d.ts'),
        ('../c.ts', 'a/c.ts'),
        ('../../c.ts', 'c.ts'),
        ('c%2Bd.ts', 'a/b/c+d.ts'),
        ('../../../c.ts', ''),
        ('/c.ts', ''),
        ('//h/c.ts', ''),
        ('http://h/c.ts', ''),
        ('c.ts?x', ''),
        ('c.ts#x', ''),
        ('c+d.ts', ''),
        ('c%2Fd.ts', ''),
        ('', ''),
        ('..', ''),
        ('x/', ''),
        ('c%ff.ts', ''),
        ('http://[', ''),
    ],
)
def test_where_a_uri_leads(uri: str, key: str) -> None:
    assert leads_to('a/b/i.m3u8', uri) == key


@given(PATHS, PATHS)
@example('a/b', ':/x')
@example('x', 'a?b#c"d')
def test_what_is_written_leads_there(playlist: str, key: str) -> None:
    uri = relative(playlist, key)
    assert leads_to(playlist, uri) == key
    assert not set('"\r\n#') & set(uri)
    resolved = urljoin(f'http://bucket/p/{quote(playlist)}', uri)
    assert resolved == f'http://bucket/p/{quote(key)}' or leads_to('x', urlsplit(resolved).path[3:]) == key


@given(PATHS)
def test_a_plain_path_is_its_own_key(path: str) -> None:
    key = KEYS.key_of(f'http://h/{quote(path)}')
    assert key == path or is_marked(key)


@given(st.text(max_size=60))
def test_whatever_a_url_says_its_key_is_fit_for_s3(text: str) -> None:
    try:
        key = KEYS.key_of(f'http://h/{text}')
    except ValueError:
        return
    parts = key.split('/')
    assert not {'', '.', '..', '.migrate', '.probe'} & set(parts)
    assert len(key.encode()) <= MOST_KEY_BYTES
    assert not set(map(chr, range(32))) & set(key)
