"""Text of .docx files."""

import io

from langgraph_parallel.reading.notes import Note, Parsed
from langgraph_parallel.reading.parsers.archives import check_unpacked
from langgraph_parallel.reading.parsers.html import html_text

_STYLES = "p[style-name='Title'] => h1:fresh\ncomment-reference => sup"


def docx_text(data: bytes) -> Parsed:
    """Return the text of a .docx file in reading order, as `html_text` does; notes and comments last.

    Raises:
        Unreadable: it is too large when unpacked.
        Exception: it is damaged, in one of many ways.
    """
    import mammoth

    check_unpacked(data)
    converted = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=_STYLES,
        include_embedded_style_map=False,  # it could hide text
        convert_image=mammoth.images.img_element(lambda image: {}),
    )
    parsed = html_text(converted.value.encode("utf-8", errors="replace"))
    if any("officeDocument/2006/math" in message.message for message in converted.messages):
        return Parsed(parsed.text, [*parsed.notes, Note("its formulas are left out", lost=True)])
    return parsed
