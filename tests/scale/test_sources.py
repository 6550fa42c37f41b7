"""Sources: what they read, which keys they give, and what they refuse before anything is paid."""

import decimal
import gzip
import importlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from langgraph_parallel.catalogue.spelling import COMMAND
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.documents import DocumentReader
from langgraph_parallel.reading.notes import Remark
from langgraph_parallel.scale import amap_items
from langgraph_parallel.scale.addresses import check_address
from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.sinks.choose import as_sink
from langgraph_parallel.scale.sources import text_file
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.sources.choose import as_source
from langgraph_parallel.scale.sources.folder import Folder
from langgraph_parallel.scale.sources.records import RecordSource


async def read(source: Source) -> list[Row]:
    """Return all rows of a source."""
    return [row async for row in source.rows()]


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Return what writes a file and returns its path."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


POSTGRES = os.environ.get("POSTGRES", "")
"""URL of a database."""
LINES = '{"id": 7, "text": "one"}\n\n{"id": "8", "text": "two", "more": [1]}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", LINES.replace("\n", "\r\n")),
        ("a.txt", LINES),
        ("a.jsonl.gz", gzip.compress(LINES.encode())),
        ("a.jsonl", "\ufeff" + LINES),
        ("a.jsonl", LINES.encode("utf-16")),
    ],
    ids=["plain", "crlf", "by content", "gzip", "mark", "utf-16"],
)
async def test_json_lines_are_read_in_any_wrapping(put: Any, name: str, content: str | bytes) -> None:
    """Blank lines are none; without a key the rows are counted, with one they are called by it."""
    path = put(name, content)
    expected: list[dict[str, Any]] = [{"id": 7, "text": "one"}, {"id": "8", "text": "two", "more": [1]}]
    source = as_source(path)
    assert source.columns == ["id", "text", "more"]
    assert source.total() == 2
    assert await read(source) == [Row("1", expected[0]), Row("2", expected[1])]
    assert [row.key for row in await read(as_source(path, "id"))] == ["7", "8"]


@pytest.mark.parametrize(
    ("lines", "key", "error"),
    [
        ('{"a": 1}\n{"a": }\n', None, "line 2, column 7 is not JSON: expecting value"),
        ('{"a": 1}\n[1, 2]\n', None, "line 2 is not an object or a text, but '[1, 2]'"),
        ('{"a": 1}\n{"b": 1}\n', "a", "line 2 has no key 'a'; it has b"),
        ('{"a": 1}\n{"a": null}\n', "a", "line 2 has an empty key 'a'"),
        ('{"a": 1}\n{"a": "  "}\n', "a", "line 2 has an empty key 'a'"),
        ('{"a": 1}\n{"a": {}}\n', "a", "line 2 has a list or an object as its key 'a'"),
        ('{"a": 1}\n{"a": 2}\n{"a": "1"}\n', "a", "the key '1' comes twice: in lines 1 and 3"),
        ('{"a": 1}\n', "b", "has no column 'b' for the keys; the columns are a"),
    ],
    ids=[
        "not JSON",
        "a list",
        "missing key",
        "null key",
        "blank key",
        "nested key",
        "key twice",
        "no column",
    ],
)
async def test_what_is_wrong_is_told_before_the_first_row(
    put: Any, lines: str, key: str | None, error: str
) -> None:
    """All of a file is looked at first, as rows before a bad one would be paid for."""
    with pytest.raises(UsageError) as raised:
        await anext(as_source(put("a.jsonl", lines), key).rows())
    assert error in str(raised.value)


