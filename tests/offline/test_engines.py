"""The review without a model, by static engines."""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import create_review
from langgraph_parallel.offline import engines, families_for, file_set
from langgraph_parallel.offline.engines import Engine
from langgraph_parallel.offline.families import Family, Seat
from langgraph_parallel.offline.process import EngineError, run_module
from langgraph_parallel.offline.rules import RULES
from langgraph_parallel.records import Part
from langgraph_parallel.report.review.json import json_report
from langgraph_parallel.report.review.sarif import sarif_report
from langgraph_parallel.report.review.text import text_report

STOREFRONT = Path(__file__).parents[2] / "examples" / "storefront"
UNSAFE = "import subprocess\n\n\ndef run(name):\n    subprocess.call('ls ' + name, shell=True)\n"


def storefront() -> dict[str, str]:
    """Return the Python files of the example by path."""
    return {str(path.relative_to(STOREFRONT)): path.read_text() for path in STOREFRONT.rglob("*.py")}


async def test_the_storefront_has_findings_of_every_aspect() -> None:
    """The example shows what each aspect finds without a model."""
    out = await create_review().ainvoke({"files": storefront()})
    aspects = {aspect for finding in out["findings"] for aspect in finding.aspects}
    assert aspects == {"security", "correctness", "performance", "style", "tests", "documentation"}
    assert {finding.severity for finding in out["findings"]} == {"high", "medium", "low"}
    assert all(aspect.status == "judged" for aspect in out["review"].aspects)
    assert "not a language model" in out["review"].notice
    assert "OPENAI_API_KEY" in out["review"].notice


async def test_the_same_tree_gives_the_same_report_byte_for_byte() -> None:
    """The reports of two runs are equal, even if the files come in another order."""
    files = storefront()
    graph = create_review()
    first = (await graph.ainvoke({"files": files}))["review"]
    second = (await graph.ainvoke({"files": dict(reversed(files.items()))}))["review"]
    for render in (text_report, json_report, sarif_report):
        assert render(first) == render(second)


async def test_engines_of_one_family_have_one_vote() -> None:
    """Bandit and ruff's S rules are one vote, with both as provenance; dlint is another."""
    out = await create_review(aspects=["security"]).ainvoke({"files": {"a.py": UNSAFE}})
    shell = next(finding for finding in out["findings"] if finding.rule == "S602")
    assert [claim.source for claim in shell.provenance] == ["bandit", "ruff", "dlint"]
    assert str(shell.support) == "2/2"
    imported = next(finding for finding in out["findings"] if finding.rule == "S404")
    assert str(imported.support) == "1/1"  # dlint has no rule for it, so it has no vote on it


async def test_files_that_an_engine_cannot_parse_are_listed() -> None:
    """Each failed engine is named, the file does not count as read, and other files are judged."""
    out = await create_review(aspects=["security"]).ainvoke(
        {"files": {"a.py": UNSAFE, "old.py": "print 'x'\n"}}
    )
    coverage = out["review"].coverage
    assert [(item.path, item.by) for item in coverage.unread] == [
        ("old.py", "bandit"),
        ("old.py", "dlint"),
        ("old.py", "ruff"),
    ]
    assert coverage.files == ["a.py"]


async def test_what_no_engine_reads_is_skipped_with_the_reason() -> None:
    """Other languages and empty files are listed."""
    out = await create_review().ainvoke({"files": {"a.py": "x = 1\n", "b.js": "let x", "c.py": "\n"}})
    assert [(item.path, item.reason) for item in out["review"].coverage.skipped] == [
        ("b.js", "no static engine reads such files; a model would"),
        ("c.py", "empty"),
    ]


async def test_text_that_utf8_cannot_encode_is_reviewed_too() -> None:
    """A lone surrogate in a text or a path is replaced, and every report can be encoded."""
    out = await create_review(aspects=["security"]).ainvoke(
        {"files": {"a\udc80.py": UNSAFE + "x = '\ud800'\n"}}
    )
    assert out["review"].coverage.files == ["a?.py"]
    for text in (json_report(out["review"]), sarif_report(out["review"]), out["markdown"]):
        assert text.encode()


async def test_an_aspect_that_no_engine_judges_is_not_called_clean(tmp_path: Path) -> None:
    """A custom aspect, and tests if there are no test files, are reported as not judged."""
    (tmp_path / "tone.md").write_text("# Tone\n\nBe kind.\n")
    graph = create_review(aspects=["tests", tmp_path / "tone.md"])
    out = await graph.ainvoke({"files": {"a.py": "x = 1\n"}})
    assert [(a.status, a.reasons) for a in out["review"].aspects] == [
        ("not judged", ["no static engine can judge it here"]),
        ("not judged", ["no static engine judges this aspect"]),
    ]


