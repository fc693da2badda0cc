"""MPEG transport streams (ISO/IEC 13818-1), as far as a recorder has to know them."""

from common.video.packets import PACKET_BYTES, SYNC_BYTE


def is_transport_stream(body: bytes) -> bool:
    """Whether the first packets begin with the sync byte: an error page does not."""
    return body[0] == SYNC_BYTE and (len(body) <= PACKET_BYTES or body[PACKET_BYTES] == SYNC_BYTE)


def has_whole_packets(body: bytes) -> bool:
    """False for a body that was cut off in the middle of a packet."""
    return len(body) % PACKET_BYTES == 0
