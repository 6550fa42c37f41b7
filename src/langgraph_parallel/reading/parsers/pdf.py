"""Text of PDF files."""

import io
import logging
from typing import TYPE_CHECKING

from langgraph_parallel.counted import count
from langgraph_parallel.reading.notes import Note, Parsed, Unreadable, ranges

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_PAGES = 5_000
_ENCRYPTED = "it is encrypted; save a copy without a password"
_PICTURES = "it has no text: it holds pictures; run text recognition (OCR) over it first"


def pdf_text(data: bytes) -> Parsed:
    """Return the text of a PDF, with form feeds between pages; pages of pictures, and broken ones, are noted.

    Raises:
        Unreadable: it is encrypted, too long, or has no text.
        Exception: it is damaged, in one of many ways.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # the notes already report what is broken
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        try:
            is_open = bool(reader.decrypt(""))  # many have a password for changes only
        except DependencyError:
            raise Unreadable(f"{_ENCRYPTED}, or pip install 'pypdf[crypto]'") from None
        if not is_open:
            raise Unreadable(_ENCRYPTED)
    return _read_pages(reader)


def _read_pages(reader: "PdfReader") -> Parsed:
    pages = reader.pages
    if len(pages) > MAX_PAGES:
        raise Unreadable(f"it has more than {MAX_PAGES:,} pages; split it")
    from pypdf.errors import LimitReachedError

    texts: list[str] = []
    broken: list[int] = []
    pictures: list[int] = []
    for number in range(1, len(pages) + 1):
        try:
            page = pages[number - 1]
            texts.append(page.extract_text())
        except LimitReachedError:
            raise Unreadable(
                f"page {number:,} unpacks to more than is read, or is made to take long"
            ) from None
        except MemoryError:
            raise
        except Exception:  # pypdf raises errors of all kinds on broken pages
            broken.append(number)
            texts.append("")
            continue
        if not texts[-1].strip() and _has_picture(page):
            pictures.append(number)
    if not any(map(str.strip, texts)):
        raise Unreadable(_no_text(texts, pictures, broken))
    notes = [*_page_notes("cannot be read: damaged", broken), *_page_notes("no text, but pictures", pictures)]
    return Parsed("\f".join(texts), notes)


def _no_text(texts: list[str], pictures: list[int], broken: list[int]) -> str:
    if broken:
        pages = count(len(texts), "page")
        return f"it is damaged: {len(broken):,} of {pages} cannot be read, the others have no text"
    return _PICTURES if pictures else "it has no text"


def _page_notes(problem: str, pages: list[int]) -> list[Note]:
    if not pages:
        return []
    is_one = len(pages) == 1
    if problem.startswith("no"):
        problem = f"{'has' if is_one else 'have'} {problem}"
    return [Note(f"page{'' if is_one else 's'} {ranges(pages)} {problem}", lost=True)]


def _has_picture(page: "PageObject") -> bool:
    try:
        resources = page.get("/Resources", {}).get_object()
        objects = resources.get("/XObject", {}).get_object()
        return any(item.get_object().get("/Subtype") in ("/Image", "/Form") for item in objects.values())
    except Exception:  # a page that is broken
        return False
