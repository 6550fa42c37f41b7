"""Documents of all formats: their text, or what they are and how to save them as one that is read."""

import gzip
import io
import json
import random
import sys
import zlib
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from langgraph_parallel.cli.app import run
from langgraph_parallel.reading import confined
from langgraph_parallel.reading.confined_worker import parse
from langgraph_parallel.reading.documents import DocumentReader, read_documents
from langgraph_parallel.reading.notes import Unreadable
from langgraph_parallel.reading.parsers import archives
from langgraph_parallel.records import Skipped
from tests.cli.office import archive, docx, paragraph, pdf, xlsx
from tests.cli.support import write

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def read(content: str | bytes, name: str) -> tuple[str, str]:
    """Read a document, and return its text and all remarks in one line."""
    write({name: content})
    with DocumentReader() as reader:
        text = reader.read(Path(name))
        assert isinstance(text, str), text
        return text, "; ".join(remark.text for remark in reader.remarks)


def refusal(content: str | bytes, name: str) -> str:
    """Return why a document is not read."""
    write({name: content})
    with DocumentReader() as reader:
        skipped = reader.read(Path(name))
    assert isinstance(skipped, Skipped), skipped
    return skipped.reason


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "cp1252"),
        ("<META http-equiv=Content-Type content='text/html; charset=windows-1251'>", "cp1251"),
        ('<?xml version="1.0" encoding="Shift_JIS"?><html>', "cp932"),
        ('<meta charset="iso-2022-jp">', "iso-2022-jp"),
        ('<meta charset="iso-8859-1">', "utf-8"),
        ('<meta charset="utf-16">', "utf-8"),
        ('<meta charset="no-such">', "utf-8"),
        ("", "utf-16"),
    ],
)
def test_html_is_decoded_as_it_declares(head: str, encoding: str) -> None:
    """A declaration counts, but not against a byte order mark or text that is UTF-8."""
    text = {"cp1251": "Отзыв", "cp932": "感想です", "iso-2022-jp": "感想です"}.get(encoding, "Größe")
    parsed = parse("html", f"{head}<p>{text}</p>".encode(encoding))
    assert (parsed.text, list(parsed.notes)) == (f"{text}\n", [])


def test_a_declaration_that_is_wrong_is_said() -> None:
    """The text is read as a guess instead."""
    parsed = parse(
        "html", '<meta charset="utf-8"><p>Schöne große Brücke, größer und höher</p>'.encode("cp1252")
    )
    assert parsed.text == "Schöne große Brücke, größer und höher\n"
    assert "does not fit utf-8, which it declares" in parsed.notes[0].text


def test_nested_tags_are_refused_in_linear_time() -> None:
    """A million tags in each other are refused; a thousand that are never closed are read."""
    for tags in (b"<div>" * 1_000_000 + b"deep", b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000):
        with pytest.raises(Unreadable, match="its tags are nested more than 5,000 deep"):
            parse("html", tags)
    assert parse("html", b"<li>item" * 1_000).text.count("item") == 1_000


def test_word_files_are_read_in_order() -> None:
    """Headings are marked, tables keep their rows, inserted text counts and deleted text does not."""
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(paragraph('a'))}{cell(paragraph('b, c'))}</w:tr></w:tbl>"
    inserted, deleted = "<w:r><w:t>new</w:t></w:r>", "<w:r><w:delText>old</w:delText></w:r>"
    changes = f"<w:p><w:ins>{inserted}</w:ins><w:del>{deleted}</w:del></w:p>"
    control = f"<w:sdt><w:sdtContent>{paragraph('in a field')}</w:sdtContent></w:sdt>"
    body = paragraph("Report", "Heading1") + paragraph("One & two") + table + changes + control
    assert read(docx(body), "a.docx") == ("# Report\n\nOne & two\n\na\n\nb, c\n\nnew\n\nin a field\n", "")
    assert refusal(docx(paragraph("")), "b.docx") == "it has no text"
    assert refusal(docx("<w:p>"), "c.docx") == "it is damaged, and cannot be opened"
    nested = "<w:sdt><w:sdtContent>" * 5000 + paragraph("x") + "</w:sdtContent></w:sdt>" * 5000
    assert refusal(docx(nested), "d.docx") == "its parts are nested too deeply"


def test_spreadsheets_are_documents_too() -> None:
    """Each row is a line, below the name of its sheet if there are several."""
    assert read(xlsx({"A": [["a", 1.0, ""], [], ["b\nc", 2.5]]}), "a.xlsx")[0] == "a | 1\nb c | 2.5\n"
    assert read(xlsx({"A": [["a"]], "B": [[]], "C": [["c"]]}), "b.xlsx")[0] == "# A\na\n# C\nc\n"
    assert refusal(xlsx({"A": []}), "c.xlsx") == "it has no text"


