"""Requests that nobody honest sends, as bytes."""

from common import wire
from tests.kit.build import HOUR

_BATCH = wire.batch_path(HOUR).encode()
_SEGMENT = b'/segments/bus/source/2026-11-14T03/'
_CHUNKED = b' HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
_TAIL = b' HTTP/1.1\r\nHost: x\r\n\r\n'

NONSENSE = [
    b'\r\n' * 1000,
    b'GET\r\n\r\n',
    b'\x00' * 1000 + b'\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(200),
    b'GET ' + b'/' * 100_000 + _TAIL,
    b'GET /files HTTP/1.1\r\n' + b'X: ' + b'y' * 1_000_000 + b'\r\n\r\n',
    b'GET /files HTTP/1.1\r\n' + b''.join(b'X-%d: y\r\n' % number for number in range(20_000)) + b'\r\n',
    b'GET /files HTTP/1.1\r\nno colon here\r\n\r\n',
    b'GET /files HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n' + b'x' * 2_000_000,
    b'GET /files HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
    b'GET /files HTTP/1.1\r\nContent-Length: 9' + b'9' * 5000 + b'\r\n\r\n',
    b'GET /files HTTP/x.y\r\n\r\n',
    b'GET /files HTTP/1\r\n\r\n',
    b'GET http://[::1 HTTP/1.1\r\n\r\n',
    b'POST ' + _BATCH + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n["a',
    b'POST ' + _BATCH + _CHUNKED + b'not hex\r\n',
    b'POST ' + _BATCH + _CHUNKED + b'5\r\n[',
    b'POST ' + _BATCH + _CHUNKED + b'fffffffffffffff\r\n[',
    b'POST ' + _BATCH + _CHUNKED + b'10000\r\n' + b'[' * 65536 + b'\r\n0\r\n\r\n',
    b'POST /files HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n',
    b'GET ' + _SEGMENT + b'%00' + _TAIL,
    b'GET ' + _SEGMENT + b'..%2f..%2f..%2fetc%2fpasswd' + _TAIL,
    b'GET /files?since=' + b'%ff' * 100 + _TAIL,
    b'GET /playlist/bus/source.m3u8?start=2020-01-01&end=2026-01-01' + _TAIL,
    b'GET ' + _SEGMENT + b'x HTTP/1.1\r\nRange: bytes=' + b'0-1,' * 10_000 + b'\r\n\r\n',
    b'GET /files HTTP/1.1\r\nIf-None-Match: ' + b'"\xff",' * 5000 + b'\r\n\r\n',
    b'GET /files HTTP/1.1\r\nAuthorization: \xff\xfe\r\nPrefer: wait=' + b'9' * 5000 + b'\r\n\r\n',
    b'GET /files HTTP/1.1\r\nHost: \xff\r\nCookie: a=b;;=\r\nAccept-Encoding: ;;q=x,*;q=-1\r\n\r\n',
    b'OPTIONS * HTTP/1.1\r\n\r\n',
    b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    b'GET /files HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
]
