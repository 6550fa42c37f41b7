"""What every sink does: one row for each key, whatever happens in which order."""

import asyncio
import json
import math
import os
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.catalogue.spelling import COMMAND, PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Spent
from langgraph_parallel.scale.sinks.base import Counts, Sink
from langgraph_parallel.scale.sinks.choose import as_sink
from langgraph_parallel.scale.sinks.journal import Journal
from langgraph_parallel.scale.sinks.naming import Admission, NameRules
from tests.scale.sinks import (
    FILES,
    KINDS,
    MANIFEST,
    ODD_KEYS,
    failed,
    kind_of,
    names_in,
    new_address,
    ok,
    rows_of,
)
from tests.support.forked import in_fork


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new sink of each kind."""
    return new_address(request.param, tmp_path)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Sink]:
    """An open sink."""
    sink = as_sink(address)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def test_a_manifest_comes_back_as_it_was_stored(address: str) -> None:
    """A new sink has none; later it has what the last write stored, and the columns that were found."""
    sink = as_sink(address)
    assert await sink.open() is None
    await sink.write([], MANIFEST)
    await sink.write([ok("1", score=0.5)], replace(MANIFEST, spent=Spent(9, 8, 7, None, 6)))
    await sink.close()
    stored = await sink.open()
    await sink.close()
    assert stored is not None
    assert list(stored.columns) == ["label", "score"]
    parts = {"graph": "labeling", "prompts": {"label": "a\\ud800"}}
    assert replace(stored, columns=["label"]) == replace(MANIFEST, parts=parts, spent=Spent(9, 8, 7, None, 6))


async def test_rows_have_what_their_attempts_took(address: str) -> None:
    """Besides the output: calls, tokens, cost, time, worker, and what made it."""
    async with opened(address) as sink:
        await sink.write([ok("1"), failed("2")], MANIFEST)
    rows = rows_of(address)
    for key, expected in (
        ("1", {"status": "ok", "label": "good", "error": "", "calls": 3, "usd": 0.001, "output_tokens": 5}),
        ("2", {"status": "failed", "error": "it broke", "calls": 1, "usd": 0.0001, "input_tokens": 10}),
    ):
        expected |= {"attempts": 1, "worker": "host:1", "made_with": "0123456789ab"}
        assert {name: rows[key][name] for name in expected} == expected
        assert str(rows[key]["written"]).startswith("20")


async def test_a_key_has_one_row_in_whatever_order_its_results_come(address: str) -> None:
    """Ok replaces failed and stays; attempts add up, over commands and in one write."""
    async with opened(address) as sink:
        await sink.write([ok("kept"), failed("a", "first"), failed("b"), failed("b", "again")], MANIFEST)
        await sink.write([failed("kept"), failed("a", "second"), ok("twice", 1), ok("twice", 2)], MANIFEST)
        assert await sink.counts() == Counts(2, 2)
    async with opened(address) as sink:
        assert {row.key: (row.error, row.attempts) async for row in sink.failures()} == {
            "a": ("second", 2),
            "b": ("again", 2),
        }
        await sink.write(
            [failed("b", "last"), ok("b", "in one write"), ok("a"), ok("kept", "other")], MANIFEST
        )
        assert await sink.counts() == Counts(4, 0)
    found = {key: (row["label"], row["attempts"]) for key, row in rows_of(address).items()}
    assert {key: str(label) for key, (label, _) in found.items()} == {
        "kept": "good",
        "a": "good",
        "b": "in one write",
        "twice": "1",
    }
    assert {key: attempts for key, (_, attempts) in found.items()} == {"kept": 1, "a": 3, "b": 4, "twice": 1}


async def test_keys_that_look_alike_are_different_rows(address: str) -> None:
    """Case, Unicode form, bytes that are not UTF-8, and what looks like their escapes."""
    async with opened(address) as sink:
        await sink.write([ok(key) for key in ODD_KEYS[::2]], MANIFEST)
        await sink.write([failed(key) for key in ODD_KEYS[1::2]], MANIFEST)
        statuses = await sink.stored([*ODD_KEYS, "not there", "caf\\\\\\udce9"])
        assert statuses == {key: "failed" if at % 2 else "ok" for at, key in enumerate(ODD_KEYS)}
        assert {row.key async for row in sink.failures()} == set(ODD_KEYS[1::2])
    assert len(rows_of(address)) == len(ODD_KEYS)


async def test_thousands_of_keys_are_looked_up_at_once(address: str) -> None:
    """In pieces, where a database takes so many values in a query."""
    async with opened(address) as sink:
        await sink.write([ok(str(number)) for number in range(2500)], MANIFEST)
        found = await sink.stored([str(number) for number in range(0, 5000, 2)])
    assert len(found) == 1250
    assert set(found.values()) == {"ok"}


async def test_all_failures_are_redriven(address: str) -> None:
    """More of them than one query reads, each replaced while the others are still to be read."""
    async with opened(address) as sink:
        await sink.write([failed(f"{number:05d}") for number in range(2300)], MANIFEST)
    async with opened(address) as sink:
        seen: list[str] = []
        async for row in sink.failures():
            seen.append(row.key)
            if len(seen) % 500 == 0 or len(seen) == 2300:
                await sink.write([ok(key) for key in seen[-500:]], MANIFEST)
        assert seen == sorted(set(seen))
        assert await sink.counts() == Counts(2300, 0)
    assert {row["status"] for row in rows_of(address).values()} == {"ok"}


VALUES: dict[str, list[Any]] = {
    "texts": ["", "a\nb\t\\N\\.\r", "\\u0000", "😀", "x" * 100_000, None],
    "integers": [0, -1, 2**53, 2**63 - 1, -(2**63) + 1],
    "numbers": [0.1, 1e300, -0.0, 3, math.inf],
    "truths": [True, False, None],
    "structures": [[1, {"a": [None, "é"]}], {}, []],
}


@pytest.mark.parametrize("name", VALUES)
async def test_values_of_one_type_are_stored_as_they_are(address: str, name: str) -> None:
    """Each column has the type of its values; lists and objects are JSON."""
    async with opened(address) as sink:
        for number, value in enumerate(VALUES[name]):
            await sink.write([ok(str(number), value)], MANIFEST)
    rows = rows_of(address)
    for number, value in enumerate(VALUES[name]):
        found = rows[str(number)]["label"]
        if isinstance(value, list | dict) and isinstance(found, str):
            found = json.loads(found)
        if value == math.inf and kind_of(address) == "jsonl":
            value = "Infinity"
        assert found == value, (found, value)


async def test_nan_is_told_from_null(address: str) -> None:
    """As a number where there is one, else by its name."""
    async with opened(address) as sink:
        await sink.write([ok("1", math.nan), ok("2", None), ok("3", 0.5)], MANIFEST)
    found = rows_of(address)
    nan = found["1"]["label"]
    assert nan == "NaN" or math.isnan(nan)
    assert found["2"]["label"] is None
    assert found["3"]["label"] == 0.5


MIXED = [1, 0.5, "text", True, 2**70, [1, "é"], {"a": "\0\ud800"}, None, math.nan, 2**60]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one write", "one by one"])
async def test_values_of_several_types_keep_what_they_say(address: str, at_once: bool) -> None:
    """In one column; where that has to have a type, they are texts."""
    results = [ok(str(number), value) for number, value in enumerate(MIXED)]
    async with opened(address) as sink:
        for some in [results] if at_once else [[result] for result in results]:
            await sink.write(some, MANIFEST)
    found = [rows_of(address)[str(number)]["label"] for number in range(len(MIXED))]
    assert float(found[0]) == 1
    assert float(found[1]) == 0.5
    assert found[2] == "text"
    assert str(found[3]).lower() in ("true", "1")
    assert int(found[4]) == 2**70
    assert found[5] in ([1, "é"], '[1, "é"]')
    assert "ud800" in str(found[6]) or "\ud800" in str(found[6])
    assert found[7] is None
    assert str(found[8]).lower() == "nan"
    assert int(found[9]) == 2**60


async def test_texts_that_cannot_be_stored_as_they_are_are_escaped_and_said(address: str) -> None:
    """Halves of surrogate pairs in a text and in an error; a remark has the number of texts."""
    async with opened(address) as sink:
        await sink.write([ok("1", "half \ud800"), failed("2", "half \udfff"), ok("3", "nul \0")], MANIFEST)
        remarks = list(sink.remarks)
    rows = rows_of(address)
    assert rows["1"]["label"] in ("half \\ud800", "half \ud800")
    assert rows["2"]["error"] == "half \\udfff"
    assert rows["3"]["label"] in ("nul \0", "nul \\u0000")
    if kind_of(address) != "jsonl":
        assert "text" in remarks[0] or "1 text" in remarks[0]


NAMES = ['a "quoted" name', "it's", "select", "Ä ö", "a;--", "%s", "{0}", "a.b", "x" * 63, "?", ":name", "$1"]


async def test_columns_have_any_name(address: str) -> None:
    """With quotes, keywords, marks of placeholders; some come later than others."""
    async with opened(address) as sink:
        await sink.write([ok("1", **dict.fromkeys(NAMES[:6], 1))], MANIFEST)
        await sink.write([ok("2", **dict.fromkeys(NAMES[6:], 2))], MANIFEST)
    rows = rows_of(address)
    assert all(rows["1"][name] == 1 for name in NAMES[:6])
    assert all(rows["2"][name] == 2 for name in NAMES[6:])


UNUSABLE = pytest.mark.parametrize(
    ("names", "message"),
    [
        (["usd"], "'usd' has the name of a column of the sink; give it another name with outputs="),
        (["Status"], "'Status' has the name of a column of the sink"),
        (["Label", "label"], "'Label' and 'label' differ in case only|'label' and 'Label' differ"),
        ([""], "'' cannot be the name of a column"),
        (["a\0b"], "cannot be the name of a column"),
        (["\ud800"], "cannot be the name of a column"),
        (["n" * 1001], "cannot be the name of a column"),
        ([f"c{number}" for number in range(10_001)], "the sink takes [0-9,]+ at most"),
    ],
    ids=["ours", "ours in capitals", "case", "empty", "nul", "half", "long", "many"],
)


@pytest.mark.parametrize(
    ("spelling", "said", "not_said"),
    [(COMMAND, "--output NAME=PATH", "outputs="), (PYTHON, "outputs={'NAME': 'PATH'}", "--output")],
    ids=["command", "python"],
)
def test_a_row_with_a_column_that_cannot_be_says_what_its_caller_writes(
    spelling: Spelling, said: str, not_said: str
) -> None:
    """An option on the command line, and an argument in Python."""
    for names in (["usd"], ["a", "b", "c"]):
        admission = Admission(NameRules(2), (), spelling)
        (result,) = admission.admit([replace(ok("1"), output=dict.fromkeys(names, 1))])
        assert said in result.error
        assert not_said not in result.error


@UNUSABLE
async def test_names_that_cannot_be_columns_are_refused_before_anything_is_paid_for(
    address: str, names: list[str], message: str
) -> None:
    """Of the manifest alone, and of rows; what was there stays."""
    async with opened(address) as sink:
        with pytest.raises(UsageError, match=message):
            await sink.write([], replace(MANIFEST, columns=names))
    async with opened(address) as sink:
        await sink.write([ok("1")], MANIFEST)
        with pytest.raises(UsageError, match=message):
            await sink.write([replace(ok("2"), output=dict.fromkeys(names, 1))], MANIFEST)
        await sink.write([ok("3")], MANIFEST)
    assert set(rows_of(address)) == {"1", "3"}


@UNUSABLE
async def test_a_row_with_a_column_that_cannot_be_fails_alone(
    address: str, names: list[str], message: str
) -> None:
    """What it has cost is stored with the reason, and so are the rows beside it."""
    async with opened(address) as sink:
        await sink.write([], MANIFEST)
        bad = replace(ok("2"), output=dict.fromkeys(names, 1))
        results = Admission(sink.rules, MANIFEST.columns).admit([ok("1"), bad, ok("3", more=1)])
        await sink.write(results, MANIFEST)
    rows = rows_of(address)
    assert {key: row["status"] for key, row in rows.items()} == {"1": "ok", "2": "failed", "3": "ok"}
    assert re.search(message, rows["2"]["error"])
    assert rows["2"]["calls"] == ok("2").spent.calls
    assert rows["3"]["more"] == 1


async def test_a_thousand_columns_and_ten_megabytes_in_one_text(address: str) -> None:
    """Or as many columns as PostgreSQL has room for in a row."""
    many = {f"c{number}": number for number in range(700 if kind_of(address) == "postgres" else 1000)}
    text = "é" * 5_000_000
    async with opened(address) as sink:
        await sink.write([ok("1", **many), ok("2", text)], MANIFEST)
    rows = rows_of(address)
    assert {name: rows["1"][name] for name in many} == many
    assert rows["2"]["label"] == text


async def test_an_empty_run_leaves_a_sink_that_goes_on(address: str) -> None:
    """Opened and closed; with a manifest and without rows."""
    async with opened(address) as sink:
        assert await sink.counts() == Counts(0, 0)
        assert [row async for row in sink.failures()] == []
        assert await sink.stored(["1"]) == {}
    async with opened(address) as sink:
        await sink.write([], MANIFEST)
        assert await sink.counts() == Counts(0, 0)
    assert rows_of(address) == {}
    async with opened(address) as sink:
        await sink.write([ok("1")], MANIFEST)
    assert set(rows_of(address)) == {"1"}


async def test_a_second_writer_is_refused_by_the_name_of_the_first(address: str) -> None:
    """Also one of the same process; after the end of the first there is room."""
    async with opened(address) as sink:
        await sink.write([ok("1")], MANIFEST)
        with pytest.raises(
            UsageError, match=f"process {os.getpid()} on .* is writing to .*; wait for its end"
        ):
            await as_sink(address).open()
        await sink.write([ok("2")], MANIFEST)
    async with opened(address) as sink:
        assert await sink.counts() == Counts(2, 0)


@pytest.mark.parametrize("kind", FILES)
async def test_two_names_of_a_file_are_one_sink(kind: str, tmp_path: Path) -> None:
    """By a link, and by the way through another folder: one writer, one journal."""
    address = new_address(kind, tmp_path)
    name = Path(address).name
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / name
    link.symlink_to(address)
    async with opened(address) as sink:
        await sink.write([ok("1")], MANIFEST)
        for other in (link, tmp_path / "folder" / ".." / name):
            with pytest.raises(UsageError, match="is writing to"):
                await as_sink(other).open()
    async with opened(str(link)) as sink:
        assert await sink.stored(["1"]) == {"1": "ok"}
    assert names_in(tmp_path / "folder") == ([f"{name}"] if kind != "parquet" else [])


@pytest.mark.parametrize("kind", FILES)
async def test_a_forked_process_does_not_keep_the_lock(kind: str, tmp_path: Path) -> None:
    """It may outlive the command, as those of a pool of processes do."""
    address = new_address(kind, tmp_path)
    reads, writes = os.pipe()
    async with opened(address):
        child = in_fork(lambda: os.read(reads, 1))
    async with opened(address):
        pass
    os.write(writes, b".")
    assert child.wait() == 0
    os.close(reads)
    os.close(writes)


async def test_rows_say_with_which_program_they_were_made(address: str) -> None:
    """Of several programs the last one is in force."""
    other = replace(MANIFEST, fingerprint="f" * 64, parts={"graph": "voting"})
    async with opened(address) as sink:
        await sink.write([ok("1")], MANIFEST)
    async with opened(address) as sink:
        await sink.write([ok("2")], other)
    sink = as_sink(address)
    stored = await sink.open()
    await sink.close()
    assert stored is not None
    assert (stored.fingerprint, stored.parts) == (other.fingerprint, other.parts)
    assert {key: row["made_with"] for key, row in rows_of(address).items()} == {
        "1": "0123456789ab",
        "2": "f" * 12,
    }


def make_foreign(kind: str, address: str) -> Path:
    """Something else where the sink would be."""
    path = Path(address)
    if kind == "sqlite":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE rows (mine TEXT)")
            database.execute("INSERT INTO rows VALUES ('mine')")
        database.close()
    elif kind == "parquet":
        path.mkdir()
        path = path / "mine.parquet"
        path.write_text("mine")
    else:
        path.write_text('{"mine": 1}\n')
    return path


@pytest.mark.parametrize("kind", FILES)
async def test_what_is_not_ours_is_left_as_it_is(kind: str, tmp_path: Path) -> None:
    """A table, a file, a folder of the same name; time and again."""
    address = new_address(kind, tmp_path)
    file = make_foreign(kind, address)
    before = file.read_bytes() if kind != "sqlite" else b""
    for _ in range(2):
        with pytest.raises(UsageError, match=r"left as it is|another sink"):
            await as_sink(address).open()
    if kind == "sqlite":
        with sqlite3.connect(file) as database:
            assert database.execute("SELECT * FROM rows").fetchall() == [("mine",)]
        database.close()
    else:
        assert file.read_bytes() == before
        assert names_in(tmp_path) == [str(file.relative_to(tmp_path))]


@pytest.mark.parametrize("kind", FILES)
async def test_a_sink_that_cannot_be_made_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """Its folder is missing, or is a file."""
    (tmp_path / "file").write_text("")
    for folder in ("missing", "file"):
        with pytest.raises(UsageError, match=r"there is no folder .*make it first"):
            await as_sink(str(tmp_path / folder / f"out.{kind}")).open()


async def refused(address: str) -> None:
    """Try to open a sink in vain."""
    with pytest.raises(UsageError, match=r"cannot open .*; what was stored stays"):
        await as_sink(address).open()


@pytest.mark.parametrize("kind", FILES)
def test_a_folder_that_cannot_be_written_to_is_refused_at_once(kind: str) -> None:
    """By a user who may read it; nothing is left in it."""

    def as_another_user() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        asyncio.run(refused(place))

    with tempfile.TemporaryDirectory() as name:
        place = new_address(kind, Path(name))
        os.chmod(name, 0o555)
        try:
            assert in_fork(as_another_user).wait() == 0
        finally:
            os.chmod(name, 0o755)
        assert names_in(Path(name)) == []


def test_a_journal_deletes_only_failures_that_there_are() -> None:
    """Nearly every row is ok at once, and costs one statement; one that had failed is ok after that alone."""
    journal, deleted = Journal(None), list[str]()
    journal.open()
    assert journal._database is not None
    journal._database.set_trace_callback(lambda text: deleted.append(text) if "DELETE" in text else None)
    journal.commit(["1", "2"], {"3": (1, ["x"]), "4": (1, ["x"])}, MANIFEST, [])
    assert not deleted
    journal.commit(["3", "5"], {}, MANIFEST, [], mended=["3"])
    assert len(deleted) == 1
    assert journal.stored(["1", "2", "3", "4", "5"]) == dict.fromkeys("1235", "ok") | {"4": "failed"}
    journal.close()
