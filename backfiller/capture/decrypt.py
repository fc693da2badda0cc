"""AES-128 segments (RFC 8216 sections 4.3.2.4 and 5.2), decrypted as they come: the store has them clear."""

from collections import OrderedDict
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from backfiller.capture.origin import bare
from common.errors import SegmentError
from common.hls.parts import Key
from common.segment import shown

METHOD = 'AES-128'
KEY_BYTES = 16
BLOCK_BYTES = 16
REMEMBERED = 64


class Keys:
    """Keys by their URIs, each fetched once for as long as it is remembered."""

    def __init__(self, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: Key) -> bytes:
        """Raises SegmentError if there is none, or for other methods than AES-128."""
        if key.method != METHOD:
            raise SegmentError('encrypted', f'{shown(key.method)} cannot be decrypted, only {METHOD}')
        if key.uri not in self._known:
            found = self._fetch(key.uri)
            if len(found) != KEY_BYTES:
                raise SegmentError('encrypted', f'the key at {bare(key.uri)} has not {KEY_BYTES} bytes')
            self._known[key.uri] = found
        self._known.move_to_end(key.uri)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key.uri]

    def forget(self, key: Key) -> None:
        """It did not fit: an origin may have put another in its place."""
        self._known.pop(key.uri, None)


def vector(key: Key, sequence: int) -> bytes:
    """The initialisation vector: the one that is told, or else the media sequence number."""
    return key.iv if key.iv is not None else (sequence & (1 << 128) - 1).to_bytes(BLOCK_BYTES)


def decrypt(content: bytes, secret: bytes, iv: bytes, *, is_whole: bool = True) -> bytes:
    """The clear bytes; of a body that broke off the blocks that are there. Raises SegmentError."""
    if is_whole and (not content or len(content) % BLOCK_BYTES):
        raise SegmentError('truncated', f'{len(content)} bytes are not whole blocks of AES')
    decryptor = Cipher(AES(secret), CBC(iv)).decryptor()
    usable = len(content) - len(content) % BLOCK_BYTES
    clear = decryptor.update(content[:usable]) + decryptor.finalize()
    return _unpadded(clear) if is_whole else clear


def _unpadded(clear: bytes) -> bytes:
    """Without the padding of PKCS #7 (RFC 5652 section 6.3)."""
    size = clear[-1]
    if not 1 <= size <= BLOCK_BYTES or clear[-size:] != bytes([size]) * size:
        raise SegmentError('encrypted', 'the padding is wrong: the key does not fit, or the end is missing')
    return clear[:-size]
