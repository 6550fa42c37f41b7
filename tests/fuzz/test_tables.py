"""Tables of any content: texts or one clear error, in bounded time."""

import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.tables import read_table
from tests.support.fuzzing import fuzz

fuzzed = partial(fuzz, examples=400, deadline=5_000)
_PIECES = [
    *",;\t|\"'\n\r\\ #^\0\ufeff\u2028\x0c\x01",
    "id",
    "comment",
    "customer comment",
    "sep=;",
    '""',
    "1",
    "2026-01-01",
    "Good bike!",
    "ann@example.org",
    "é",
    "感想",
]
texts = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)
encodings = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp932", "koi8-r"]
)
tables = st.one_of(
    st.binary(max_size=400),
    st.builds(lambda text, encoding: text.encode(encoding, errors="replace"), texts, encodings),
)
names = st.sampled_from(["f.csv", "f.tsv", "f.txt", "f", "f.xls", "f.md"])


def check_read(name: str, data: bytes, column: str | None = None) -> dict[str, str]:
    """Read a table, and check what comes of it; return its texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            table = read_table(str(path), column)
        except UsageError as error:
            message = str(error).replace(folder, "")
            assert message.strip()
            assert "Error" not in message
            return {}
    assert all(text.strip() for text in table.texts.values())
    assert all(name.strip() for name in table.texts)
    return table.texts


@given(names, tables, st.sampled_from([None, "comment", "no such"]))
@fuzzed
def test_any_table_is_read_or_refused(name: str, data: bytes, column: str | None) -> None:
    """There is no other exception than the one that a person reads."""
    check_read(name, data, column)


fields = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    str.strip
)


@given(
    st.lists(fields, min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
@fuzzed
def test_no_text_is_lost(rows: list[str], delimiter: str, end: str, encoding: str) -> None:
    """A table that is written by the rules is read as it was written, in every dialect."""
    quoted = ['"{}"'.format(text.replace('"', '""')) for text in rows]
    lines = [f"id{delimiter}comment", *(f"n{number}{delimiter}{text}" for number, text in enumerate(quoted))]
    texts = check_read("f.csv", (end.join(lines) + end).encode(encoding))
    assert texts == {f"n{number}": text for number, text in enumerate(rows)}


@given(st.lists(texts, min_size=1, max_size=8))
@fuzzed
def test_no_row_without_quotes_is_cut(rows: list[str]) -> None:
    """Whatever delimiters are in a row, all of its text is kept."""
    rows = ["".join(c for c in row if c not in "\"'\r\n\0\ufeff\\") for row in rows]
    content = "id,comment\n" + "".join(f"n{number},{row}x\n" for number, row in enumerate(rows))
    texts = check_read("f.csv", content.encode())
    assert {name: text.strip() for name, text in texts.items()} == {
        f"n{number}": f"{row}x".strip() for number, row in enumerate(rows)
    }
