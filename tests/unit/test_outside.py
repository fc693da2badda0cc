"""What strangers name leads to no machine around us, unless somebody allowed it by name."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask, Response, redirect, request
from gevent.pywsgi import WSGIServer

from backfiller import guard
from backfiller.client import Client, FetchError
from backfiller.guard import is_public
from backfiller.outside import new_client

LIMIT_BYTES = 1000
Serve = Callable[..., WSGIServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that answer with the headers they were asked with, or redirect to `to`."""
    with ExitStack() as running:

        def start(host: str = '127.0.0.1', port: int = 0, to: str = '') -> WSGIServer:
            app = Flask(__name__)

            @app.get('/<path:path>')
            def answer(path: str) -> Response:
                server.asked.append(dict(request.headers))
                response = redirect(to) if to and path == 'moved' else Response('here')
                response.set_cookie('session', 'one')
                return response

            server = WSGIServer((host, port), app, log=None)
            server.asked = []
            server.start()
            running.callback(server.stop, 1)
            return server

        yield start


def url(server: WSGIServer, path: str = 'x', host: str = '') -> str:
    return f'http://{host or server.server_host}:{server.server_port}/{path}'


def refused(client: Client, target: str) -> str:
    with pytest.raises(FetchError) as caught:
        client.get(target, limit_bytes=LIMIT_BYTES)
    assert caught.value.reason == 'refused'
    return str(caught.value)


def test_what_is_refused_is_told_with_the_way_to_allow_it(serve: Serve) -> None:
    there = serve()
    client = new_client([], deadline_seconds=5)
    said = 'not public: if it is meant, allow {} by name, with --allow-host or as allow of the stream'
    assert f'127.0.0.1 is {said.format("127.0.0.1")}' in refused(client, url(there))
    assert re.search(
        'localhost is at [0-9.:, ]+, which is not public', refused(client, url(there, host='localhost'))
    )


def test_the_server_that_was_given_may_be_anywhere(serve: Serve) -> None:
    origin = serve()
    client = new_client([url(origin)], deadline_seconds=5)
    assert client.get(url(origin), limit_bytes=LIMIT_BYTES).body == b'here'
    with client.open(url(origin)) as answer:
        buffer = memoryview(bytearray(10))
        assert bytes(buffer[: answer.read(buffer)]) == b'here'


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]'])
def test_other_servers_around_us_are_not_even_connected_to(host: str) -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setblocking(False)
        client = new_client(['http://192.0.2.1/'], deadline_seconds=5)
        told = refused(client, f'http://{host}:{listener.getsockname()[1]}/x')
        assert 'allow' in told
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_redirect_leads_nowhere_else_either(serve: Serve) -> None:
    hidden = serve()
    origin = serve(to=url(hidden))
    client = new_client([url(origin)], deadline_seconds=5)
    assert str(hidden.server_port) in refused(client, url(origin, 'moved'))
    assert not hidden.asked
    for name in ('127.0.0.1', f'127.0.0.1:{hidden.server_port}'):
        admitted = new_client([url(origin)], allow=[name], deadline_seconds=5)
        assert admitted.get(url(origin, 'moved'), limit_bytes=LIMIT_BYTES).url == url(hidden)


def test_a_name_that_answers_otherwise_the_second_time_gains_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = serve('127.0.0.2')
    hidden = serve('127.0.0.1', public.server_port)
    answers = ['127.0.0.2', '127.0.0.1', '127.0.0.1']
    resolve = socket.getaddrinfo

    def rebinding(host: str, *args: object, **kwargs: object) -> object:
        return resolve(answers.pop(0) if host == 'rebinding.test' else host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, 'getaddrinfo', rebinding)
    monkeypatch.setattr(guard, 'is_public', lambda address: address == '127.0.0.2')
    client = new_client([], deadline_seconds=5)
    assert client.get(url(public, host='rebinding.test'), limit_bytes=LIMIT_BYTES).body == b'here'
    client.close()
    refused(client, url(public, host='rebinding.test'))
    assert len(public.asked) == 1
    assert not hidden.asked


def test_secrets_go_to_the_given_server_alone(serve: Serve) -> None:
    other = serve('127.0.0.2')
    origin = serve(to=url(other))
    headers = {'Authorization': 'Bearer secret', 'cookie': 'a=b', 'Referer': 'http://player.test/'}
    client = new_client([url(origin)], allow=['127.0.0.2'], headers=headers, deadline_seconds=5)
    client.get(url(origin, 'moved'), limit_bytes=LIMIT_BYTES)
    assert origin.asked[0]['Authorization'] == 'Bearer secret'
    assert origin.asked[0]['Cookie'] == 'a=b'
    assert other.asked[0]['Referer'] == 'http://player.test/'
    assert not {'Authorization', 'Cookie'} & other.asked[0].keys()


def test_cookies_are_kept(serve: Serve) -> None:
    origin = serve()
    client = new_client([url(origin)], deadline_seconds=5)
    for _ in range(2):
        client.get(url(origin), limit_bytes=LIMIT_BYTES)
    assert [asked.get('Cookie') for asked in origin.asked] == [None, 'session=one']


@pytest.mark.parametrize(
    ('address', 'expected'),
    [
        ('93.184.216.34', True),
        ('2606:2800:220:1::1', True),
        ('64:ff9b::5db8:d822', True),
        ('127.0.0.1', False),
        ('::1', False),
        ('::', False),
        ('0.0.0.0', False),
        ('10.1.2.3', False),
        ('172.16.0.1', False),
        ('192.168.1.1', False),
        ('100.64.0.1', False),
        ('169.254.169.254', False),
        ('fe80::1%eth0', False),
        ('fd00::1', False),
        ('224.0.0.1', False),
        ('ff02::1', False),
        ('::ffff:10.0.0.1', False),
        ('64:ff9b::7f00:1', False),
        ('2002:7f00:1::', False),
        ('::7f00:1', False),
        ('::ffff:0:a00:1', False),
        ('64:ff9b:1::7f00:1', False),
        ('fec0::1', False),
        ('255.255.255.255', False),
    ],
)
def test_addresses_of_the_whole_internet(address: str, expected: bool) -> None:
    assert is_public(address) is expected
