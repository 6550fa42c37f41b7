"""The files of the run store: they shrink, outlive crashes, and take in the stores of earlier versions."""

import contextlib
import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_parallel.cli import compressed, run_files
from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.compressed import CompressedSerializer
from langgraph_parallel.cli.run_files import RunStoreError
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.records import Coverage, Finding, Lines, Review, Support, record_types
from tests.cli.support import MAIN, UNSAFE
from tests.support.server import ModelServer, Reply

REVIEW = ["review", "app.py", "--aspects", "security", "--no-engines", "--voters", "2"]
OFFLINE = ["review", "app.py", "--aspects", "security", "--offline"]


@pytest.fixture(autouse=True)
def code(folder: Path, server: ModelServer) -> None:
    """Put a file to review into the current folder, and let models find nothing."""
    Path("app.py").write_text(UNSAFE)
    server.always(Reply(json={"findings": []}))


def kept_files() -> list[str]:
    """Return the names of all files of the store but the list."""
    return sorted(path.name for path in RunStore().path.parent.rglob("*") if path.is_file())[:-1]


def as_of_earlier_version(filling: int = 0) -> None:
    """Turn the store into one of the earlier version: one file, with plain checkpoints of all runs."""
    store = RunStore()
    earlier = store.path.with_name("earlier.sqlite")
    with contextlib.closing(sqlite3.connect(earlier)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "CREATE TABLE runs (id TEXT PRIMARY KEY, started REAL NOT NULL, command TEXT NOT NULL, "
            "folder TEXT NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL, summary TEXT NOT NULL)"
        )
        for kept in store.all():
            line = dataclasses.asdict(kept) | {"settings": json.dumps(kept.settings)}
            database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", [*line.values()][:7])
            if kept.resumable:
                _copy_plain(store.files.checkpoints(kept.id), database)
                store.files.delete(kept.id)
        query = "INSERT INTO checkpoints (thread_id, checkpoint_id, checkpoint) VALUES (?, 'c', zeroblob(?))"
        database.executemany(query, [(f"done-{number}", 100_000) for number in range(filling)])
    earlier.replace(store.path)


def _copy_plain(file: Path, target: sqlite3.Connection) -> None:
    with contextlib.closing(sqlite3.connect(file)) as source:
        source.row_factory = sqlite3.Row
        for table, creation in source.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            target.execute(creation)
            for row in map(dict, source.execute(f"SELECT * FROM {table}")):
                if (row["type"] or "").endswith("+zlib"):
                    held = "checkpoint" if table == "checkpoints" else "value"
                    row |= {"type": row["type"].removesuffix("+zlib"), held: zlib.decompress(row[held])}
                places = ", ".join("?" * len(row))
                target.execute(f"INSERT INTO {table} VALUES ({places})", [*row.values()])


def partial_run(model: str, server: ModelServer) -> str:
    """Run a review of which a voter fails, and return its id."""
    server.on("reviewer 2 ", Reply(status=418))
    assert run([*REVIEW, "--model", model]) == 0
    server.always(Reply(json={"findings": []}))
    server.requests.clear()
    return RunStore().all()[0].id


def test_a_done_run_leaves_a_line(model: str, server: ModelServer) -> None:
    """A run that is not done has a file; when it is done, or forgotten, the file is gone."""
    first, second = partial_run(model, server), partial_run(model, server)
    assert kept_files() == sorted(f"{id}{end}" for id in (first, second) for end in (".run.json", ".sqlite"))
    assert run(["review", "--resume", first]) == 0
    assert kept_files() == sorted([f"{first}.run.json", f"{second}.run.json", f"{second}.sqlite"])
    assert run(["runs", "forget", second]) == 0
    assert kept_files() == [f"{first}.run.json"]
    assert [kept.state for kept in RunStore().all()] == ["done"]


