"""Faults that a test scripts: what goes wrong, at which moment of which call, and how often."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict, Unpack

from gevent import socket
from gevent.event import Event

from tests.kit.strict_s3.answers import Answer, DroppedError, error
from tests.kit.strict_s3.calls import Call, matches
from tests.kit.strict_s3.state import World, flipped

Moment = Literal['unread', 'midway', 'read', 'done', 'answering']
"""Before the body is read, in its middle, when all of it is read and nothing done yet, when all is done
and nothing answered yet, and in the middle of the answer's body."""


@dataclass
class Exchange:
    """A call, what it works on, and the connection it came by; `whole` once its body has been read."""

    world: World
    call: Call
    connection: socket.socket
    whole: bool = False


Deed = Callable[[Exchange], Answer | None]
"""What goes wrong; with an answer it ends the call, without one the call goes on."""


class Which(TypedDict, total=False):
    """Which calls: those of matching keys, without the first `after`, and only so many times."""

    key: str
    times: int | None
    after: int


@dataclass
class Fault:
    """A deed, and the calls that it befalls; `taken` counts how often it has happened."""

    operation: str
    when: Moment
    deed: Deed
    key: str = '*'
    times: int | None = None
    after: int = 0
    taken: int = 0
    _passed: int = 0

    def takes(self, call: Call, when: Moment) -> bool:
        """Whether it happens now; counts."""
        if when != self.when or self.taken == self.times or not matches(call, self.operation, self.key):
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        self.taken += 1
        return True


@dataclass
class Script:
    """The faults, in the order in which they were scripted; of two that end a call the first one has it.

    Operations and keys may have wildcards. Each method returns the fault, for a test to see that it happened.
    """

    faults: list[Fault] = field(default_factory=list)

    def fails(
        self,
        operation: str = '*',
        *,
        status: int = 500,
        code: str = 'InternalError',
        headers: Mapping[str, str] | None = None,
        when: Moment = 'read',
        **which: Unpack[Which],
    ) -> Fault:
        """Answers with that error."""
        assert when != 'answering', 'the status is sent by then'
        answer = error(status, code, headers=headers)
        return self.does(operation, lambda _: answer, when=when, **which)

    def claims_success(
        self,
        operation: str = 'CompleteMultipartUpload',
        *,
        code: str = 'InternalError',
        when: Moment = 'read',
        **which: Unpack[Which],
    ) -> Fault:
        """Answers 200, and has the error in the body."""
        return self.fails(operation, status=200, code=code, when=when, **which)

    def drops(self, operation: str = '*', *, when: Moment = 'done', **which: Unpack[Which]) -> Fault:
        """Closes the connection."""
        return self.does(operation, _drop, when=when, **which)

    def hangs(self, operation: str = '*', *, when: Moment = 'read', **which: Unpack[Which]) -> Fault:
        """Says nothing any more, until the server ends."""
        return self.does(operation, _hang, when=when, **which)

    def flips_a_bit(self, operation: str = 'PutObject', **which: Unpack[Which]) -> Fault:
        """Stores an object or a part damaged, and answers as if it were whole."""
        return self.does(operation, _flip, when='done', **which)

    def calls_back(
        self,
        operation: str,
        callback: Callable[[Call], object],
        *,
        when: Moment = 'done',
        **which: Unpack[Which],
    ) -> Fault:
        """Calls the test, waits for it, and goes on."""

        def deed(exchange: Exchange) -> None:
            callback(exchange.call)

        return self.does(operation, deed, when=when, **which)

    def does(self, operation: str, deed: Deed, *, when: Moment, **which: Unpack[Which]) -> Fault:
        """Any other deed."""
        fault = Fault(operation, when, deed, **which)
        self.faults.append(fault)
        return fault

    def recovers(self) -> None:
        """Forgets all faults."""
        self.faults.clear()

    def befall(self, exchange: Exchange, when: Moment) -> Answer | None:
        """What goes wrong at this moment of the call; the answer that ends it, if any."""
        for fault in list(self.faults):
            if fault.takes(exchange.call, when) and (answer := fault.deed(exchange)):
                return answer
        return None


def shut(connection: socket.socket) -> None:
    """Ends the connection in both directions."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _drop(exchange: Exchange) -> None:
    shut(exchange.connection)
    raise DroppedError


def _hang(exchange: Exchange) -> None:
    try:
        Event().wait()
    finally:
        shut(exchange.connection)  # or pywsgi would answer when the server ends


def _flip(exchange: Exchange) -> None:
    world, call = exchange.world, exchange.call
    if call.operation != 'UploadPart':
        return world.damage(call.key, bucket=call.bucket)
    parts, number = world.upload_of(call).parts, int(call.query['partNumber'])
    parts[number] = replace(parts[number], body=flipped(parts[number].body))
    return None
