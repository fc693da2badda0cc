"""What came for a segment: whether it is one, and whether all of it.

`full` is whole for all that we can tell; `suspect` came whole but looks damaged; `partial` broke off.
"""

from dataclasses import dataclass

from backfiller.capture.origin import bare
from common.errors import SegmentError
from common.video.packets import PACKET_BYTES, SYNC_BYTE, is_transport_stream

FULL, SUSPECT, PARTIAL = 'full', 'suspect', 'partial'

_BOXES = (b'styp', b'moof', b'sidx', b'emsg', b'prft', b'mdat', b'free', b'ftyp', b'moov')
_PAGES = b'<!doctype', b'<html', b'<?xml', b'#extm3u'
_OTHERS = (
    (b'#EXTM3U', 'a playlist'),
    (b'WEBVTT', 'WebVTT subtitles'),
    (b'ID3', 'packed audio, which is not recorded'),
    (b'\xff\xf1', 'packed audio, which is not recorded'),
    (b'\xff\xf9', 'packed audio, which is not recorded'),
    (b'<', 'a page'),
    (b'{', 'JSON'),
)


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a segment, which of `full`, `suspect` or `partial` they are, and whether they are MP4."""

    content: bytes
    kind: str
    is_fragment: bool = False


def check_answer(uri: str, content: bytes) -> None:
    """Raises SegmentError for what is no segment, encrypted or not."""
    if not content:
        raise SegmentError('truncated', f'{bare(uri)} is empty')
    if content[:64].lstrip().lower().startswith(_PAGES):
        raise SegmentError('refused', f'{bare(uri)} is no MPEG transport stream{_what(content)}')


def check_kind(uri: str, content: bytes, *, is_fragment: bool) -> None:
    """Raises SegmentError if these are not the first bytes of a segment: origins answer with pages, too."""
    if is_fragment:
        if content[4:8] not in _BOXES:
            raise SegmentError('refused', f'{bare(uri)} is no fragment of MP4{_what(content)}')
    elif not (is_transport_stream(content) or content[:1] == bytes([SYNC_BYTE])):
        raise SegmentError('refused', f'{bare(uri)} is no MPEG transport stream{_what(content)}')


def looks_whole(content: bytes, *, is_fragment: bool) -> bool:
    """Whether nothing in the bytes says that they are damaged or cut off."""
    if is_fragment:
        return _has_whole_boxes(content)
    return len(content) % PACKET_BYTES == 0 and is_transport_stream(content) and _is_in_step(content)


def _is_in_step(content: bytes) -> bool:
    """Every packet begins with the sync byte."""
    return content[::PACKET_BYTES] == bytes([SYNC_BYTE]) * (len(content) // PACKET_BYTES)


def _has_whole_boxes(content: bytes) -> bool:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4])
        if size == 1 and at + 16 <= len(content):
            size = int.from_bytes(content[at + 8 : at + 16])
        elif size == 0:
            size = len(content) - at  # to the end of the file
        if size < 8:
            return False
        at += size
    return at == len(content)


def _what(content: bytes) -> str:
    stripped = content[:64].lstrip()
    return next((f': it is {name}' for start, name in _OTHERS if stripped.startswith(start)), '')
