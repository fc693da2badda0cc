"""What the server insists on before it believes a call: who asks, when, and that the bytes are right."""

import hashlib
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.kit.strict_s3.answers import refusal, unsupported
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.state import Bucket, World

MOST_SKEW = timedelta(minutes=15)
METADATA_BYTES = 2048
CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    'sha256': lambda body: hashlib.sha256(body).digest(),
    'sha1': lambda body: hashlib.sha1(body).digest(),
    'crc32': lambda body: zlib.crc32(body).to_bytes(4, 'big'),
}

_AUTHORIZATION = re.compile(
    r'AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/s3/aws4_request, *'
    r'SignedHeaders=[^,]+, *Signature=[0-9a-f]{64}'
)
_PUBLIC = {'GetObject', 'HeadObject'}
_HEX = re.compile('[0-9a-f]{64}')
_META = 'x-amz-meta-'


def check_caller(world: World, call: Call) -> None:
    """Refuses unknown keys, another region and a wrong clock; the signature itself is not verified."""
    text = call.headers.get('authorization', '')
    if not text and world.public and call.operation in _PUBLIC:
        return
    if not text:
        raise refusal(403, 'AccessDenied', 'nothing is open to everybody here')
    match = _AUTHORIZATION.fullmatch(text)
    if not match:
        raise refusal(400, 'AuthorizationHeaderMalformed', 'the Authorization header cannot be read')
    if match['key'] not in world.access_keys:
        raise refusal(403, 'InvalidAccessKeyId', 'nobody has this key', AWSAccessKeyId=match['key'])
    if match['region'] != world.region:
        raise refusal(400, 'AuthorizationHeaderMalformed', 'signed for elsewhere', Region=world.region)
    _check_time(world, call)
    if 'x-amz-content-sha256' not in call.headers:
        raise refusal(400, 'InvalidRequest', 'the header x-amz-content-sha256 is missing')


def check_write_conditions(world: World, call: Call, bucket: Bucket) -> None:
    """If-None-Match and If-Match of a write, as the bucket is at this very moment."""
    none_match, match = call.headers.get('if-none-match'), call.headers.get('if-match')
    if world.conditional == 'ignored' or (none_match is None and match is None):
        return
    if world.conditional == 'refused' or none_match not in (None, '*'):
        raise unsupported('this condition of a write')
    found = bucket.objects.get(call.key)
    if none_match and found:
        raise unmet('If-None-Match')
    if match is not None and not found:
        raise refusal(404, 'NoSuchKey', 'there is nothing that could match', Key=call.key)
    if match is not None and found and match.strip('"') != found.etag.strip('"'):
        raise unmet('If-Match')


def unmet(condition: str) -> Exception:
    return refusal(412, 'PreconditionFailed', 'a condition does not hold', Condition=condition)


def check_sums(world: World, call: Call, body: bytes) -> None:
    """Refuses a body that is not what the call's headers and trailers say of it."""
    if world.checksums == 'ignored':
        return
    if 'content-md5' in call.headers:
        _check_digest('content-md5', call.headers['content-md5'], hashlib.md5(body).digest())
    given = given_checksum(world, call)
    if given:
        name, value = given
        _check_digest(f'x-amz-checksum-{name}', value, CHECKSUMS[name](body))
    announced = call.headers.get('x-amz-sdk-checksum-algorithm', '').lower()
    if announced and (not given or given[0] != announced):
        raise refusal(400, 'InvalidRequest', f'a checksum by {announced} was announced, and did not come')


def check_payload_hash(world: World, call: Call, raw: bytes) -> None:
    """Refuses what came over the wire if it is not what was signed."""
    signed = call.headers.get('x-amz-content-sha256', 'UNSIGNED-PAYLOAD')
    if world.checksums == 'ignored' or signed == 'UNSIGNED-PAYLOAD' or signed.startswith('STREAMING-'):
        return
    if not _HEX.fullmatch(signed):
        raise refusal(400, 'InvalidArgument', 'x-amz-content-sha256 is neither a digest nor a known word')
    if hashlib.sha256(raw).hexdigest() != signed:
        raise refusal(400, 'XAmzContentSHA256Mismatch', 'the bytes are not those that were signed')


def given_checksum(world: World, call: Call) -> tuple[str, str] | None:
    """The algorithm and the value of the one checksum that the call brings, if any and if we look at them."""
    found = [(name, call.headers[f'x-amz-checksum-{name}']) for name in CHECKSUMS if _brings(call, name)]
    if world.checksums == 'ignored' or not found:
        return None
    if len(found) > 1:
        raise refusal(400, 'InvalidRequest', 'more than one checksum was sent')
    return found[0]


def checksum(algorithm: str, body: bytes) -> str:
    """In base64, as headers and XML have it."""
    return b64encode(CHECKSUMS[algorithm](body)).decode()


def metadata_of(call: Call) -> dict[str, str]:
    """The user's metadata, by names without their prefix."""
    found = {
        name.removeprefix(_META): value for name, value in call.headers.items() if name.startswith(_META)
    }
    if sum(len(name) + len(value.encode()) for name, value in found.items()) > METADATA_BYTES:
        raise refusal(400, 'MetadataTooLarge', f'the metadata has more than {METADATA_BYTES} bytes')
    return found


def _brings(call: Call, algorithm: str) -> bool:
    return f'x-amz-checksum-{algorithm}' in call.headers


def _check_digest(name: str, given: str, actual: bytes) -> None:
    try:
        digest = b64decode(given, validate=True)
    except ValueError:
        digest = b''
    if len(digest) != len(actual):
        code = 'InvalidDigest' if name == 'content-md5' else 'InvalidRequest'
        raise refusal(400, code, f'the value of {name} is no such digest')
    if digest != actual:
        raise refusal(400, 'BadDigest', f'{name} is not that of the bytes that came')


def _check_time(world: World, call: Call) -> None:
    try:
        sent = datetime.strptime(call.headers.get('x-amz-date', ''), '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC)
    except ValueError as error:
        raise refusal(403, 'AccessDenied', 'the header x-amz-date is missing or no time') from error
    now = world.clock()
    if abs(now - sent) > MOST_SKEW:
        raise refusal(403, 'RequestTimeTooSkewed', 'the clocks differ too much', ServerTime=now.isoformat())
