"""OpenStack Swift, whole and in one process: proxy, account, container and object server on loopback.

It is a program of its own, `python swift_server.py FOLDER PORT ACCESS_KEY SECRET_KEY`, because Swift lives on
eventlet. It imports nothing of ours. The files that it reads are those that an operator would write.
"""

import sys
from pathlib import Path
from typing import Any

import eventlet
from eventlet import wsgi
from swift.common import utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

STORAGE = ('account', 'container', 'object')
SWIFT_CONF = """
[swift-hash]
swift_hash_path_suffix = loopback
[storage-policy:0]
name = one
default = yes
"""
STORAGE_CONF = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_level = ERROR
[app:main]
use = egg:swift#{kind}
"""
PROXY_CONF = """
[DEFAULT]
swift_dir = {folder}
log_level = ERROR
[pipeline:main]
pipeline = s3api tempauth slo proxy-server
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {secret_key} .admin
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def write_ring(folder: Path, kind: str, port: int) -> None:
    """A ring of one device, as `swift-ring-builder` makes it."""
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    builder.add_dev(
        {'region': 1, 'zone': 1, 'weight': 1.0, 'device': 'd1', 'ip': '127.0.0.1', 'port': port}
        | {'replication_ip': '127.0.0.1', 'replication_port': port, 'meta': ''}
    )
    builder.rebalance()
    builder.get_ring().save(str(folder / f'{kind}.ring.gz'))


def write_confs(folder: Path, user: str, secret_key: str) -> None:
    """What all servers read, and a file for each."""
    (folder / 'swift.conf').write_text(SWIFT_CONF)
    for kind in STORAGE:
        (folder / f'{kind}.conf').write_text(STORAGE_CONF.format(folder=folder, kind=kind))
    proxy = PROXY_CONF.format(folder=folder, user=user.replace(':', '_'), secret_key=secret_key)
    (folder / 'proxy.conf').write_text(proxy)


def serve(conf: Path, listener: Any) -> Any:
    app = loadapp(str(conf), global_conf={'log_name': conf.stem})
    options = {'protocol': SwiftHttpProtocol, 'capitalize_response_headers': False}
    return eventlet.spawn(wsgi.server, listener, app, utils.NullLogger(), **options)


def main() -> None:
    folder, port, access_key, secret_key = Path(sys.argv[1]), *sys.argv[2:]
    utils.monkey_patch()
    (folder / 'devices/d1').mkdir(parents=True, exist_ok=True)
    write_confs(folder, access_key, secret_key)
    listeners = {kind: eventlet.listen(('127.0.0.1', 0)) for kind in STORAGE}
    for kind, listener in listeners.items():
        write_ring(folder, kind, listener.getsockname()[1])
    listeners['proxy'] = eventlet.listen(('127.0.0.1', int(port)))
    utils.set_swift_dir(str(folder))
    servers = [serve(folder / f'{kind}.conf', listener) for kind, listener in listeners.items()]
    for server in servers:
        server.wait()


if __name__ == '__main__':
    main()
