"""Bytes as text: Unicode by its marks or its form, else by a declaration or a guess that is named."""

import codecs
import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from langgraph_parallel.reading.notes import Note, Parsed, Unreadable

MISSING_EXTRA = "needs the extra: pip install 'langgraph-parallel[documents]'"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_NAMES = {
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp932": "Shift JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "EUC-KR (Korean)",
    "koi8_r": "KOI8-R (Cyrillic)",
    "cp866": "IBM 866 (Cyrillic)",
    "iso8859_5": "ISO 8859-5 (Cyrillic)",
    "iso8859_2": "ISO 8859-2 (Central European)",
    "cp850": "IBM 850 (Western European)",
    "cp852": "IBM 852 (Central European)",
    "mac_roman": "Mac OS Roman",
    "cp874": "Windows-874 (Thai)",
}
"""The encodings that are guessed: of all that exist, short texts would be taken for rare ones."""
_WEB_MEANINGS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
"""What browsers take a declared encoding for; one that has to be read to be UTF-16 is not."""
_WEB_CODECS = re.compile(r"(cp\d+|iso8859-|iso2022_jp|koi8-|mac-|euc_|gb|big5|shift_jis|johab)")
_NON_CHARACTERS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_FOREIGN_BYTE = re.compile(rb"[\x80-\xff]")
_FOREIGN_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*|[^\x00-\x7f]")
_SAMPLE = 200_000
"""Bytes that are looked at to tell text from other data."""
_CONTINUATIONS = bytes(range(0x80, 0xC0))
"""Bytes within a character of UTF-8, with which a block may begin."""
_GUESSED_UTF16 = Note("is read as UTF-16, a guess, as it has no byte order mark")


