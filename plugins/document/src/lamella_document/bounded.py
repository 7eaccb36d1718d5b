"""Work on hostile PDFs within bounds: pypdf within its limits, on a file that counts what is read of it.

pypdf repairs what is broken, and can be made to repair for hours: every reference to an object that is not
where the file says is searched in the whole file, and a hundred thousand fonts are read before the first word.
Its limits bound what one stream decodes to, but not that, so the file, and the look at any object, end the work
when too much was read, or too much time has gone by.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any, Final, cast

from lamella.errors import AgentInputError

if TYPE_CHECKING:
    from pypdf import PdfReader

__all__ = ["PROBE_SECONDS", "READ_SECONDS", "Allowance", "BoundedFile", "open_pdf", "pypdf_bounds"]

PROBE_SECONDS: Final = 10.0
"""CPU seconds of the thread for looking into a document."""

READ_SECONDS: Final = 60.0
"""CPU seconds of the thread for reading pages."""

_READS: Final = 12  # times that the whole file may be read
_READ_FLOOR: Final = 64 << 20  # bytes that may be read of a small file
_CHECKED: Final = 255  # reads between two looks at the clock

_LIMITS: Final[dict[str, Any]] = {
    "zlib_maximum_output_length": 8 << 20,
    "lzw_maximum_output_length": 8 << 20,
    "run_length_maximum_output_length": 8 << 20,
    "brotli_maximum_output_length": 8 << 20,
    "array_based_stream_maximum_output_length": 16 << 20,
    "stream_decoding_work_maximum_length": 32 << 20,
    "stream_parsing_work_maximum_count": 1_000_000,
    "page_tree_maximum_page_entries": 1_000_000,
    "xform_maximum_invocations_per_extraction": 500,
}
"""Tighter than pypdf's own, and far from what the text and structure of real documents need: 8 MiB in one
stream, which pypdf reads at one or two microseconds a byte. Pictures are not decoded here."""

_quiet: ContextVar[bool] = ContextVar("lamella_document_quiet", default=False)


class _Spent(BaseException):
    """The allowance is used up. No ``Exception``: pypdf goes on after those."""


class Allowance:
    """CPU seconds that may be used from now on, on this thread."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds

    def check(self, *_: Any) -> None:
        """Stop when the time is up; takes and ignores whatever a callback is given."""
        if time.thread_time() > self._end:
            raise _Spent


class BoundedFile(io.RawIOBase):
    """Bytes as a file to read, without a copy; stops when too much was read.

    It has no ``getbuffer``, which would copy all of them.
    """

    def __init__(self, data: bytes, allowance: Allowance) -> None:
        super().__init__()
        self._data, self._size, self._place = data, len(data), 0
        self._left = max(_READ_FLOOR, _READS * self._size)
        self._allowance, self._calls = allowance, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0, /) -> int:
        place = offset + (0, self._place, self._size)[whence]
        if place < 0:
            raise ValueError("a place before the begin of the file")
        self._place = place
        return place

    def read(self, size: int | None = -1, /) -> bytes:
        start = self._place
        end = self._size if size is None or size < 0 else min(start + size, self._size)
        if start >= end:
            self._count(1)
            return b""
        self._place = end
        self._count(end - start)
        return self._data[start:end]

    def readline(self, size: int | None = -1, /) -> bytes:
        found = self._data.find(b"\n", self._place)
        length = (self._size if found < 0 else found + 1) - self._place
        return self.read(length if size is None or size < 0 else min(size, length))

    def _count(self, size: int) -> None:
        self._left -= size
        self._calls += 1
        if self._left < 0:
            raise _Spent
        if not self._calls & _CHECKED or size > 1 << 20:
            self._allowance.check()


def open_pdf(data: bytes, allowance: Allowance) -> PdfReader:
    """A reader that stops when too much was read, or when the time is up at a look at any object."""
    from pypdf import PdfReader
    from pypdf.generic import IndirectObject, PdfObject

    class BoundedReader(PdfReader):
        def get_object(self, indirect_reference: int | IndirectObject) -> PdfObject | None:
            allowance.check()  # fonts and forms go round among objects, and read nothing of the file
            return super().get_object(indirect_reference)

    return BoundedReader(cast("IO[bytes]", BoundedFile(data, allowance)))


@contextmanager
def pypdf_bounds(what: str) -> Iterator[None]:
    """Run pypdf within bounds, silent, and with its failures as one typed error that shows no bytes.

    :param what: the document, for the error.
    :raises AgentInputError: it is damaged, or costs too much to read.
    """
    import pypdf
    import pypdf.filters  # which pypdf loads late: it is to be silent, too

    token = _quiet.set(True)
    _silence()
    try:
        with pypdf.apply_configuration(**_LIMITS):
            yield
    except AgentInputError:
        raise
    except (_Spent, MemoryError, RecursionError, pypdf.errors.LimitReachedError) as error:
        raise AgentInputError(
            f"{what} is damaged or made to do harm: reading it costs too much time or memory "
            f"({type(error).__name__.lstrip('_')}); read fewer pages, or print or export it to a new PDF",
        ) from None
    except pypdf.errors.DependencyError:
        raise AgentInputError(
            f"{what} is encrypted in a way that needs a library: pip install 'lamella-document[crypto]'"
        ) from None
    except Exception as error:  # pypdf lets KeyError, TypeError, AttributeError … out of damaged files
        raise AgentInputError(
            f"{what} is damaged ({type(error).__name__}); print or export it to a new PDF"
        ) from None
    finally:
        _quiet.reset(token)


class _Silence(logging.Filter):
    """Lets no record through while a document is read here: pypdf's hold bytes of the file."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _quiet.get()


_SILENCE: Final = _Silence()


def _silence() -> None:
    for name in [name for name in sys.modules if name.startswith("pypdf.")]:
        logging.getLogger(name).addFilter(_SILENCE)  # once: it is one and the same filter
