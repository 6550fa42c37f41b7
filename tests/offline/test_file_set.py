"""Engine runs that the aspects of a review share."""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import create_review
from langgraph_parallel.offline import families_for
from langgraph_parallel.offline.engines import RUFF, Engine, Hit, Unread
from langgraph_parallel.offline.families import FAMILIES
from langgraph_parallel.offline.file_set import EngineTask, FileSet, tasks_for
from langgraph_parallel.offline.process import EngineError
from langgraph_parallel.records import Part

PARTS = [Part(path="a.py", text="x = 1\n"), Part(path="b.py", text="import os\n")]


class Gated(Engine):
    """An engine that waits for a gate, and reports line 1 of each file."""

    def __init__(self, name: str, gate: asyncio.Event | None = None, error: Exception | None = None) -> None:
        super().__init__(name, "json", lambda *_: [], lambda _: iter(()))
        object.__setattr__(self, "started", asyncio.Event())
        object.__setattr__(self, "stopped", asyncio.Event())
        object.__setattr__(self, "gate", gate)
        object.__setattr__(self, "error", error)

    async def run(self, files: Sequence[str], folder: Path, **_: Any) -> tuple[list[Hit], list[Unread]]:
        """Wait for the gate; note it if the wait is cancelled."""
        here: Any = self
        here.started.set()
        try:
            if here.gate:
                await here.gate.wait()
        except asyncio.CancelledError:
            here.stopped.set()
            raise
        if here.error:
            raise here.error
        return [Hit(file, 1, 1, "X1", (folder / file).read_text()) for file in files], []


async def test_each_engine_runs_once_for_all_aspects() -> None:
    """Six aspects of one set of files, with tests among them, make four runs."""
    files = {"a.py": "import os\n\n\ndef f(x, y=[]):\n    return eval(x)\n", "test_a.py": "assert (1, 2)\n"}
    out = await create_review().ainvoke({"files": files})
    runs = Counter(call.target for call in out["run_report"].calls if call.kind == "engine")
    assert runs == {"ruff": 1, "bandit": 1, "dlint": 1, "vulture": 1}
    aspects = {aspect for finding in out["findings"] for aspect in finding.aspects}
    assert aspects == {"security", "correctness", "style", "tests", "documentation"}


async def test_only_the_engines_of_the_aspects_run() -> None:
    """A review of one aspect does not start what only others need."""
    out = await create_review(aspects=["documentation"]).ainvoke({"files": {"a.py": "import os\n"}})
    assert [call.target for call in out["run_report"].calls if call.kind == "engine"] == ["ruff"]
    assert {finding.rule for finding in out["findings"]} == {"D100"}


async def test_each_aspect_has_the_findings_that_it_would_have_alone() -> None:
    """An aspect takes the rules of its own seats from the shared run."""
    code = (
        "import os\n\n\ndef f(x, y=[]):\n    assert x\n    try:\n        eval(x)\n    except:\n        pass\n"
    )
    files = {"a.py": code, "tests/test_a.py": code}
    together = (await create_review().ainvoke({"files": files}))["review"].findings
    for aspect in FAMILIES:
        alone = (await create_review(aspects=[aspect]).ainvoke({"files": files}))["review"].findings
        expected = {
            (claim.path, claim.lines.first, claim.code, claim.source)
            for finding in together
            for claim in finding.provenance
            if claim.aspect == aspect
        }
        claims = [claim for finding in alone for claim in finding.provenance]
        assert {(c.path, c.lines.first, c.code, c.source) for c in claims} == expected


def test_the_rules_of_all_seats_are_selected_at_once() -> None:
    """Of several seats of an engine becomes one task; an engine without seats with rules applies all."""
    tasks = tasks_for([*families_for("security"), *families_for("style")])
    assert [task.engine.name for task in tasks] == ["bandit", "ruff", "dlint", "vulture"]
    selected = {task.engine.name: task.select for task in tasks}
    assert {"S", "C901", "F401"} <= set(selected["ruff"])
    assert selected["bandit"] == ()


async def test_all_who_wait_get_one_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hits have the paths of the parts, and the folder is gone when the last engine has ended."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gate = asyncio.Event()
    slow, quick = Gated("slow", gate), Gated("quick")
    files = FileSet(PARTS, [EngineTask(slow, ()), EngineTask(quick, ())])
    hits, _ = await files.take("quick")
    assert [(hit.path, hit.message) for hit in hits] == [("a.py", "x = 1\n"), ("b.py", "import os\n")]
    assert os.listdir(tmp_path)
    waiting = [asyncio.ensure_future(files.take("slow")) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    first, *others = await asyncio.gather(*waiting)
    assert all(other is first for other in others)
    await files._running
    assert not os.listdir(tmp_path)


async def test_one_who_is_cancelled_does_not_stop_the_engines_of_the_others() -> None:
    """The run ends for those who still wait; when nobody is left, its engines are stopped."""
    gate = asyncio.Event()
    slow: Any = Gated("slow", gate)
    files = FileSet(PARTS, [EngineTask(slow, ())])
    waiting = [asyncio.ensure_future(files.take("slow")) for _ in range(3)]
    await slow.started.wait()
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    assert not slow.stopped.is_set()
    for other in waiting[1:]:
        other.cancel()
    await asyncio.wait(waiting)
    assert not files.serves(["slow"])
    await slow.stopped.wait()


async def test_an_error_is_that_of_one_engine_and_is_not_kept() -> None:
    """The others have results; who asks for the failed engine later runs it again."""
    broken = Gated("broken", error=EngineError("it broke"))
    files = FileSet(PARTS, [EngineTask(broken, ()), EngineTask(Gated("good"), ())])
    with pytest.raises(EngineError, match="it broke"):
        await files.take("broken")
    assert len((await files.take("good"))[0]) == 2
    assert files.serves(["good"])
    assert not files.serves(["good", "broken"])
    assert not files.serves([RUFF.name])
