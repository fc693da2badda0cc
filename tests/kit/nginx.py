"""A real nginx with deploy/nginx/segmesh.conf, its paths and addresses moved into a folder of the test."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.cluster import free_port
from tests.kit.process import eventually, get, running

CONF = Path(__file__).parents[2] / 'deploy/nginx/segmesh.conf'
MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/segmesh.conf;
}}
"""


@contextmanager
def in_front_of(restreamer: str, store: Path, tls: Path, folder: Path) -> Iterator[str]:
    """The https URL of an nginx before a restreamer; chain.pem, key.pem and ca.pem lie in `tls`."""
    folder.mkdir()
    port, text = free_port(), CONF.read_text()
    for written, meant in {
        '/var/lib/segmesh': str(store),
        '127.0.0.1:8001': restreamer.removeprefix('http://'),
        '/etc/segmesh/tls': str(tls),
        '/var/cache/nginx/segmesh': str(folder / 'cache'),
        '/var/log/nginx/segmesh.log': str(folder / 'log'),
        'listen 443 ssl': f'listen 127.0.0.1:{port} ssl',
    }.items():
        assert written in text
        text = text.replace(written, meant)
    (folder / 'segmesh.conf').write_text(text)
    main = folder / 'nginx.conf'
    main.write_text(MAIN.format(folder=folder, user=pwd.getpwuid(os.getuid()).pw_name))
    url = f'https://127.0.0.1:{port}'
    with running('nginx', '-p', folder, '-e', 'stderr', '-c', main) as process:
        eventually(lambda: process.has_ended() or _answers(url, tls / 'ca.pem'))
        assert not process.has_ended(), process.output
        yield url


def _answers(url: str, authority: Path) -> bool:
    try:
        return get(f'{url}/healthz', verify=str(authority)).ok
    except OSError:
        return False