async def test_bad_lines_of_a_large_file_are_rows_that_fail(
    put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that takes long to read is not read twice: nothing of it is lost, and nothing ends the run."""
    monkeypatch.setattr(text_file, "_LOOKED_AT", 0)
    path = put("a.jsonl", '{"id": "x"}\nnonsense\n{"id": "y"}\n')
    source = as_source(path, "id")
    assert source.total() is None
    rows = await read(source)
    assert [(row.key, row.error) for row in rows] == [
        ("x", ""),
        ("line 2", "line 2, column 1 is not JSON: expecting value"),
        ("y", ""),
    ]
    with pytest.raises(UsageError, match="the key 'x' comes twice: in lines 1 and 2"):
        await read(as_source(put("b.jsonl", '{"id": "x"}\n{"id": "x"}\n'), "id"))


async def test_json_that_no_process_or_database_takes_is_mended(put: Any) -> None:
    """Half characters, NaN and numbers of any length have a form that can travel and be stored."""
    line = '{"half": "a\\ud83d b", "whole": "\\ud83d\\ude00", "long": 123456789012345678901, "nan": NaN}'
    (row,) = await read(as_source(put("a.jsonl", line)))
    assert row.data == {
        "half": "a\ufffd b",
        "whole": "\U0001f600",
        "long": "123456789012345678901",
        "nan": None,
    }


@pytest.mark.parametrize(
    ("content", "columns", "first"),
    [
        ("id,text\n1,a\n", ["id", "text"], {"id": "1", "text": "a"}),
        ("id;comment\n1;a, b\n2;c\n", ["id", "comment"], {"id": "1", "comment": "a, b"}),
        ("id\tcomment\n1\ta\n2\tb\n", ["id", "comment"], {"id": "1", "comment": "a"}),
        ("sep=|\nid|comment\n1|a\n", ["id", "comment"], {"id": "1", "comment": "a"}),
        ('id,text\n1,"a\nb ""c"""\n', ["id", "text"], {"id": "1", "text": 'a\nb "c"'}),
        ("\ufeffid,text\r\n1,a\r\n", ["id", "text"], {"id": "1", "text": "a"}),
        (
            "Export of 2026\nid,text,n\n1,a,2\n2,b,3\n",
            ["id", "text", "n"],
            {"id": "1", "text": "a", "n": "2"},
        ),
        ("text\nhello, you\n", ["text"], {"text": "hello, you"}),
        ("id,text,text,\n1,a,b,c\n", ["id", "text", "text 2", "column 4"], {"text": "a", "text 2": "b"}),
    ],
    ids=["commas", "semicolons", "tabs", "sep", "quotes", "mark", "title", "one column", "repeated names"],
)
async def test_tables_of_any_dialect_are_read(
    put: Any, content: str, columns: list[str], first: dict[str, str]
) -> None:
    """Delimiter, quotes and header are found as for other commands."""
    source = as_source(put("a.csv", content))
    assert source.columns == columns
    rows = await read(source)
    assert source.total() == len(rows)
    assert first.items() <= dict(rows[0].data).items()


async def test_the_encoding_of_a_table_is_that_of_all_of_it(put: Any) -> None:
    """The first foreign character may come long after the sample that the delimiter is found by."""
    lines = [f"{number};nothing special in row {number}" for number in range(40_000)]
    text = "\n".join(["id;comment", *lines, "40000;Schöne Schuhe, aber viel zu groß für mich und meine Füße"])
    source = as_source(put("a.csv", text.encode("cp1252")), "id")
    rows = await read(source)
    assert rows[-1].key == "40000"
    assert str(rows[-1].data["comment"]).startswith("Schöne Schuhe, aber viel zu groß")
    assert any("Windows-1252" in remark for remark in source.remarks)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("id,text\n1,hello, world\n", "line 2 has 3 fields, and the header has 2"),
        ('id,text\n1,"never closed\n2,b\n', "a quote that is opened in line 2 is not closed"),
        ("1,2026-01-01\n2,2026-01-02\n", "it has no header: its first row is data"),
        ("\n\n", "has no rows"),
        (bytes(range(256)) * 9, "it is not text"),
    ],
    ids=["too many fields", "open quote", "no header", "empty", "binary"],
)
async def test_tables_that_would_be_misread_are_refused(put: Any, content: str | bytes, error: str) -> None:
    """Nothing is guessed of what belongs where."""
    with pytest.raises(UsageError) as raised:
        await read(as_source(put("a.csv", content)))
    assert error in str(raised.value)