async def test_code_cannot_silence_a_finding_by_a_comment() -> None:
    """A line marked noqa or nosec is reported in doubt, as accepted by the code itself."""
    marked = UNSAFE.replace("shell=True)", "shell=True)  # nosec B602 # noqa: S602")
    out = await create_review(aspects=["security"]).ainvoke({"files": {"a.py": marked}})
    shell = next(finding for finding in out["findings"] if finding.rule == "S602")
    assert (shell.confirmed, shell.doubt) == (False, "the code marks this line as accepted")


@pytest.mark.parametrize(
    ("comment", "accepted"),
    [
        ("# nosec", True),
        ("# noqa", True),
        ("# nosec B602", True),
        ("# noqa: E501, S602", True),
        ("# NOQA:S602", True),
        ("# noqa: E501", False),
        ("# nosec B603", False),
        ("# nothing", False),
    ],
)
async def test_a_comment_accepts_only_the_rules_that_it_names(comment: str, accepted: bool) -> None:
    """`# noqa: E501` does not accept S602."""
    marked = UNSAFE.replace("shell=True)", f"shell=True)  {comment}")
    out = await create_review(aspects=["security"]).ainvoke({"files": {"a.py": marked}})
    shell = next(finding for finding in out["findings"] if finding.rule == "S602")
    assert shell.confirmed is not accepted


async def test_a_secret_in_the_source_does_not_reach_the_report() -> None:
    """The finding names the line; its quote and message mask the value."""
    code = (
        'PASSWORD = "correct horse"\nconnect(password="battery staple")\n'
        'def log_in(token="in the clear"):\n    l = 1\n'
    )
    out = await create_review().ainvoke({"files": {"a.py": code}})
    assert {finding.rule for finding in out["findings"]} >= {"S105", "S106"}
    everything = out["markdown"] + json_report(out["review"])
    assert "horse" not in everything
    assert "staple" not in everything
    assert "clear" not in everything


async def test_the_reviewed_code_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files named like modules of the engines, and module-level code, have no effect."""
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w').write('x')\n"
    files = dict.fromkeys(
        (
            "json.py",
            "ast.py",
            "bandit.py",
            "sitecustomize.py",
            "conftest.py",
            "setup.py",
            "../up.py",
            "/abs.py",
        ),
        evil,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(evil)
    out = await create_review().ainvoke({"files": files})
    assert set(out["review"].coverage.files) == set(files)
    assert not mark.exists()
    assert sorted(os.listdir(tmp_path)) == ["sitecustomize.py"]


async def test_an_engine_gets_no_secret_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a few harmless variables are passed on."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    folder = tmp_path / "tool"
    folder.mkdir()
    output = await run_module("sysconfig", [], folder, cpu_seconds=30, codes=(0,))
    assert "Platform" in output.stdout
    with pytest.raises(EngineError, match="exited with code"):
        await run_module("no_such_module_at_all", [], folder, cpu_seconds=30, codes=(0,))
    code = "import os; print(sorted(os.environ))"
    (folder / "probe.py").write_text(code)
    shown = await run_module("timeit", ["-n1", "-r1", code], folder, cpu_seconds=30, codes=(0,))
    assert "OPENAI_API_KEY" not in shown.stdout
    assert "PATH" in shown.stdout


async def test_an_engine_that_hangs_is_killed(tmp_path: Path) -> None:
    """The caller gets a TimeoutError."""
    code = "import time; time.sleep(600)"
    with pytest.raises(TimeoutError, match=r"timeit did not finish within 0\.3 s"):
        await run_module(
            "timeit", ["-n1", "-r1", code], tmp_path, cpu_seconds=30, codes=(0,), hangs_after=0.3
        )


async def test_an_engine_that_loops_is_killed(tmp_path: Path) -> None:
    """Its CPU time is limited, also once the module has replaced itself with another program."""
    loop = "while True: pass"
    again = f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {loop!r}])"
    for code in (loop, again):
        with pytest.raises(TimeoutError, match=r"timeit did not finish within 1 s of CPU time"):
            await run_module("timeit", ["-n1", "-r1", code], tmp_path, cpu_seconds=0.5, codes=(0,))


async def test_an_engine_on_a_loaded_machine_is_not_killed(tmp_path: Path) -> None:
    """Time in which it waits for a processor, as here for a clock, does not count."""
    code = "import time; time.sleep(1.5)"
    output = await run_module("timeit", ["-n1", "-r1", code], tmp_path, cpu_seconds=1, codes=(0,))
    assert "1 loop" in output.stdout


async def test_cancelling_a_review_ends_its_engines(tmp_path: Path) -> None:
    """A running process does not outlive a cancelled run."""
    marker = tmp_path / "pid"
    code = f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.ensure_future(
        run_module("timeit", ["-n1", "-r1", code], tmp_path, cpu_seconds=600, codes=(0,))
    )
    await asyncio.to_thread(_wait_until, lambda: marker.exists() and marker.read_text() != "")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(_wait_until, lambda: not _is_running(int(marker.read_text())))


async def test_cancelling_a_review_while_it_writes_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that writes the files cannot be cancelled, so what it writes is removed afterwards."""
    writing, go_on = threading.Event(), threading.Event()
    write = file_set._write_files

    def write_slowly(folder: Path, parts: Iterable[Part]) -> Any:
        writing.set()
        go_on.wait()
        return write(folder, parts)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(file_set, "_write_files", write_slowly)
    run = asyncio.ensure_future(create_review().ainvoke({"files": {"a.py": UNSAFE}}))
    await asyncio.to_thread(writing.wait)
    for _ in range(2):  # the second one ends the wait for the thread
        run.cancel()
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.to_thread(_wait_until, lambda: not list(tmp_path.glob("review-*")))