def test_pages_without_text_are_named() -> None:
    """Pages of pictures are no text; a PDF of nothing else is said to be that."""
    text, remarks = read(pdf("One", None, "", None, "Five"), "a.pdf")
    assert [page.strip() for page in text.split("\f")] == ["One", "", "", "", "Five"]
    assert remarks == "pages 2, 4 have no text, but pictures"
    assert refusal(pdf(None), "b.pdf").startswith("it has no text: it holds pictures; run text recognition")
    assert refusal(pdf(""), "c.pdf") == "it has no text"


def test_encrypted_pdfs_are_said_to_be_that() -> None:
    """One that opens without a password is read."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Secret"))))
    writer.encrypt(user_password="", owner_password="x", algorithm="RC4-128")
    writer.write("a.pdf")
    assert read(Path("a.pdf").read_bytes(), "a.pdf")[0].strip() == "Secret"
    writer.encrypt(user_password="x", algorithm="RC4-128")
    writer.write("b.pdf")
    assert refusal(Path("b.pdf").read_bytes(), "b.pdf") == "it is encrypted; save a copy without a password"


def test_documents_that_unpack_to_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, whatever they are packed with."""
    spaces = zlib.compress(b" " * 80_000_000, 9)
    stream = b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(spaces), spaces)
    bomb = pdf("x").replace(b"BT /F1", b"BT /F2")
    at = bomb.index(b"5 0 obj") + len(b"5 0 obj")
    bomb = bomb[:at] + stream + bomb[bomb.index(b" endobj", at) :]
    assert refusal(bomb, "a.pdf").startswith("page 1 unpacks to more than is read")
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10_000)
    for kind, large in (("docx", docx(" " * 10_000)), ("sheets", xlsx({"A": [["x" * 10_000]]}))):
        with pytest.raises(Unreadable, match=r"it unpacks to 1\d,\d+ bytes; at most 10,000 are read"):
            parse(kind, large)
    pages = pdf(*["x"] * 2).replace(b"/Count 2", b"/Count 9999").replace(b"4 0 R 6 0 R", b"4 0 R " * 6000)
    assert "more than 5,000 pages" in refusal(pages, "c.pdf")


UNREAD: list[tuple[str, bytes, str]] = [
    ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "it is protected by a password"),
    (
        "a.doc",
        OLE + "WordDocument".encode("utf-16-le"),
        "Word files of before 2007 are not read; save it as PDF",
    ),
    ("a.ppt", OLE + "PowerPoint Document".encode("utf-16-le"), "PowerPoint files are not read"),
    ("a.msg", OLE + "__nameid_version1.0".encode("utf-16-le"), "Outlook messages are not read"),
    (
        "a.odt",
        archive({"mimetype": "application/vnd.oasis.opendocument.text"}),
        "OpenDocument texts are not read",
    ),
    ("a.epub", archive({"mimetype": "application/epub+zip"}), "e-books (EPUB) are not read"),
    ("a.pptx", archive({"ppt/presentation.xml": "x"}), "PowerPoint files are not read"),
    ("a.pages", archive({"Index/Document.iwa": "x"}), "Pages, Numbers and Keynote files are not read"),
    ("a.zip", archive({"a.txt": "x"}), "ZIP archives are not read; unpack it"),
    ("a.docx", archive({"word/document.xml": "x"})[:-30], "it is damaged: it begins like a .docx"),
    ("a.txt", b"\x89PNG\r\n\x1a\n\0\0", "it is a picture"),
    ("a.pdf", b"\xff\xd8\xff\xe0\0\x10JFIF", "it is a picture"),
    ("a.txt", b"RIFF\0\0\0\0WAVE", "sound and video are not read"),
    ("a.csv.gz", gzip.compress(b"a,b", mtime=0), "gzip archives are not read; unpack it"),
    ("a.txt", b"SQLite format 3\0", "SQLite databases are not read; export the table as CSV"),
    ("a.rtf", b"{\\rtf1 text}", "Rich Text files are not read; save it as PDF"),
    ("a.ps", b"%!PS-Adobe-3.0\n", "PostScript files are not read"),
    ("a.xls", b"<html><table></table></html>", "it is a web page, although its name ends with .xls"),
    ("a.pdf", b"<html>Sign in</html>", "it is not a PDF, although its name ends with .pdf"),
    ("a.pdf", b"%PDF-1.4 cut", "it is damaged, and cannot be opened"),
    ("a.txt", random.Random(7).randbytes(2000) + b"\0" * 9, "it is not text (binary)"),
    ("a.txt", bytes(range(1, 9)) * 99 + b"\xff", "it is not text (binary)"),
]
"""A name, contents that are not read, and what is said of them."""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    UNREAD,
    ids=[f"{number} {name}" for number, (name, _, _) in enumerate(UNREAD)],
)
def test_what_is_not_read_is_called_by_its_name(name: str, content: bytes, reason: str) -> None:
    """By its content, whatever its name is, and with the way out."""
    assert refusal(content, name).startswith(reason)


