"""Doing so much at once and no more, and reading so much of a body and no more."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.exceptions import ServiceUnavailable

from restreamer.admission.limits import RETRY_SECONDS, Gate, body


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)

    @app.post('/')
    def length() -> str:
        return str(len(body(5, 'five at most')))

    return app.test_client()


def test_one_more_than_is_let_in_is_told_when_to_come_again() -> None:
    gate = Gate(2, 'cuts')
    with gate, gate:
        with pytest.raises(ServiceUnavailable, match='2 cuts are being answered') as caught, gate:
            pytest.fail('it was let in')
        assert dict(caught.value.get_headers())['Retry-After'] == str(RETRY_SECONDS)
        with pytest.raises(ServiceUnavailable):
            gate.check()
    gate.check()


def test_a_place_is_free_again_after_an_error_and_after_an_answer_that_broke_off() -> None:
    gate = Gate(1)

    def streamed() -> Iterator[bytes]:
        with gate:
            yield b'a'
            yield b'b'

    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    answer: Any = streamed()
    next(answer)
    with pytest.raises(ServiceUnavailable):
        gate.check()
    answer.close()
    gate.check()


@pytest.mark.parametrize(('sent', 'status'), [(b'', 200), (b'12345', 200), (b'123456', 413)])
def test_a_body_has_an_end(client: FlaskClient, sent: bytes, status: int) -> None:
    answer: Response = client.post('/', data=sent)
    assert answer.status_code == status
    assert ('five at most' in answer.text) is (status == 413)


def test_one_that_says_nothing_of_its_length_has_one_too(client: FlaskClient) -> None:
    class Endless:
        def read(self, count: int) -> bytes:
            assert 0 <= count <= 6
            return b'x' * count

    environ: dict[str, Any] = {'wsgi.input': Endless(), 'wsgi.input_terminated': True}
    assert client.post('/', environ_overrides=environ).status_code == 413
