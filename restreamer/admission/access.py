"""Who may do what: reading is open, or needs a token or a signature; changes need the admin token.

`Access.refusal_to_read` decides from the request alone, so that the short way, the application and a proxy
that asks `/access` all keep to the same rules.
"""

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Conflict, Forbidden, HTTPException, Unauthorized

from common.http.hosts import is_loopback
from common.http.tokens import Token, bearer, given_token, is_from_elsewhere
from common.settings.restreamer import Restreamer
from common.times import iso, utc_now
from restreamer.admission import signing
from restreamer.admission.signing import Scope, Signed

EXTENSION = 'segmesh-access'
OPEN_PATHS = ('/', '/docs', '/openapi.json', '/healthz', '/readyz', '/access')
SAFE_METHODS = ('GET', 'HEAD', 'OPTIONS')
READING_POSTS = ('batch.segments', 'access.sign')
"""The endpoints whose POST changes nothing."""

MOST_SIGNED_SECONDS = 31 * 86_400

_REASONS = ('none', 'token', 'signature', 'expired', 'admin')

blueprint = Blueprint('access', __name__)


class Asked(NamedTuple):
    """What of a request decides."""

    path: str
    query: str = ''
    authorization: str = ''


class Refusal(NamedTuple):
    """Why a request is refused, as a label and as a sentence."""

    reason: str
    sentence: str

    def error(self) -> HTTPException:
        """The answer: 401 asks for a token (RFC 6750 section 3), 403 says that this will not do."""
        if self.reason not in ('none', 'token'):
            return Forbidden(self.sentence)
        details: dict[str, str | None] = {'realm': 'segmesh'}
        if self.reason == 'token':
            details['error'] = 'invalid_token'
        return Unauthorized(self.sentence, www_authenticate=WWWAuthenticate('bearer', details))