async def test_a_quote_that_is_never_closed_does_not_take_the_rest_into_memory(put: Any) -> None:
    """The row ends after many lines, and is told by its first."""
    lines = "x\n" * 300_000
    with pytest.raises(UsageError, match="opened in line 2 is not closed"):
        await read(as_source(put("a.csv", f'id,text\n1,"{lines}')))


async def test_rows_that_are_narrow_or_oddly_quoted_are_kept_and_told(put: Any) -> None:
    """What is missing is empty, and quotes within a field stay."""
    source = as_source(put("a.csv", 'id,text,n\n1,short\n2,x "y" z,5\n3,fine,6\n'))
    rows = await read(source)
    assert rows[0].data == {"id": "1", "text": "short", "n": None}
    assert rows[1].data == {"id": "2", "text": 'x "y" z', "n": "5"}
    assert any("lines 2 have fewer fields" in remark for remark in source.remarks)


async def test_lines_of_plain_text_are_items(put: Any) -> None:
    """A text without a header has a text on each line; one with a header is a table, whatever its name."""
    assert [row.data for row in await read(as_source(put("a.txt", "one, two\n\n three \n")))] == [
        {"text": "one, two"},
        {"text": "three"},
    ]
    assert as_source(put("b.txt", "id\tcomment\n1\tnice\n2\tbad\n")).columns == ["id", "comment"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.json", '[{"a": 1}]', "jq -c"),
        ("a.jsonl", '[{"a": 1}]', "a.jsonl is one JSON document"),
        ("a.json", '{"a":\n 1}', "a.json is one JSON document"),
        ("a.jsonl", '{"a": 1},\n{"a": 2}\n', "line 1, column 9 is not JSON: a comma follows the value"),
        ("a.db", b"SQLite format 3\0", "is an SQLite database; name it by its URL, sqlite:///"),
        ("a.pdf", "%PDF-1.4", "name the folder that it is in"),
        ("a.xlsx", "PK\x03\x04", "save the sheet as CSV"),
        ("a.jsonl.bz2", "BZh9", "compress it with gzip"),
        ("a.jsonl.gz", gzip.compress(LINES.encode() * 99)[:-9], "its archive is damaged"),
    ],
    ids=[
        "an array",
        "lines in an array",
        "an object on lines",
        "commas after lines",
        "a database",
        "a document",
        "a workbook",
        "bzip2",
        "half an archive",
    ],
)
async def test_files_that_are_not_read_say_what_to_do(
    put: Any, name: str, content: str | bytes, error: str
) -> None:
    """Each says what it is, or what to save it as."""
    with pytest.raises(UsageError) as raised:
        await read(as_source(put(name, content)))
    assert error in str(raised.value)


async def test_a_folder_is_read_by_document(put: Any, tmp_path: Path) -> None:
    """A document that cannot be read is a row that fails under its path; others go on."""
    put("docs/b/ü x.txt", "hello")
    put("docs/a.md", "# Title")
    put("docs/broken.pdf", "%PDF-1.4 nothing")
    put("docs/empty.txt", "")
    put("docs/picture.png", "PNG")
    source = as_source(tmp_path / "docs")
    assert source.total() == 4
    rows = {row.key: row for row in await read(source)}
    assert rows["a.md"].data == {"path": "a.md", "text": "# Title"}
    assert rows["b/ü x.txt"].data["text"] == "hello"
    assert rows["broken.pdf"].error.startswith("cannot read broken.pdf: ")
    assert rows["empty.txt"].error == "cannot read empty.txt: it has no text"
    assert any(".png" in remark for remark in source.remarks)
    with pytest.raises(UsageError, match="identified by their paths"):
        as_source(tmp_path / "docs", "id")
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="there is no document in"):
        as_source(tmp_path / "none")


