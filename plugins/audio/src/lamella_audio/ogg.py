"""The last page of an Ogg file (RFC 3533): is it whole? libsndfile takes a file without it for a shorter one."""

from __future__ import annotations

from lamella_audio.damage import Damaged

__all__ = ["check_last_page"]


def check_last_page(data: bytes) -> None:
    """Make sure that the last page is there to its last byte.

    A last page that is not marked as one passes: live streams are recorded so (RFC 7845, section 4).

    :raises Damaged: it is cut.
    """
    place = data.rfind(b"OggS")
    pieces = data[place + 26] if 0 <= place < len(data) - 26 else None
    if pieces is None:
        raise Damaged("its last page is cut")
    sizes = data[place + 27 : place + 27 + pieces]
    missing = place + 27 + pieces + sum(sizes) - len(data)
    if len(sizes) < pieces or missing > 0:
        raise Damaged(f"its last page is cut: at least {missing:,} bytes are missing")
