"""What a file is, by its content, and how to save what is not read as something that is."""

import io
import re
import zipfile
from typing import NamedTuple

from langgraph_parallel.reading.notes import Unreadable

HTML_SUFFIXES = (".html", ".htm", ".xhtml", ".xht")
_TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".csv", ".tsv", ".tab", ".psv", ".log")
"""Files whose text is read as it stands, even if it is HTML."""
_AS_TEXT = "save it as PDF, .docx or text"
_AS_TABLE = "save it as .xlsx or CSV"
_UNPACK = "unpack it, and name the files in it"
_PICTURE = "it is a picture, and pictures are not read; run text recognition (OCR) over it first"
_SOUND = "sound and video are not read; name a transcript"


class _Refused(NamedTuple):
    start: bytes
    reason: str
    offset: int = 0


_REFUSED = (
    _Refused(b"\x89PNG\r\n", _PICTURE),
    _Refused(b"\xff\xd8\xff", _PICTURE),
    _Refused(b"GIF8", _PICTURE),
    _Refused(b"II*\0", _PICTURE),
    _Refused(b"MM\0*", _PICTURE),
    _Refused(b"WEBP", _PICTURE, 8),
    _Refused(b"ftypheic", _PICTURE, 4),
    _Refused(b"ftypavif", _PICTURE, 4),
    _Refused(b"ftyp", _SOUND, 4),
    _Refused(b"ID3", _SOUND),
    _Refused(b"OggS", _SOUND),
    _Refused(b"fLaC", _SOUND),
    _Refused(b"WAVE", _SOUND, 8),
    _Refused(b"\x1a\x45\xdf\xa3", _SOUND),
    _Refused(b"\x1f\x8b", f"gzip archives are not read; {_UNPACK}"),
    _Refused(b"BZh", f"bzip2 archives are not read; {_UNPACK}"),
    _Refused(b"\xfd7zXZ\0", f"xz archives are not read; {_UNPACK}"),
    _Refused(b"\x28\xb5\x2f\xfd", f"Zstandard archives are not read; {_UNPACK}"),
    _Refused(b"7z\xbc\xaf\x27\x1c", f"7z archives are not read; {_UNPACK}"),
    _Refused(b"Rar!\x1a\x07", f"RAR archives are not read; {_UNPACK}"),
    _Refused(b"ustar", f"tar archives are not read; {_UNPACK}", 257),
    _Refused(b"SQLite format 3\0", "SQLite databases are not read; export the table as CSV"),
    _Refused(b"PAR1", "Parquet files are not read; export the table as CSV"),
    _Refused(b"{\\rtf", f"Rich Text files are not read; {_AS_TEXT}"),
    _Refused(b"%!PS", "PostScript files are not read; save it as PDF"),
    _Refused(b"AT&TFORM", "DjVu files are not read; save it as PDF"),
    _Refused(b"\x7fELF", "it is a program"),
    _Refused(b"MZ\x90", "it is a program"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = {
    "EncryptedPackage": "it is protected by a password; save it without",
    "WordDocument": f"Word files of before 2007 are not read; {_AS_TEXT}",
    "PowerPoint Document": "PowerPoint files are not read; save it as PDF or text",
    "__nameid_version": "Outlook messages are not read; save it as text",
}
"""The reason to refuse an OLE file, by the name of a stream in it."""
_XLS_STREAMS = ("Workbook", "Book")
_OPEN_DOCUMENTS = {
    "text": f"OpenDocument texts are not read; {_AS_TEXT}",
    "presentation": "OpenDocument presentations are not read; save it as PDF or text",
    "graphics": "OpenDocument drawings are not read; save it as PDF or text",
}
_PDF = re.compile(rb"%PDF-\d")
_HTML = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}>\s*)?(<!--.{0,1000}?-->\s*)?<(!doctype\s+html|html[\s>])",
    re.I | re.S,
)
_XML_SHEET = re.compile(
    rb"\s*<\?xml.{0,500}(urn:schemas-microsoft-com:office:spreadsheet|<\?mso-application)", re.S
)


def find_format(data: bytes, suffix: str) -> str:
    """Return what a file is: `text`, `html`, `pdf`, `docx` or `sheets`.

    Args:
        data: all of the file.
        suffix: of its name, in lower case; empty if it has no name.

    Raises:
        Unreadable: it is known, and not read.
    """
    if _PDF.search(data[:1024]) and (suffix == ".pdf" or (suffix not in _TEXT_SUFFIXES and _PDF.match(data))):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(data)
    if data.startswith(_OLE):
        return _ole_format(data)
    for refused in _REFUSED:
        if data.startswith(refused.start, refused.offset) and (
            b"\0" in data[:4096] or not refused.start.isalnum()
        ):
            raise Unreadable(refused.reason)
    if _XML_SHEET.match(data[:1000]):
        raise Unreadable(f"XML spreadsheets of Excel 2003 are not read; {_AS_TABLE}")
    if suffix == ".pdf":
        raise Unreadable("it is not a PDF, although its name ends with .pdf")
    return _text_format(data, suffix)


def _text_format(data: bytes, suffix: str) -> str:
    is_html = _HTML.match(data[:2000])
    if is_html and suffix in (".xls", ".xlsx"):
        raise Unreadable(f"it is a web page, although its name ends with {suffix}; {_AS_TABLE}")
    return "html" if suffix in HTML_SUFFIXES or (is_html and suffix not in _TEXT_SUFFIXES) else "text"


def _zip_format(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            kind = (
                archive.open("mimetype").read(100).decode("ascii", "replace") if "mimetype" in names else ""
            )
    except Exception:  # zipfile raises errors of many kinds on broken files
        raise Unreadable(
            "it is damaged: it begins like a .docx, .xlsx or ZIP file, and cannot be opened"
        ) from None
    return _open_document(kind) if kind else _office_format(names)


def _open_document(kind: str) -> str:
    if "opendocument.spreadsheet" in kind:
        return "sheets"
    for name, reason in _OPEN_DOCUMENTS.items():
        if f"opendocument.{name}" in kind:
            raise Unreadable(reason)
    if "epub" in kind:
        raise Unreadable("e-books (EPUB) are not read; save it as PDF, HTML or text")
    raise Unreadable(f"ZIP archives are not read; {_UNPACK}")


def _office_format(names: list[str]) -> str:
    folders = {name.split("/", 1)[0] for name in names}
    if "word" in folders:
        return "docx"
    if "xl" in folders:
        return "sheets"
    if "ppt" in folders:
        raise Unreadable("PowerPoint files are not read; save it as PDF or text")
    if any(name.endswith(".iwa") for name in names) or "Index.zip" in names:
        raise Unreadable(
            "Pages, Numbers and Keynote files are not read; export it as PDF, .docx, .xlsx or CSV"
        )
    raise Unreadable(f"ZIP archives are not read; {_UNPACK}")


def _ole_format(data: bytes) -> str:
    """Tell OLE files by the names of their streams, which are UTF-16."""
    for stream, reason in _OLE_STREAMS.items():
        if stream.encode("utf-16-le") in data:
            raise Unreadable(reason)
    if any(stream.encode("utf-16-le") in data for stream in _XLS_STREAMS):
        return "sheets"
    raise Unreadable("it is an old Office file of an unknown kind; save it as PDF, .docx, .xlsx or text")