async def test_of_many_remarks_on_documents_the_first_are_kept(put: Any, tmp_path: Path) -> None:
    """The others are counted, so that a million documents with remarks take no memory for them."""
    for number in range(30):
        put(f"docs/{number:02}.txt", "text")
    source = Folder(tmp_path / "docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DocumentReader, "read", _remarking)
        await read(source)
    assert [remark.split(":")[0] for remark in source.remarks] == [
        *(f"{number:02}.txt" for number in range(10) for _ in range(2)),
        "and 40 more remarks on documents",
    ]
    assert len(source._told) == 20


def _remarking(reader: DocumentReader, path: Path) -> str:
    """Read a document with two remarks on it."""
    reader.remarks += [Remark(path.name, "one"), Remark(path.name, "two")]
    return "text"


def test_standard_input_is_what_its_content_is() -> None:
    """It is kept in a file, so that it can be looked at before its rows are run."""
    code = (
        "import asyncio\n"
        "from langgraph_parallel.scale.sources.choose import as_source\n"
        "async def main():\n"
        "    source = as_source('-', 'id')\n"
        "    print(source.total(), source.name, [(row.key, dict(row.data)) async for row in source.rows()])\n"
        "asyncio.run(main())\n"
    )
    for given in ('{"id": 1, "t": "a"}\n', "id,t\n1,a\n"):
        done = subprocess.run(
            [sys.executable, "-c", code], input=given, capture_output=True, text=True, check=False
        )
        assert done.stdout.startswith("1 standard input [('1', {'id': "), done.stderr
    empty = subprocess.run(
        [sys.executable, "-c", code], input="", capture_output=True, text=True, check=False
    )
    assert "standard input is empty" in empty.stderr


async def test_a_pipe_with_a_name_is_read_as_standard_input_is(tmp_path: Path) -> None:
    """As that of `<(command)` in a shell, which can be read once only."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(LINES,))
    writer.start()
    source = as_source(path, "id")
    writer.join()
    assert (source.name, source.total()) == (str(path), 2)
    assert [row.key for row in await read(source)] == ["7", "8"]


async def _pages() -> AsyncIterator[dict[str, Any]]:
    for number in range(3):
        yield {"id": number}


def _count() -> Iterator[dict[str, Any]]:
    return ({"id": number} for number in range(3))


class _Frame:
    """A data frame as polars has it."""

    def __len__(self) -> int:
        return 3

    def iter_rows(self, *, named: bool) -> Iterator[dict[str, Any]]:
        """Iterate over the rows."""
        assert named
        return _count()


class _Located:
    """Rows of a data frame by number."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def __getitem__(self, part: slice) -> "_Located":
        return _Located(self._rows[part])

    def to_dict(self, kind: str) -> list[dict[str, Any]]:
        """Return the rows."""
        assert kind == "records"
        return self._rows


class _Pandas:
    """A data frame as pandas has it."""

    iloc = _Located(list(_count()))
    to_dict = None

    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("items", "total"),
    [
        (list(_count()), 3),
        (tuple(_count()), 3),
        (_count(), None),
        (_pages(), None),
        (_Frame(), 3),
        (_Pandas(), 3),
    ],
    ids=["list", "tuple", "generator", "async generator", "polars", "pandas"],
)
async def test_items_of_a_program_are_read(items: Any, total: int | None) -> None:
    """Iterables of any kind, and data frames, without an import of what they come from."""
    source = as_source(items, "id")
    assert source.columns in (["id"], None)
    assert source.total() == total
    assert [(row.key, row.data) for row in await read(source)] == [(str(n), {"id": n}) for n in range(3)]


async def test_texts_and_mappings_of_texts_are_items() -> None:
    """Texts have the column `text`; in a mapping they are called by their names."""
    assert await read(as_source(["a", "b"])) == [Row("1", {"text": "a"}), Row("2", {"text": "b"})]
    assert await read(as_source({"x": "a"})) == [Row("x", {"name": "x", "text": "a"})]
    with pytest.raises(UsageError, match="choose one"):
        as_source({"train": ["a"], "test": ["b"]})
    with pytest.raises(UsageError, match="item 2 is int"):
        await read(as_source(["a", 1]))
    with pytest.raises(UsageError, match="items cannot be read from NoneType"):
        as_source(None)


class _Sums(BaseModel):
    """A record with what JSON lacks."""

    number: float = float("nan")
    data: bytes = b"\xff"