class Access:
    """The rules; without a read token reading is open.

    Without an admin token only this machine may change anything, and only if `is_local`: nobody else can ask.
    """

    def __init__(
        self,
        reading: Token | None = None,
        admin: Token | None = None,
        *,
        is_local: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.reading = reading
        self.admin = admin
        self._is_local = is_local
        self._clock = clock

    @property
    def is_open(self) -> bool:
        """Whether everybody may read."""
        return self.reading is None

    def may_read(self, environ: Mapping[str, Any]) -> bool:
        """Whether a GET is admitted."""
        return self.reading is None or self.refusal_to_read(asked(environ)) is None

    def refusal_to_read(self, asked: Asked) -> Refusal | None:
        if self.reading is None or _is_open(asked.path):
            return None
        given = bearer(asked.authorization)
        if given is not None:
            return (
                None if self._reads(given) else Refusal('token', 'the token is not the one for reading here')
            )
        if found := signing.in_query(asked.query):
            return self._unsigned(found, asked.path, self.reading.text())
        return Refusal(
            'none', 'reading needs a token here: send Authorization: Bearer TOKEN, or a signed URL'
        )

    def refusal_to_change(self, environ: Mapping[str, Any]) -> Refusal | None:
        given = bearer(environ.get('HTTP_AUTHORIZATION', ''))
        if self.admin is None:
            if self._is_local and not is_from_elsewhere(environ):
                return None
            return Refusal(
                'admin', 'nothing can be changed from here without an admin token: set admin_token_file'
            )
        if given is None:
            return Refusal('none', 'this needs the admin token: send Authorization: Bearer TOKEN')
        if self.admin.equals(given):
            return None
        if self.reading and self.reading.equals(given):
            return Refusal('admin', 'the read token is not enough for this: send the admin token')
        return Refusal('token', 'the token is not the admin token')

    def signed(self, scope: Scope, expires: int) -> Signed | None:
        """What opens the scope until then; None if reading is open anyway."""
        return signing.signed(self.reading.text(), scope, expires) if self.reading else None

    def now(self) -> float:
        return self._clock().timestamp()

    def _reads(self, given: str) -> bool:
        return any(each.equals(given) for each in (self.reading, self.admin) if each)

    def _unsigned(self, found: Signed, path: str, secret: str) -> Refusal | None:
        """Why the signature does not open the path; None if it does."""
        scope = signing.scope_of(path)
        if not scope:
            return Refusal(
                'signature', 'a signed URL opens playlists and segments alone; this needs the token'
            )
        if not signing.fits(found, secret, scope):
            return Refusal('signature', 'the signature does not fit this stream, this variant or this time')
        if self.now() >= int(found.expires):
            return Refusal('expired', f'expired at {iso(datetime.fromtimestamp(int(found.expires), UTC))}')
        return None


def _is_open(path: str) -> bool:
    """Whether everybody may have it: neither the page nor the docs say what is held."""
    return path in OPEN_PATHS or path.startswith('/static/')


def configured(own: Restreamer, environ: Mapping[str, str] = os.environ, *, is_local: bool) -> Access:
    """As the settings and the environment say; raises UsageError."""
    return Access(
        given_token('read_token', own.read_token_file, environ),
        given_token('admin_token', own.admin_token_file, environ),
        is_local=is_local,
    )


def asked(environ: Mapping[str, Any]) -> Asked:
    """What decides of a WSGI request."""
    path, query = environ.get('PATH_INFO', ''), environ.get('QUERY_STRING', '')
    return Asked(path, query, environ.get('HTTP_AUTHORIZATION', ''))


def guard(app: Flask, access: Access, registry: CollectorRegistry) -> None:
    """Lets the application answer nothing that is refused, and counts that."""
    app.extensions[EXTENSION] = access
    app.register_blueprint(blueprint)
    refused = Counter(
        'access_refused', 'Requests refused for want of a token.', ['reason'], registry=registry
    )
    for reason in _REASONS:
        refused.labels(reason)

    @app.before_request
    def check() -> None:
        if request.method == 'OPTIONS':
            return  # browsers ask without a token whether they may send one (Fetch standard, CORS preflight)
        if found := _refusal(access):
            refused.labels(found.reason).inc()
            raise found.error()

    @app.after_request
    def keep_private(response: Response) -> Response:
        if not access.is_open and response.cache_control.public:
            response.headers['Cache-Control'] = response.headers['Cache-Control'].replace('public', 'private')
        return response


def _refusal(access: Access) -> Refusal | None:
    environ = request.environ
    if request.method in SAFE_METHODS or request.endpoint in (None, *READING_POSTS):
        found = asked(environ)
        refusal = access.refusal_to_read(found)
        g.signed = (
            signing.in_query(found.query)
            if not (refusal or access.is_open or bearer(found.authorization))
            else None
        )
        return refusal
    return access.refusal_to_change(environ)


def current() -> Access:
    """Of the application that answers this request."""
    return cast(Access, current_app.extensions[EXTENSION])


def inherited_query() -> str:
    """What a playlist appends to every URI that it writes: the signature it was asked with, or nothing."""
    found: Signed | None = g.get('signed')
    return f'?{found.query}' if found else ''


def signature_for(stream: str, variant: str, expires: int) -> str:
    """What opens the stream, or its variant, until then, in seconds since 1970; empty if reading is open."""
    found = current().signed(Scope(stream, variant), expires)
    return found.signature if found else ''


@blueprint.post('/sign/<stream:stream>')
@blueprint.post('/sign/<stream:stream>/<variant:variant>')
def sign(stream: str, variant: str = '') -> dict[str, Any]:
    """A query that opens the stream, or its variant, for so many seconds."""
    access, expires = current(), int(current().now()) + _seconds()
    found = access.signed(Scope(stream, variant), expires)
    if not found:
        raise Conflict('reading needs no token here, so there is nothing to sign: set read_token_file')
    return {'query': found.query, 'expires': expires}


@blueprint.get('/access')
def may() -> tuple[str, int]:
    """Whether a path may be read, for a proxy that asks (auth_request of nginx). It sends X-Original-URI."""
    path, _, query = request.headers.get('X-Original-URI', '').partition('?')
    if path != '/' and not _is_plain(path):
        raise BadRequest('X-Original-URI: give the path and the query that was asked for')
    if refusal := current().refusal_to_read(Asked(path, query, request.headers.get('Authorization', ''))):
        raise refusal.error()
    return '', 204


def _is_plain(path: str) -> bool:
    """Whether it says where it leads to: no proxy and no file system takes it for another one."""
    return path.startswith('/') and not any(part in ('', '.', '..') for part in path.split('/')[1:])


def _seconds() -> int:
    text = request.args.get('seconds', '')
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= MOST_SIGNED_SECONDS):
        raise BadRequest(f'seconds: give a whole number from 1 to {MOST_SIGNED_SECONDS}')
    return int(text)


def warn_if_exposed(access: Access, own: Restreamer, log: logging.Logger) -> None:
    """Says it when others than this machine may reach everything, or see the tokens on their way."""
    if is_loopback(own.listen[0]):
        return
    if access.is_open:
        log.warning(
            'everybody who reaches %s:%d may list and read all that is recorded;\n'
            'give read_token_file, or let a firewall or a proxy decide who reaches it (docs/security.md)',
            *own.listen,
        )
    elif not (own.tls_certificate or own.trusted_proxies):
        log.warning(
            'tokens and recordings cross the network in clear, to and from %s:%d;\n'
            'give tls_certificate and tls_key, or trusted_proxies if one of them speaks TLS for us',
            *own.listen,
        )
