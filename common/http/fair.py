"""Connections that let other greenlets run, however fast the other side sends.

gevent switches only where a socket has to wait. A peer that always has something more to say, such as
endless `100 Continue` or chunk trailers, would keep the hub from running anything else, deadlines included.
"""

import http.client
import time
from typing import Any

import gevent
import urllib3.connection
from gevent.socket import socket
from gevent.ssl import SSLSocket
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

MOST_SECONDS = 0.005
"""So long nobody else runs at most; to let others run at each read would be felt where many bytes come."""


def _let_others_run() -> None:
    """If they have not for a while: the loop's time is that of its last turn."""
    if abs(time.time() - gevent.get_hub().loop.now()) > MOST_SECONDS:
        gevent.sleep(0)


class _FairSocket(socket):
    __slots__ = ()

    def recv_into(self, *args: Any) -> int:
        _let_others_run()
        return super().recv_into(*args)


class _FairSSLSocket(SSLSocket):
    def recv_into(self, *args: Any) -> int:
        _let_others_run()
        return super().recv_into(*args)


_FAIR = {socket: _FairSocket, SSLSocket: _FairSSLSocket}


class _Fair:
    """Makes the socket of a connection yield, once it is connected."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        kind = type(self.sock)
        self.sock.__class__ = _FAIR.get(kind, kind)  # only gevent's sockets are in there


class FairConnection(_Fair, http.client.HTTPConnection):
    """Of the standard library, with reads that yield."""


class FairHTTPSConnection(_Fair, http.client.HTTPSConnection):
    """Of the standard library, with reads that yield."""


class _PooledConnection(_Fair, urllib3.connection.HTTPConnection):
    pass


class _PooledHTTPSConnection(_Fair, urllib3.connection.HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _PooledConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PooledHTTPSConnection


POOLS = {'http': _Pool, 'https': _HTTPSPool}
"""For urllib3: set it as the `pool_classes_by_scheme` of a pool manager."""
