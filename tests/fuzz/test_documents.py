"""Documents of any content: a text or one clear reason, in bounded time and memory."""

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.reading.confined_worker import parse
from langgraph_parallel.reading.decoding import decode_text
from langgraph_parallel.reading.documents import DocumentReader
from langgraph_parallel.reading.formats import find_format
from langgraph_parallel.reading.notes import Parsed, Unreadable
from tests.cli.office import docx, paragraph, pdf, xlsx
from tests.support.fuzzing import fuzz

fuzzed = partial(fuzz, examples=200, deadline=10_000)
SAMPLES = {
    "pdf": pdf("One line", None, "Another"),
    "docx": docx(paragraph("Report", "Heading1") + paragraph("text")),
    "sheets": xlsx({"A": [["id", "comment"], [1, "text"]], "B": [["x"]]}),
    "html": b"<html><meta charset=utf-8><h1>A</h1><table><tr><td>b</table><script>c</script><!-- d -->",
}
_TAGS = [
    *(
        "<p>",
        "</p>",
        "<b",
        ">",
        "<",
        "</",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<template>",
        "</template>",
    ),
    *(
        "<table><tr><td>",
        "</td>",
        "<pre>",
        "\n",
        "&#",
        "&amp;",
        "&#x110000;",
        "<![CDATA[",
        "<?",
        "<h1>",
        "<li>",
    ),
    *("<meta charset=", '"shift_jis">', '"utf-16">', '"punycode">', "text", "é", "\0", "\ufeff"),
]
suffixes = st.sampled_from(["", ".txt", ".html", ".pdf", ".docx", ".xlsx", ".md"])


def check(parser: Callable[..., Parsed], *arguments: object) -> str:
    """Check that a parser returns text and notes that say something, or a reason; return the reason."""
    try:
        parsed = parser(*arguments)
    except Unreadable as error:
        reason = str(error)
        assert reason.strip()
        return reason
    assert isinstance(parsed.text, str)
    assert all(note.text for note in parsed.notes)
    assert all(isinstance(cell, str) for sheet in parsed.sheets for row in sheet.rows for cell in row)
    return ""


@st.composite
def damaged(draw: st.DrawFn, sample: bytes) -> bytes:
    """Change, cut and repeat parts of a file."""
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["set", "cut", "add", "end"]))
        if kind == "set" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "add":
            data[at:at] = draw(st.binary(max_size=12)) or data[at : at + 20]
        elif kind == "end":
            del data[at:]
    return bytes(data)


@given(
    st.binary(max_size=600), st.sampled_from([None, "utf-8", "shift_jis", "iso-2022-jp", "utf-16", "no such"])
)
@fuzzed
def test_any_bytes_are_decoded_or_refused(data: bytes, declared: str | None) -> None:
    """There is no other exception than the one that has a reason."""
    check(decode_text, data, declared)


@given(
    st.binary(max_size=60),
    suffixes,
    st.sampled_from([b"", b"PK\x03\x04", b"%PDF-1.4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]),
)
@fuzzed
def test_any_format_is_told(data: bytes, suffix: str, start: bytes) -> None:
    """Whatever follows the mark of a format."""
    check(lambda: Parsed(find_format(start + data, suffix)))


@given(st.lists(st.sampled_from(_TAGS), max_size=80).map("".join))
@fuzzed
def test_any_html_is_read(markup: str) -> None:
    """HTML has no faults that readers mind."""
    for data in (markup.encode(), markup.encode("utf-16")):
        assert check(parse, "html", data) in ("", "it is not text (binary)")


@given(
    st.sampled_from(sorted(SAMPLES)).flatmap(lambda kind: st.tuples(st.just(kind), damaged(SAMPLES[kind])))
)
@fuzzed
def test_damaged_documents_are_read_or_refused(sample: tuple[str, bytes]) -> None:
    """Parsers raise errors of all kinds; a person gets a reason."""
    check(parse, *sample)


def test_a_process_outlives_what_it_parses() -> None:
    """A reader goes on after any document, in the same process or another."""
    with DocumentReader() as reader:
        for kind, sample in SAMPLES.items():
            for cut in (len(sample) // 2, len(sample) - 1):
                check(reader.parse, sample[:cut], f".{kind}")
        assert reader.parse(SAMPLES["pdf"], ".pdf").text.strip().startswith("One line")
