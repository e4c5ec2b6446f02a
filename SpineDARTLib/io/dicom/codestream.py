"""Looks into compressed pixels before a decoder does: decoders believe the sizes that a stream claims, and allocate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
"""Tags within compressed pixel data (PS3.5 A.4)."""

JPEG, JPEG_2000, BOXED = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP"
"""How JPEG and JPEG-LS, JPEG 2000, and JPEG 2000 within the boxes of its own file format begin."""

FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
"""Markers of a start of frame: ISO 10918-1 Table B.1, and that of JPEG-LS (ISO 14495-1)."""

DEEPEST_BITS = 16
"""No X-ray has more; a decoder that is told 240 crashes."""

PIXELS = "PixelData (7FE0,0010)"


def check_fragments(path: Path, content: bytes, shape: tuple[int, int], streams: bool) -> None:
    """Raise an error unless compressed pixels are whole fragments whose streams hold pictures of the header's size.

    Args:
        shape: (rows, columns) of the header.
        streams: whether the fragments are JPEG of some kind, which says its own size.

    Raises:
        InputError: something else than fragments, one that is longer than what is left, or another size.
    """
    begun = False
    for at, fragment in list(_fragments(path, content))[1:]:  # the first is the table of offsets
        if not streams or (begun and not fragment.startswith((JPEG, JPEG_2000, BOXED))):
            continue  # a frame may go on in a second fragment
        begun, found = True, _size(fragment)
        if found is None:
            raise InputError(path, PIXELS, f"a damaged picture at byte {at}", "whole compressed pictures")
        if found[:3] != (*shape, 1) or not 1 < found[3] <= DEEPEST_BITS:
            said = "a compressed picture of {} x {} pixels in {} colours of {} bits".format(*found)
            wanted = f"{shape[0]} x {shape[1]} grey pixels of 2 to {DEEPEST_BITS} bits"
            raise InputError(path, PIXELS, said, wanted)


def _fragments(path: Path, content: bytes) -> Iterator[tuple[int, bytes]]:
    """(start, bytes) of each item."""
    at = 0
    while at + 8 <= len(content):
        tag, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if tag == SEQUENCE_END:
            return
        if tag != ITEM or at + 8 + length > len(content):
            raise InputError(path, PIXELS, f"a damaged fragment at byte {at}", "whole fragments")
        yield at, content[at + 8 : at + 8 + length]
        at += 8 + length


def _size(stream: bytes) -> tuple[int, int, int, int] | None:
    """Rows, columns, components and bits that a stream claims, None where it is damaged before that."""
    if stream.startswith(JPEG):
        return _jpeg_size(stream)
    start = stream.find(JPEG_2000, 0, 1024)
    if start < 0 or len(stream) < start + 43:
        return None
    # SIZ (ISO 15444-1 A.5.1): width, height, their offsets, tile width and height, its offsets, components, bits - 1
    # with a sign in the highest bit.
    width, height, left, top, tile_width, tile_height, _, _ = (
        int.from_bytes(stream[start + 8 + 4 * index : start + 12 + 4 * index], "big") for index in range(8)
    )
    if not (width - left > 0 and height - top > 0 and tile_width and tile_height):
        return None
    components = int.from_bytes(stream[start + 40 : start + 42], "big")
    return height - top, width - left, components, (stream[start + 42] & 0x7F) + 1


def _jpeg_size(stream: bytes) -> tuple[int, int, int, int] | None:
    """From the start of frame: length, precision, rows, columns, components."""
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == 0xFF:  # filling
            at += 1
        elif marker in FRAMES:
            rows, columns = (int.from_bytes(stream[at + 5 + 2 * index : at + 7 + 2 * index], "big") for index in (0, 1))
            return rows, columns, stream[at + 9], stream[at + 4]
        else:
            at += 2 + length
    return None