async def test_a_file_that_cannot_be_written_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, for example: the voter fails, and what it wrote is removed."""
    write = file_set._write_files

    def write_and_fail(folder: Path, parts: Iterable[Part]) -> Any:
        write(folder, parts)
        raise OSError("no space left")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(file_set, "_write_files", write_and_fail)
    out = await create_review().ainvoke({"files": {"a.py": UNSAFE}})
    assert "no space left" in str(out["run_report"].failures)
    await asyncio.to_thread(_wait_until, lambda: not list(tmp_path.glob("review-*")))


def _wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition by polling."""
    while not condition():
        time.sleep(0.005)


def _is_running(process: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_an_engine_that_breaks_is_reported_and_its_family_still_votes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If one of two engines fails, the family votes with the other; if all fail, there is no review."""
    broken = Engine("broken", "no_such_module_at_all", lambda *_: [], lambda _: iter(()))
    good = families_for("security")[0].seats[0]
    family = Family("bandit", (Seat(broken), good), ("S",))
    monkeypatch.setattr("langgraph_parallel.nodes.review.voters.families_for", lambda _: [family])
    monkeypatch.setattr("langgraph_parallel.nodes.review.plan.families_for", lambda _: [family])
    out = await create_review(aspects=["security"]).ainvoke({"files": {"a.py": UNSAFE}})
    assert {claim.source for finding in out["findings"] for claim in finding.provenance} == {"bandit"}
    assert [item.by for item in out["review"].coverage.unread] == ["broken"]
    only = Family("bandit", (Seat(broken),), ("S",))
    monkeypatch.setattr("langgraph_parallel.nodes.review.voters.families_for", lambda _: [only])
    out = await create_review(aspects=["security"]).ainvoke({"files": {"a.py": UNSAFE}})
    assert (out["review"], out["findings"], out["run_report"].status) == (None, None, "failed")
    assert "EngineError" in out["run_report"].failures["vote[security#bandit] in review[security] a.py"]


async def test_without_engines_and_model_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both solutions."""
    from langgraph_parallel.errors import NoModelError

    monkeypatch.setattr("langgraph_parallel.nodes.review.settings.installed_engines", list)
    with pytest.raises(NoModelError, match=r"OPENAI_API_KEY.*langgraph-parallel\[offline\]"):
        await create_review().ainvoke({"files": {"a.py": UNSAFE}})


def test_every_rule_that_is_explained_says_why_and_what_to_do() -> None:
    """Explanations and suggestions are complete sentences."""
    for rule in RULES.values():
        assert rule.explanation.endswith(".")
        assert rule.suggestion.endswith(".")


def test_all_engines_are_installed_here() -> None:
    """Otherwise the tests above would test nothing."""
    assert all(engine.installed for engine in (engines.RUFF, engines.BANDIT, engines.DLINT, engines.VULTURE))