def test_keep_keeps_the_report_and_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    """`runs show` prints it as text and as JSON, with what the run took; forgetting deletes it."""
    assert run([*OFFLINE, "--keep"]) == 0
    printed = capsys.readouterr().out
    id = RunStore().all()[0].id
    assert kept_files() == [f"{id}.json", f"{id}.run.json"]
    assert run(["runs", "show", id[:-2]]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(printed)
    assert "engine runs" in shown
    assert run(["runs", "show", id, "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["format"], record["run"]["branches"]) == ("langgraph-parallel/review", {"ok": 2})
    assert run(OFFLINE) == 0
    assert run(["runs", "forget", RunStore().all()[0].id]) == 0
    assert kept_files() == [f"{id}.json", f"{id}.run.json"]
    assert run(["runs", "forget", id]) == 0
    assert kept_files() == []


def test_a_run_that_is_resumed_keeps_its_report(model: str, server: ModelServer) -> None:
    """What `--keep` asked for holds until the run is done."""
    server.on("reviewer 2 ", Reply(status=418))
    assert run([*REVIEW, "--model", model, "--keep"]) == 0
    id = RunStore().all()[0].id
    assert kept_files() == [f"{id}.run.json", f"{id}.sqlite"]
    server.always(Reply(json={"findings": []}))
    assert run(["review", "--resume", id]) == 0
    assert kept_files() == [f"{id}.json", f"{id}.run.json"]


def test_runs_of_an_earlier_version_go_on(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are listed, moved to files of their own, and resumed; the list shrinks."""
    assert run(OFFLINE) == 0
    id = partial_run(model, server)
    as_of_earlier_version(filling=20)
    assert [kept.state for kept in RunStore().all()] == ["partial", "done"]
    assert RunStore().path.stat().st_size > 2_000_000
    capsys.readouterr()
    assert run(["runs"]) == 0
    assert id in capsys.readouterr().out
    RunStore().begin("review b.py", {})
    assert RunStore().path.stat().st_size < 50_000
    assert f"{id}.sqlite" in kept_files()
    assert run(["review", "--resume", id]) == 0
    assert len(server.requests) == 1


def test_runs_of_an_earlier_version_are_forgotten(model: str, server: ModelServer) -> None:
    """Without being moved before."""
    partial_run(model, server)
    as_of_earlier_version(filling=20)
    assert RunStore().forget() == 1
    assert (kept_files(), RunStore().all()) == ([], [])
    assert RunStore().path.stat().st_size < 50_000


def test_a_process_that_is_killed_while_it_moves_runs_loses_none(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is written again."""
    id = partial_run(model, server)
    as_of_earlier_version()
    copy = run_files._copy

    def copy_and_die(*arguments: Any) -> None:
        copy(*arguments)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(run_files, "_copy", copy_and_die)
        with pytest.raises(SystemExit):
            RunStore().begin("review b.py", {})
    assert [kept.id for kept in RunStore().all()] == [id]
    assert run(["review", "--resume", id]) == 0
    assert len(server.requests) == 1


def test_many_processes_share_the_list(model: str, server: ModelServer) -> None:
    """They begin and finish runs at once, while the first of them moves those of an earlier version."""
    id = partial_run(model, server)
    as_of_earlier_version(filling=5)
    errors: list[BaseException] = []
    together = threading.Barrier(8)

    def begin_and_finish() -> None:
        try:
            together.wait()
            store = RunStore()
            kept = store.begin("review b.py", {})
            run_files.create_private(store.files.checkpoints(kept.id))
            store.finish(kept.id, "done", "No findings.")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=begin_and_finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [kept.state for kept in RunStore().all()].count("done") == 8
    assert kept_files() == [f"{id}.sqlite"]


def test_what_a_killed_process_leaves_behind_is_deleted() -> None:
    """Files of runs that are done or not listed; not those of runs that may go on."""
    store = RunStore()
    running, done = store.begin("review a.py", {}), store.begin("review b.py", {}, keep=True)
    store.finish(done.id, "done", "No findings.", record="{}")
    live, left = (
        [f"{running.id}.sqlite", f"{running.id}.sqlite-wal"],
        [f"{done.id}.sqlite", "other.sqlite", "x"],
    )
    for name in (*live, *left):
        (store.path.parent / "runs" / name).touch()
    store.begin("review c.py", {})
    assert kept_files() == sorted([*live, f"{done.id}.json"])


def test_a_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The files of the store may not grow, as on a full disk; what was listed before is still listed."""
    kept = RunStore().begin("review b.py", {})
    Path("app.py").write_text("".join(f"VALUE_{number} = {number * 7919}\n" for number in range(20_000)))
    command = [sys.executable, "-c", MAIN, *OFFLINE]
    limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 120; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: cannot keep runs in " in done.stderr
    assert "use --no-keep, or set XDG_STATE_HOME" in done.stderr
    assert kept.id in [listed.id for listed in RunStore().all()]


def test_a_store_that_cannot_be_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are listed from a write-protected folder, and none begins there."""
    kept = RunStore().begin("review b.py", {})

    def refuse(*arguments: Any) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    assert [listed.id for listed in RunStore().all()] == [kept.id]
    with pytest.raises(RunStoreError, match=r"Read-only file system; use --no-keep, or set XDG_STATE_HOME"):
        RunStore().begin("review c.py", {})


def test_a_result_outlives_a_store_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report is written although the run cannot be recorded as done."""

    def refuse(*arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    @contextlib.contextmanager
    def failing(store: RunStore) -> Iterator[None]:
        with run_files.explained(store.path.parent):
            refuse()
            yield

    begin = RunStore.begin

    def begin_and_fill(store: RunStore, *arguments: Any, **options: Any) -> Any:
        kept = begin(store, *arguments, **options)
        monkeypatch.setattr(RunStore, "_open", failing)
        return kept

    monkeypatch.setattr(RunStore, "begin", begin_and_fill)
    assert run([*OFFLINE, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["findings"]
    assert "database or disk is full; use --no-keep" in err


def test_checkpoints_are_compressed() -> None:
    """Long values take a fraction; short ones, and those of earlier versions, are as LangGraph has them."""
    plain, ours = JsonPlusSerializer(), CompressedSerializer()
    value = {"files": {f"{number}.py": UNSAFE for number in range(100)}}
    kind, data = ours.dumps_typed(value)
    assert len(data) * 10 < len(plain.dumps_typed(value)[1])
    assert ours.loads_typed((kind, data)) == value
    assert ours.loads_typed(plain.dumps_typed(value)) == value
    assert ours.dumps_typed("short") == plain.dumps_typed("short")


@pytest.mark.parametrize("number", [0, 1, 500, 501, 1000, 1001])
def test_findings_are_stored_in_pieces(number: int) -> None:
    """A review and a list of any length come back as they were, also from what LangGraph itself writes."""
    plain = JsonPlusSerializer(allowed_msgpack_modules=record_types())
    ours = CompressedSerializer(allowed_msgpack_modules=record_types())
    coverage = Coverage(files=["a.py"], lines=number, skipped=[], not_reviewed=[], unread=[])
    findings = [_finding(line) for line in range(1, number + 1)]
    review = Review(judged_by=["ruff"], findings=findings, aspects=[], coverage=coverage)
    for value in (findings, review, list(range(number))):
        assert ours.loads_typed(ours.dumps_typed(value)) == value
        assert ours.loads_typed(plain.dumps_typed(value)) == value


class Wrapped(NamedTuple):
    """What a library may wrap a value in."""

    value: Any


def test_long_containers_inside_of_a_value_are_stored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are, and also if the texts are long and not many; nothing of a piece is larger."""
    given: list[int] = []
    whole = JsonPlusSerializer.dumps_typed

    def dumps_typed(self: JsonPlusSerializer, obj: object) -> tuple[str, bytes]:
        kind, data = whole(self, obj)
        given.append(len(data))
        return kind, data

    monkeypatch.setattr(JsonPlusSerializer, "dumps_typed", dumps_typed)
    files = {f"{number}.py": f"{number}" * 100_000 for number in range(30)}
    value = {"a": [0, {"files": files, 1: ["x"] * 1234}], "b": {}, "c": [], "d": [[]] * 501, "e": "f" * 300}
    serializer = CompressedSerializer()
    stored = serializer.dumps_typed(value)
    assert max(given) < 1_500_000 < sum(given)
    assert serializer.loads_typed(stored) == value
    taken: list[Any] = []
    thin = compressed._take_out({"a": Wrapped([files])}, [], taken)
    assert (thin, taken) == ({"a": Wrapped([{}])}, [(["a", 0, 0], files)])
    assert compressed._put(thin, ["a", 0, 0], [files]) == {"a": Wrapped([files])}


def test_findings_are_never_serialised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangGraph's serializer gets at most 500 findings at a time, of which it makes dictionaries."""
    given: list[int] = []
    whole = JsonPlusSerializer.dumps_typed

    def dumps_typed(self: JsonPlusSerializer, obj: object) -> tuple[str, bytes]:
        given.append(
            len(obj.findings) if isinstance(obj, Review) else len(obj) if isinstance(obj, list) else 0
        )
        return whole(self, obj)

    monkeypatch.setattr(JsonPlusSerializer, "dumps_typed", dumps_typed)
    findings = [_finding(line) for line in range(1, 1202)]
    coverage = Coverage(files=["a.py"], lines=1, skipped=[], not_reviewed=[], unread=[])
    serializer = CompressedSerializer(allowed_msgpack_modules=record_types())
    serializer.dumps_typed(Review(judged_by=[], findings=findings, aspects=[], coverage=coverage))
    assert given == [2, 500, 500, 201, 0]
    serializer.dumps_typed(findings)
    assert given[5:] == [2, 500, 500, 201, 0]


def _finding(line: int) -> Finding:
    lines = Lines(first=line, last=line)
    return Finding(
        id=str(line),
        aspect="style",
        aspects=["style"],
        path="a.py",
        lines=lines,
        severity="low",
        message="unused",
        explanation="",
        suggestion="",
        rule="F401",
        quote="import os",
        support=Support(k=1, n=2),
        confirmed=False,
        doubt=None,
        provenance=[],
        dissent=["bandit"],
        contradictions=[],
    )