async def test_values_that_json_lacks_are_null_or_texts() -> None:
    """Numbers that are none, numbers of any size, and bytes."""
    decimals = {
        "a": "Infinity",
        "b": "NaN",
        "c": "sNaN",
        "d": "1e400",
        "e": "2.50",
        "f": "1e999999",
        "g": "7",
    }
    (row,) = await read(as_source([{name: decimal.Decimal(text) for name, text in decimals.items()}]))
    assert row.data == {
        "a": None,
        "b": None,
        "c": None,
        "d": "1E+400",
        "e": 2.5,
        "f": "1E+999999",
        "g": 7,
    }
    (record,) = await read(as_source([_Sums()]))
    assert record.data == {"number": None, "data": "/w=="}


async def test_keys_may_have_half_characters() -> None:
    """As names of files do that are not UTF-8; they differ, or are told to be the same."""
    keys = ["a\ud800", "a\ud801", "é", "a"]
    assert [row.key for row in await read(as_source([{"k": key} for key in keys], "k"))] == keys
    with pytest.raises(UsageError, match=r"the key 'a\\ud800' comes twice: in items 1 and 2"):
        await read(as_source([{"k": "a\ud800"}, {"k": "a\ud800"}], "k"))


async def test_a_key_that_comes_twice_in_an_iterator_names_both() -> None:
    """It can be read once only, so the error comes where the second is."""
    source = as_source(({"id": number % 700} for number in range(2000)), "id")
    with pytest.raises(UsageError, match="the key '0' comes twice: in items 1 and 701"):
        await read(source)


async def test_rows_of_a_database_are_streamed(tmp_path: Path) -> None:
    """A table has its primary key, a query needs one; decimals and dates become JSON values."""
    pytest.importorskip("sqlalchemy", reason="needs the extra sql")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table reviews (id integer primary key, text text, price decimal)")
        connection.executemany(
            "insert into reviews values (?, ?, ?)", [(n, f"text {n}", n * 1.5) for n in range(2500)]
        )
    connection.close()
    url = f"sqlite:///{tmp_path}/x.db"
    source = as_source(url, query="reviews")
    assert source.total() == 2500
    assert source.columns == ["id", "text", "price"]
    rows = await read(source)
    assert rows[3] == Row("3", {"id": 3, "text": "text 3", "price": 4.5})
    assert len(rows) == 2500
    few = as_source(url, "text", "select text from reviews where id < 3;")
    assert (few.total(), [row.key for row in await read(few)]) == (3, ["text 0", "text 1", "text 2"])
    colons = as_source(url, "id", "select id, 'at :noon 10:30' as t from reviews where text like '%7%'")
    assert (await read(colons))[0].data == {"id": 7, "t": "at :noon 10:30"}
    for query, key, error in (
        ("select id from reviews", None, "name the column of the keys"),
        ("select nobody from reviews", "id", "no such column: nobody"),
        ("", None, "a database needs a query"),
    ):
        with pytest.raises(UsageError, match=error):
            as_source(url, key, query)


def test_what_cannot_be_opened_is_said_once(put: Any) -> None:
    """Not that it cannot be read because it is not there, or is not text."""
    for name, said in (
        ("none.csv", "there is no file {}; check the path"),
        ("a\0b", "cannot read {!r}: embedded"),
    ):
        with pytest.raises(UsageError) as raised:
            as_source(name)
        assert str(raised.value).startswith(said.format(name))


def _joined_database(folder: Path) -> Source:
    pytest.importorskip("sqlalchemy", reason="needs the extra sql")
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("create table a (id integer, text text)")
        connection.execute("insert into a values (1, 'one')")
        connection.execute("create table b (id integer, text text)")
        connection.execute("insert into b values (7, 'seven')")
    connection.close()
    return as_source(f"sqlite:///{folder}/x.db", "id 2", "select * from a, b")


def _joined_parquet(folder: Path) -> Source:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    names = ["id", "text", "id", "text"]
    table = pyarrow.Table.from_arrays([[1], ["one"], [7], ["seven"]], names=names)
    importlib.import_module("pyarrow.parquet").write_table(table, folder / "x.parquet")
    return as_source(folder / "x.parquet", "id 2")