def test_text_that_only_looks_like_a_format_is_text() -> None:
    """Words at the start of a text are not marks of a format."""
    for text in (
        "MZ is a code.",
        "BZh, ID3 and OggS",
        "GIF89 pictures",
        "PAR1 column",
        "%PDF-1.7 is a mark",
        "PK",
    ):
        assert read(text, "a.md")[0] == text
    assert read("<html><p>raw</p></html>", "a.txt")[0] == "<html><p>raw</p></html>"
    assert read("<!DOCTYPE html><p>page</p>", "page")[0] == "page\n"


def test_a_document_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is ended, and the next document is read by another."""
    monkeypatch.setitem(confined.MAX_SECONDS, "html", 1)
    with confined.Confined() as parser:
        with pytest.raises(Unreadable, match="reading it takes more than 1 s"):
            parser.parse("html", b"<p>word</p>" * 1_500_000)
        assert parser.parse("html", b"<p>next</p>").text == "next\n"


def test_a_parser_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that has it; text in UTF-8 needs none."""
    for module in ("pypdf", "mammoth", "python_calamine", "charset_normalizer"):
        monkeypatch.setitem(sys.modules, module, None)
    for kind, data in (("pdf", pdf("x")), ("docx", docx(paragraph("x"))), ("sheets", xlsx({"A": [["x"]]}))):
        with pytest.raises(
            Unreadable, match=r"needs the extra: pip install 'langgraph-parallel\[documents\]'"
        ):
            parse(kind, data)
    assert read("Größe", "a.txt") == ("Größe", "")
    assert "it is not UTF-8, and guessing its encoding needs the extra" in refusal(
        "Größe".encode("cp1252"), "b.txt"
    )


def test_modules_beside_the_documents_are_not_run() -> None:
    """A folder may hold anything, also Python files with the names of parsers."""
    write({"pypdf.py": "open('run', 'w')", "langgraph_parallel.py": "open('run', 'w')", "a.pdf": pdf("Text")})
    with DocumentReader() as reader:
        assert str(reader.read(Path("a.pdf"))).strip() == "Text"
    assert not Path("run").exists()


def test_what_was_not_read_is_said_even_with_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """What was left out on purpose is named without --quiet only."""
    write({"a.md": "Sales fell in May, since shops were closed.", "b.pdf": pdf(None), "c.xyz": "x"})
    write({"d.txt": "Café sales fell, too, since shops were closed.".encode("cp1252")})
    pictures = "not read: b.pdf (it has no text: it holds pictures; run text recognition (OCR) over it first)"
    guess = "note: d.txt: is read as Windows-1252 (Western European) (Café), a guess, as it is not UTF-8; "
    for command in (["brief", "."], ["research", "Why did sales fall?", "."]):
        assert run([*command, "--offline", "--quiet"]) == 0
        err = capsys.readouterr().err
        assert err.splitlines() == [pictures, f"{guess}if wrong, save it as UTF-8"]
        assert run([*command, "--offline"]) == 0
        assert "not read: c.xyz (not included)" in capsys.readouterr().err
    files = read_documents(["."])
    assert files.unread == {"b.pdf"}


def test_a_gate_does_not_pass_on_what_was_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A page without text needs a review."""
    write({"a.pdf": pdf("A quiet day.", None)})
    assert run(["moderate", "a.pdf", "--checks", "spam", "--fail-on", "needs_review", "--quiet"]) == 1
    assert capsys.readouterr().err == "not all is read: a.pdf: page 2 has no text, but pictures\n"


def test_a_table_in_a_pipe_may_be_of_any_format(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes from standard input has no name, and is told by its content."""
    for data in (xlsx({"A": [["text"], ["Great"]]}), b"\xef\xbb\xbftext\r\nGreat\r\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert run(["feedback", "-", "--offline", "--quiet", "--format", "json"]) == 0
        assert [row["text"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["Great"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pdf(None))))
    assert run(["moderate", "-"]) == 2
    assert "cannot moderate standard input: it has no text: it holds pictures" in capsys.readouterr().err
