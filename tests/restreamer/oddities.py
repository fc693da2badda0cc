"""Queries and headers that nobody honest sends, for any route of a restreamer."""

RANGE = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:10Z'

_TIMES = (
    '', 'x', '1', 'now', 'nan', '2026-02-30', '9999-99-99', '0000-00-00', '0001-01-01',
    '9999-12-31T23:59:59Z', '2026-11-14T23:59:60Z', '2026-11-14T03:00:00%2B23:59', '2025-10-10',
    '2026-11-14T03:00:00.123456789012Z',
    '%00', '%ff', '%0d%0aX-Evil:%20yes', '%F0%9F%98%80', '%D9%A2%D9%A0%D9%A2%D9%A6-11-14', '..%2f..',
    '9' * 4000,
)  # fmt: skip
_FLAGS = ('', 'TRUE', '1', 'allow%00', '%3Cscript%3E', '..', 'refuse&holes=allow', 'true&own=maybe')

QUERIES = (
    *(f'{name}={text}' for name in ('start', 'end') for text in _TIMES),
    *(f'{RANGE}&{name}={text}' for name in ('own', 'holes', 'where') for text in _FLAGS),
    *(f'{RANGE}&{name}={text}' for name in ('stream', 'variant', 'hour', 'seconds') for text in _TIMES),
    f'{RANGE}&{RANGE}', f'start=x&{RANGE}', f'{RANGE}&start=x', 'start', '&&&==&=&', '%', '%zz=%zz', '?', '#',
    'start=2026-11-14T03:00:10Z&end=2026-11-14T03:00:10Z',
    'start=2026-11-14T04:00:00Z&end=2026-11-14T03:00:00Z',
    'start=2025-10-10T00:00:00Z&end=2026-11-14T00:00:00Z', 'start=0002-01-01&end=0002-01-02',
    'start=9998-12-31T23:59:59Z&end=9998-12-31T23:59:59.5Z', '&'.join(f'x{each}=1' for each in range(900)),
    'token=read', 'access_token=read', 'expires=1&signature=x', f'expires={"9" * 4000}&signature=%ff',
)  # fmt: skip

_RANGES = (
    '0-0,1-1,2-2', '0-1,0-1', '0-,' * 5000, '5-2', '-0', f'{"9" * 30}-', f'0-{"9" * 30}', f'-{"9" * 30}',
    'abc', '\xd9\xa1-\xd9\xa2', '',
)  # fmt: skip

HEADERS = (
    *({'Range': f'bytes={each}'} for each in _RANGES),
    {'Range': 'lines=1-2'},
    {'Range': 'bytes'},
    {'If-Range': '"x"', 'Range': 'bytes=0-1'},
    {'If-Match': '"x"'},
    *({'If-None-Match': each} for each in ('*', '"x"', f'W/"{"x" * 5000}"', '\xff', '",' * 5000)),
    {'If-Modified-Since': 'Mon, 99 Foo 9999 99:99:99 GMT'},
    {'If-Unmodified-Since': 'yesterday'},
    *({'Accept-Encoding': each} for each in ('gzip', 'gzip;q=0', 'gzip;q=x,*;q=-1', 'br, zstd, \xff')),
    *({'Authorization': each} for each in ('Bearer', 'Bearer \xff', 'Basic \xff', 'Digest x', 'x' * 8000)),
    *({'Host': each} for each in ('', '\xff', '[::1', 'a/../b')),
    {'Cookie': 'a=b;;=\xff'},
    {'X-Forwarded-For': '\xff', 'X-Forwarded-Host': '\xff', 'X-Forwarded-Prefix': '/..'},
    {'X-Original-URI': '/segments/../../secret.ts'},
    {'Prefer': 'wait=999999'},
    {'Content-Type': 'multipart/form-data; boundary=x'},
    {'Origin': 'http://[', 'Content-Encoding': 'gzip'},
)
