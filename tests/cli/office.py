"""Small files of office programs and PDFs, built from nothing."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_OPEN = "http://schemas.openxmlformats.org"
_RELATED = f"{_OPEN}/officeDocument/2006/relationships"


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """Build a ZIP archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return data.getvalue()


def docx(body: str) -> bytes:
    """Build a .docx file; `body` is the XML of its paragraphs and tables."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{_OPEN}/package/2006/content-types"/>',
            "_rels/.rels": _relationships({"officeDocument": "word/document.xml"}),
            "word/document.xml": f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>',
        }
    )


def paragraph(text: str, style: str = "") -> str:
    """Return the XML of a paragraph of a .docx file."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def xlsx(sheets: Mapping[str, Sequence[Sequence[str | float]]], hidden: Sequence[str] = ()) -> bytes:
    """Build an .xlsx file from the rows of its sheets."""
    names, related, parts = "", {}, {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        names += f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"{state}/>'
        related[f"r{number}"] = f"worksheets/sheet{number}.xml"
        cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{_OPEN}/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'
        )
    targets = "".join(
        f'<Relationship Id="{key}" Type="{_RELATED}/worksheet" Target="{target}"/>'
        for key, target in related.items()
    )
    package = f"{_OPEN}/package/2006/relationships"
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{_OPEN}/package/2006/content-types"/>',
            "_rels/.rels": _relationships({"officeDocument": "xl/workbook.xml"}),
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{targets}</Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{_OPEN}/spreadsheetml/2006/main" xmlns:r="{_RELATED}">'
            f"<sheets>{names}</sheets></workbook>",
            **parts,
        }
    )


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def _relationships(targets: Mapping[str, str]) -> str:
    items = "".join(
        f'<Relationship Id="r" Type="{_RELATED}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_OPEN}/package/2006/relationships">{items}</Relationships>'


def pdf(*pages: str | None) -> bytes:
    """Build a PDF with one line on each page, or a picture where it is None."""
    font = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    picture = b"/XObject<</I 3 0 R>>"
    numbers = range(4, 4 + 2 * len(pages), 2)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        _stream(
            b"\0", b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
        ),
    ]
    for number, text in zip(numbers, pages, strict=True):
        drawing = (
            b"100 0 0 100 0 0 cm /I Do" if text is None else f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode()
        )
        parts += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents %d 0 R/Resources<<%s>>>>"
            % (number + 1, picture if text is None else font),
            _stream(drawing),
        ]
    document, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(document))
        document += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(parts) + 1, table)
    trailer = b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(document))
    return document + end + trailer


def _stream(data: bytes, about: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (about, len(data), data)