def decode_text(data: bytes, declared: str | None = None) -> Parsed:
    """Decode text.

    A byte order mark counts most, then UTF-8 if the bytes are UTF-8 and not ASCII, then the declaration.
    Otherwise the encoding is guessed, and the note says which.

    Args:
        data: the bytes of a file.
        declared: encoding that the file names itself; None if it names none.

    Raises:
        Unreadable: it is not text, or its encoding cannot be told.
    """
    for mark, encoding, name in _MARKS:
        if data.startswith(mark):
            return _decode_marked(data, encoding, name)
    if b"\0" in data:
        return _decode_unmarked_utf16(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _decode_other(data, declared)
    codec = _web_codec(declared)
    if codec is not None and codec.startswith("iso2022"):  # its bytes are all ASCII
        text = data.decode(codec, errors="replace")
    return Parsed(text)


def find_encoding(blocks: Iterable[bytes]) -> tuple[str, list[Note]]:
    """Find the encoding of a text of any length, of which one block is held at a time.

    It is that in which `decode_text` would decode the whole; bytes that do not fit are to be replaced.

    Args:
        blocks: all of the text, in blocks of at least 4 bytes, but for the last.

    Returns:
        Python's name of the encoding, and what was guessed.

    Raises:
        Unreadable: it is not text, or its encoding cannot be told.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_first = True
    for block in blocks:
        if is_first:
            is_first = False
            for mark, encoding, _ in _MARKS:
                if block.startswith(mark):
                    return encoding, []
        if b"\0" in block:
            return _unmarked_utf16(block), [_GUESSED_UTF16]
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return _find_other(block.lstrip(_CONTINUATIONS))
    return "utf-8", []


def _find_other(block: bytes) -> tuple[str, list[Note]]:
    if len(_NON_CHARACTERS.findall(block[:_SAMPLE])) > len(block[:_SAMPLE]) * 0.01:
        raise Unreadable("it is not text (binary)")
    if _damaged_utf8(block) is not None:
        return "utf-8", [Note("is UTF-8 with faulty bytes, shown as \ufffd", lost=True)]
    encoding, text = _guess_encoding(block)
    return encoding, [_guess_note(encoding, text, None)]


def _decode_marked(data: bytes, encoding: str, name: str) -> Parsed:
    try:
        return Parsed(data.decode(encoding))
    except UnicodeDecodeError:
        text = data.decode(encoding, errors="replace")
    return Parsed(text, [_damage_note(text, name)])


def _decode_unmarked_utf16(data: bytes) -> Parsed:
    return Parsed(data.decode(_unmarked_utf16(data), errors="replace"), [_GUESSED_UTF16])


def _unmarked_utf16(data: bytes) -> str:
    """Return the encoding of UTF-16 without a mark: of mostly Latin text, every other byte is 0."""
    sample = data[: _SAMPLE // 2 * 2]
    half = len(sample) // 2
    for encoding, zeros, others in (
        ("utf-16-le", sample[1::2], sample[::2]),
        ("utf-16-be", sample[::2], sample[1::2]),
    ):
        if half and zeros.count(0) > half * 0.6 and others.count(0) < half * 0.02 and len(data) % 2 == 0:
            return encoding
    raise Unreadable("it is not text (binary)")


def _decode_other(data: bytes, declared: str | None) -> Parsed:
    codec = _web_codec(declared)
    if codec is not None:
        with contextlib.suppress(UnicodeDecodeError):  # the declaration is not right
            return Parsed(data.decode(codec))
    sample = data[:_SAMPLE]
    if len(_NON_CHARACTERS.findall(sample)) > len(sample) * 0.01:
        raise Unreadable("it is not text (binary)")
    return _damaged_utf8(data) or _guess(data, declared)


def _web_codec(declared: str | None) -> str | None:
    """Return Python's name of the encoding that browsers read a declaration as; None if it names none."""
    try:
        name = codecs.lookup((declared or "").strip()).name
    except (LookupError, ValueError):  # an unknown name; one with a NUL
        return None
    meaning = _WEB_MEANINGS.get(name, name)
    return meaning if meaning == "utf-8" or _WEB_CODECS.match(meaning) else None


def _damaged_utf8(data: bytes) -> Parsed | None:
    """Decode UTF-8 with few faulty bytes; None if the text is more likely in another encoding."""
    text = data.decode("utf-8", errors="replace")
    faults = text.count("\ufffd")
    foreign = len(text) - len(text.encode("ascii", errors="ignore")) - faults
    return Parsed(text, [_damage_note(text, "UTF-8")]) if foreign >= 10 * faults else None


def _damage_note(text: str, name: str) -> Note:
    places = text.count("\ufffd")
    return Note(
        f"is {name} with faulty bytes, shown as \ufffd in {places:,} place{'s'[: places != 1]}", lost=True
    )


def _guess(data: bytes, declared: str | None) -> Parsed:
    encoding, text = _guess_encoding(data)
    notes = [_guess_note(encoding, text, declared)]
    if "\ufffd" in text:
        notes.append(_damage_note(text, _NAMES[encoding]))
    return Parsed(text, notes)


def _guess_encoding(data: bytes) -> tuple[str, str]:
    """Return the most likely encoding, and the text in it."""
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        raise Unreadable(f"it is not UTF-8, and guessing its encoding {MISSING_EXTRA}") from None
    matches = list(from_bytes(_sample_of(data), cp_isolation=list(_NAMES)))
    if not matches:
        raise Unreadable("its encoding cannot be told; save it as UTF-8")
    encoding = _most_likely(matches)
    return encoding, data.decode(encoding, errors="replace")


def _guess_note(encoding: str, text: str, declared: str | None) -> Note:
    word = _FOREIGN_WORD.search(text)
    shown = f" ({word[0][:30]})" if word else ""
    instead = (
        f" does not fit {declared.strip()}, which it declares, nor UTF-8" if declared else " is not UTF-8"
    )
    return Note(f"is read as {_NAMES[encoding]}{shown}, a guess, as it{instead}; if wrong, save it as UTF-8")


def _most_likely(matches: Sequence[Any]) -> str:
    """Return the encoding of the best match; of those that fit as well, the most frequent one."""
    best = matches[0]
    alike = [
        match
        for match in matches
        if match.percent_chaos <= best.percent_chaos and match.percent_coherence >= best.percent_coherence - 1
    ]
    names = [name for match in alike for name in (match.encoding, *match.could_be_from_charset)]
    return "cp1252" if "cp1252" in names else best.encoding


def _sample_of(data: bytes) -> bytes:
    """Return the part of a long text that begins with its first foreign word, up to an end of line."""
    if len(data) <= _SAMPLE:
        return data
    first = _FOREIGN_BYTE.search(data)
    start = max(0, first.start() - 1000) if first else 0
    sample = data[start : start + _SAMPLE]
    end = max(sample.rfind(b"\n"), sample.rfind(b" ", len(sample) - 1000)) + 1
    return sample[:end] or sample
