"""Records of the runs of a map."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.recording import read_record
from langgraph_parallel.scale import amap_items
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.wire import pack_job, unpack_job
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.running.records import record_name
from tests.support.fans import YES
from tests.support.server import ModelServer, Reply


@pytest.mark.parametrize(
    ("graph", "settings", "files"),
    [
        ("voting", {"choices": ["yes", "no"], "voters": 1}, ["a%2Fb.json", "c.json"]),
        ("labeling", {"labels": ["yes", "no"], "voters": 1}, ["a%2Fb +1.json"]),
    ],
    ids=["a run for each item", "a run for several items"],
)
async def test_every_run_has_a_file(
    graph: str, settings: Any, files: list[str], server: ModelServer, model: str, tmp_path: Path
) -> None:
    """It is named by the key of its first item, and its calls are those of the server."""
    server.always(Reply(json=YES))
    items = [{"key": "a/b", "text": "one"}, {"key": "c", "text": "two"}]
    inputs = {"question" if graph == "voting" else "items": "text"}
    report = await amap_items(
        graph,
        items,
        sink=tmp_path / "rows.jsonl",
        key="key",
        settings=settings,
        inputs=inputs,
        model=model,
        chunk=2,
        record=tmp_path / "records",
    )
    assert report.ok == 2
    records = {file.name: read_record(file) for file in _files(tmp_path / "records")}
    assert sorted(records) == files
    assert sum(len(record.calls) for record in records.values()) == len(server.requests) == 2


def test_the_folder_travels_to_other_processes(model: str) -> None:
    """As an absolute path: a worker may have another folder."""
    program = make_program("voting", settings={"choices": ["yes", "no"]}, model=model, record="records")
    job = unpack_job(pack_job(Job(id="1", program=program)))
    assert job.program.records == str(Path("records").absolute())


def test_records_do_not_make_another_program(model: str) -> None:
    """Rows that were made without records go on with them."""
    made = [
        make_program("voting", settings={"choices": ["a", "b"]}, model=model, record=r) for r in (None, "r")
    ]
    assert made[0].fingerprint == made[1].fingerprint


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_names_of_files_are_safe_and_distinct(keys: list[str]) -> None:
    """Whatever a key is, its file is in the folder, and no other key has it."""
    names = [record_name(key) for key in keys]
    assert len(set(names)) == 2
    for name in names:
        assert Path(name).name == name
        assert not name.startswith(".")
        assert len(name.encode()) < 255


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()]
