"""Call ids on a wire that does not take every id: valid ones stay, others are mapped and reported.

The history keeps the ids it has, so a conversation that goes back to where it came from carries its
own ids again.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from lamella.models.report import EncodeReport

__all__ = ["CallIds"]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class CallIds:
    """The ids of one request. The same id always gets the same stand-in, and no two ids share one.

    :param valid: what the vendor takes, as a regular expression for the whole id.
    :param length: length of a stand-in, which is made of letters and digits.
    """

    def __init__(self, report: EncodeReport, *, valid: str, length: int = 24) -> None:
        self._report = report
        self._valid = re.compile(valid)
        self._length = length
        self._sent: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, call_id: str) -> str:
        """The id to send. A stand-in is reported, as a change that loses nothing."""
        sent = self._sent.get(call_id)
        if sent is None:
            sent = self._sent[call_id] = self._choose(call_id)
            self._taken.add(sent)
        if sent != call_id:
            self._report.rewrite(
                f"call id sent as {sent!r}: the vendor takes no {call_id!r:.80}", lossless=True
            )
        return sent

    def _choose(self, call_id: str) -> str:
        if self._valid.fullmatch(call_id) and call_id not in self._taken:
            return call_id
        salt = 0
        while (made := self._made(f"{salt}:{call_id}")) in self._taken:
            salt += 1
        return made

    def _made(self, text: str) -> str:
        number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        made = []
        for _ in range(self._length):
            number, place = divmod(number, len(_ALPHABET))
            made.append(_ALPHABET[place])
        return "".join(made)
