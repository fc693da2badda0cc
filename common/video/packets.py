"""The layers below: packets of 188 bytes, and the sections of tables and the PES that they carry.

ISO/IEC 13818-1:2019, 2.4.3 and 2.4.4. Each function walks the packets once and looks at no more of them than
the caller takes. What is damaged or cut off is left out.
"""

from collections.abc import Iterator

PACKET_BYTES = 188
SYNC_BYTE = 0x47

_ERROR_AND_PID = 0x9F
_SCRAMBLED, _ADAPTED, _LOADED, _COUNTER = 0xC0, 0x20, 0x10, 0x0F
_MAX_UNIT_PACKETS = 64
"""So much of a PES is read: 12 kB, where parameter sets take a few hundred bytes."""


def is_transport_stream(data: bytes) -> bool:
    """Whether a whole packet is there, and the next begins where it ends."""
    return (
        len(data) >= PACKET_BYTES
        and data[0] == SYNC_BYTE
        and (len(data) == PACKET_BYTES or data[PACKET_BYTES] == SYNC_BYTE)
    )


def length_at(data: bytes, at: int) -> int:
    """A length of 12 bits, as tables have them."""
    return (data[at] & 0x0F) << 8 | data[at + 1]


def pid_at(data: bytes, at: int) -> int:
    return (data[at] & 0x1F) << 8 | data[at + 1]


def sections(data: bytes, pid: int) -> Iterator[bytes]:
    """The whole sections of a PID (2.4.4), over as many packets as they take; at most 4,098 bytes each."""
    rest: bytes | None = None  # what is there of the section under way, if one is
    for starts, _, payload in payloads(data, pid):
        if starts:
            begin = 1 + payload[0]
            if rest is not None:
                yield from _cut(rest + payload[1:begin])[0]
            rest = payload[begin:]
        elif rest is not None:
            rest += payload
        if rest:
            found, rest = _cut(rest)
            yield from found


def _cut(joined: bytes) -> tuple[list[bytes], bytes | None]:
    """Sections that stand one after the other, and the beginning of the next, if there is.

    Stuffing (0xFF) looks like the beginning of one that does not end before the next packet that starts one.
    """
    found: list[bytes] = []
    at = 0
    while at < len(joined):
        end = at + 3 + length_at(joined, at + 1) if at + 3 <= len(joined) else len(joined) + 1
        if end > len(joined):
            return found, joined[at:]
        found.append(joined[at:end])
        at = end
    return found, None


def units(data: bytes, pid: int) -> Iterator[tuple[bytes, bool]]:
    """Each PES as far as it can be read: one packet of it, then two, four ...; and whether that is all of it.

    So whoever needs little reads little, and whoever needs more copies no byte more than twice. What comes
    after a lost packet belongs to no unit.
    """
    parts: list[bytes] = []
    last = 0
    for starts, counter, payload in payloads(data, pid):
        follows = counter == (last + 1) & _COUNTER
        if starts:
            if parts:
                yield b''.join(parts), follows
            parts = [payload]
            yield payload, False
        elif parts and follows and len(parts) < _MAX_UNIT_PACKETS:
            parts.append(payload)
            if not len(parts) & (len(parts) - 1):
                yield b''.join(parts), False
        else:
            parts = []
        last = counter
    if parts:
        yield b''.join(parts), False


def payloads(data: bytes, pid: int) -> Iterator[tuple[int, int, bytes]]:
    """What the packets of a PID carry (2.4.3.2): whether a unit starts, the continuity counter, the bytes.

    Packets that are damaged, scrambled, or hold nothing but their adaptation field are passed over, and so is
    a packet that is sent a second time (2.4.3.3).
    """
    high, low = pid >> 8, pid & 0xFF
    before, last = b'', 0
    for at in range(0, len(data) - PACKET_BYTES + 1, PACKET_BYTES):
        if data[at + 2] != low or data[at + 1] & _ERROR_AND_PID != high or data[at] != SYNC_BYTE:
            continue
        control = data[at + 3]
        if control & _SCRAMBLED or not control & _LOADED:
            continue
        begin = at + 5 + data[at + 4] if control & _ADAPTED else at + 4
        counter, payload = control & _COUNTER, data[begin : at + PACKET_BYTES]
        if payload and (payload != before or counter != last):
            yield data[at + 1] & 0x40, counter, payload
            before, last = payload, counter