def _joined_csv(folder: Path) -> Source:
    (folder / "x.csv").write_text("id,text,id,text\n1,one,7,seven\n")
    return as_source(folder / "x.csv", "id 2")


@pytest.mark.parametrize(
    "joined", [_joined_database, _joined_parquet, _joined_csv], ids=["sql", "parquet", "csv"]
)
@pytest.mark.parametrize("used", [None, ["text 2"]], ids=["all", "one"])
async def test_the_second_column_of_a_name_has_another(
    joined: Any, used: list[str] | None, tmp_path: Path
) -> None:
    """As in the result of a join: none of them is dropped, and the first keeps its name."""
    source = joined(tmp_path)
    assert source.columns == ["id", "text", "id 2", "text 2"]
    assert [remark.split(": ")[1] for remark in source.remarks] == [
        "its second column 'id' is called 'id 2'",
        "its second column 'text' is called 'text 2'",
    ]
    if used is not None:
        assert isinstance(source, RecordSource)
        source.narrow(used)
    (row,) = await read(source)
    assert row.key == "7"
    assert {"id 2": "7", "text 2": "seven"}.items() <= {
        name: str(one) for name, one in row.data.items()
    }.items()
    if used is None:
        assert [str(one) for one in row.data.values()] == ["1", "one", "7", "seven"]


@pytest.mark.skipif(not POSTGRES, reason="POSTGRES is not set")
async def test_rows_of_postgresql_are_json_values() -> None:
    """Numbers, times, arrays, documents and bytes, fetched in pieces by a cursor of the server."""
    pytest.importorskip("sqlalchemy", reason="needs the extra sql")
    query = (
        "select n as id, n * 1.5 as price, timestamp '2026-05-01' as at, array['a', 'b'] as tags, "
        "'{\"k\": 1}'::jsonb as more, 'x'::bytea as data from generate_series(1, 2500) n"
    )
    source = as_source(POSTGRES, "id", query)
    assert source.total() == 2500
    rows = await read(source)
    assert len(rows) == 2500
    assert rows[0].data == {
        "id": 1,
        "price": 1.5,
        "at": "2026-05-01T00:00:00",
        "tags": ["a", "b"],
        "more": {"k": 1},
        "data": "x",
    }


def _said(url: str) -> list[str]:
    """Return what a source and a sink say of an address: their errors, or their names."""
    said = []
    for opened in (lambda: as_source(url, "id", "t"), lambda: as_sink(url)):
        try:
            said.append(opened().name)
        except UsageError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize(
    "before",
    ["", "x@", "x/", "x?", "x#", "1/", "1?"],
    ids=["plain", "at", "slash", "mark", "hash", "1/", "1?"],
)
@pytest.mark.parametrize("port", ["1", "port"], ids=["a port", "no port"])
def test_no_error_of_a_database_has_its_password(before: str, port: str) -> None:
    """Neither where it cannot be reached, nor where its URL cannot be read, or the password ends early."""
    pytest.importorskip("sqlalchemy", reason="needs the extra sql")
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    said = _said(f"postgresql://u:{before}hunter2@127.0.0.1:{port}/db")
    assert "hunter2" not in " ".join(said)
    if before:
        assert all("write @ as %40, / as %2F, ? as %3F and # as %23" in text for text in said)


