"""Connections that let other greenlets run, however fast the other side sends.

gevent switches only where a socket has to wait. A peer that always has something more to say, such as
endless `100 Continue` or chunk trailers, would keep the hub from running anything else, deadlines included.
"""

from typing import Any

import gevent
from gevent.socket import socket
from gevent.ssl import SSLSocket
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _FairSocket(socket):
    __slots__ = ()

    def recv_into(self, *args: Any) -> int:
        gevent.sleep(0)
        return super().recv_into(*args)


class _FairSSLSocket(SSLSocket):
    def recv_into(self, *args: Any) -> int:
        gevent.sleep(0)
        return super().recv_into(*args)


_FAIR = {socket: _FairSocket, SSLSocket: _FairSSLSocket}


class _FairConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _make_fair(self.sock)


class _FairHTTPSConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _make_fair(self.sock)


class _FairPool(HTTPConnectionPool):
    ConnectionCls = _FairConnection


class _FairHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _FairHTTPSConnection


class FairAdapter(HTTPAdapter):
    """The adapter of requests, with connections that yield before each read."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = fair_pools()


def fair_pools() -> dict[str, type[HTTPConnectionPool]]:
    """What a pool manager of urllib3 makes its connections with, by scheme."""
    return {'http': _FairPool, 'https': _FairHTTPSPool}


def _make_fair(connected: Any) -> None:
    """The same socket of a class that yields; only where gevent's sockets are in use."""
    connected.__class__ = _FAIR.get(type(connected), type(connected))