def test_an_at_sign_that_ends_no_password_is_read() -> None:
    """In the path of a file, and in the values of a query."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    assert (
        as_sink("postgresql://127.0.0.1/db?user=me@home").name
        == "postgresql://me@home@127.0.0.1/db, table rows"
    )
    check_address("sqlite:///reviews@home.db")


def test_each_face_is_told_its_own_words(tmp_path: Path) -> None:
    """Arguments in Python, options on the command line."""
    pytest.importorskip("sqlalchemy", reason="needs the extra sql")
    url = f"sqlite:///{tmp_path}/x.db"
    for given, python, command in (
        ((url, None, None), r"SqlSource\(url, 'select", "--query 'select"),
        ((url, None, "select 1 as a"), "with key='COLUMN'", "with --key COLUMN"),
        ((str(tmp_path), "id", None), "leave out key='id'", "leave out --key id"),
    ):
        with pytest.raises(UsageError, match=python):
            as_source(given[0], given[1], given[2])
        with pytest.raises(UsageError, match=command):
            as_source(given[0], given[1], given[2], COMMAND)
    with pytest.raises(UsageError, match="is not the address of a database that SQLAlchemy knows"):
        as_source("s3://bucket/x.csv", "id", "t")


async def test_parquet_is_read_in_parts_and_by_column(tmp_path: Path) -> None:
    """A folder of parts is one table; only what is used is read, and keys are compared first."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(2):
        ids = [f"{part}-{number}" for number in range(1500)]
        table = pyarrow.table({"id": ids, "text": ids, "n": [float("nan")] * 1500})
        parquet.write_table(table, folder / f"part-{part}.parquet")
    source = as_source(folder, "id")
    assert (source.total(), source.columns) == (3000, ["id", "text", "n"])
    assert (await read(source))[1500] == Row("1-0", {"id": "1-0", "text": "1-0", "n": None})
    assert isinstance(source, RecordSource)
    source.narrow(["text"])
    assert (await read(source))[0].data == {"id": "0-0", "text": "0-0"}
    parquet.write_table(pyarrow.table({"id": [1, 2, 1]}), tmp_path / "twice.parquet")
    with pytest.raises(UsageError, match="comes twice"):
        await read(as_source(tmp_path / "twice.parquet", "id"))


async def test_dates_beyond_those_of_python_are_texts(tmp_path: Path) -> None:
    """Parquet has years of up to seven digits, and nanoseconds."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    seconds = pyarrow.array([2_534_023_008_000, 0], pyarrow.timestamp("ms"))
    columns = {
        "near": seconds,
        "far": pyarrow.array([2_534_023_008_000_123, None], pyarrow.timestamp("ms", "UTC")),
        "day": pyarrow.array([50_000_000, 0], pyarrow.date32()),
        "days": pyarrow.array([[50_000_000, 0], []], pyarrow.list_(pyarrow.date32())),
        "part": pyarrow.array([{"day": 50_000_000}, None], pyarrow.struct([("day", pyarrow.date32())])),
        "span": pyarrow.array([2**62, 1], pyarrow.duration("s")),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "far.parquet")
    first, second = await read(as_source(tmp_path / "far.parquet"))
    assert first.data == {
        "near": "2050-04-19T23:16:48",
        "far": "82269-12-29T00:00:00.123+00:00",
        "day": "138865-05-08",
        "days": ["138865-05-08", "1970-01-01"],
        "part": {"day": "138865-05-08"},
        "span": "4611686018427387904 s",
    }
    assert (second.data["near"], second.data["days"]) == ("1970-01-01T00:00:00", [])


async def test_what_a_sink_writes_beside_its_input_is_no_input(tmp_path: Path) -> None:
    """A folder of documents stays one, and a folder of parts has the parts that it had."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    (tmp_path / "one.txt").write_text("one")
    sink = tmp_path / "out.parquet"

    def fails(path: str) -> str:
        if path == "one.txt":
            return path
        raise ValueError(path)

    (tmp_path / "two.txt").write_text("two")
    for kept in (0, 2):
        report = await amap_items(fails, tmp_path, sink=sink)
        assert (report.items, report.kept) == (2, kept)
    assert {"out.failed.parquet", "out.parquet"} <= {*os.listdir(tmp_path)}
    parts = importlib.import_module("pyarrow.parquet")
    parts.write_table(pyarrow.table({"path": ["a"]}), tmp_path / "part.parquet")
    assert [row.data for row in await read(as_source(tmp_path))] == [{"path": "a"}]


async def test_a_row_costs_little(tmp_path: Path) -> None:
    """100,000 JSON lines are looked at and read in less than 15 microseconds of processor time each."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for number in range(100_000):
            file.write(json.dumps({"id": f"r-{number}", "text": "It came late.", "rating": 3}) + "\n")
    source = as_source(path, "id")
    began = time.process_time()
    count = 0
    async for _ in source.rows():
        count += 1
    spent = time.process_time() - began
    assert count == 100_000
    assert spent / count < 15e-6
