"""The gate of a review beside bandit itself: it stops wherever bandit alone would."""

import asyncio
import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from langgraph_parallel import create_review
from langgraph_parallel.cli.review.gate import fails_gate
from langgraph_parallel.records import SEVERITIES, Finding

CONSTRUCTS: dict[str, str] = tomllib.loads(
    (Path(__file__).parent / "bandit_constructs.toml").read_text(encoding="utf-8")
)
MARKS = (
    "",
    "# noqa",
    "# noqa: S, B",
    "# nosec",
    "# nosec {id}",
    "# nosec: {id} # noqa",
    "# nosec {other}",
    "# nosec {ruff}",
    "# NOSEC",
    "#nosecurity",
    "; y = '# nosec'",
    "; y = '# noqa'",
    "# noqa  # nosec B000",
)
PLACES = (
    "app/{name}.py",
    "tests/{name}.py",
    "test_{name}.py",
    "app/{name}.pyi",
    "app/{name}.pyw",
    "bin/{name}",
)
PROGRAM = "#!/usr/bin/env python3\n"


def samples() -> dict[str, str]:
    """Return each construct with each mark, in places that take turns; asserts are in all places."""
    texts = {}
    for number, (id, code) in enumerate(CONSTRUCTS.items()):
        for mark_number, mark in enumerate(MARKS):
            other = "B102" if id != "B102" else "B101"
            said = mark.format(id=id, other=other, ruff=f"S{id[1:]}")
            places = PLACES if id == "B101" else (PLACES[(number + mark_number) % len(PLACES)],)
            for place in places:
                path = place.format(name=f"x{id}_{mark_number}".lower())
                texts[path] = (PROGRAM if place.startswith("bin") else "") + code.replace("$", said)
    return texts


@cache
def severities_of_bandit() -> dict[str, set[str]]:
    """Return what bandit itself reports, obeying all of its marks: severities by path."""
    with TemporaryDirectory() as folder:
        for path, text in samples().items():
            file = Path(folder) / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "bandit", "--format=json", "--quiet", "--exit-zero", *samples()]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    severities = defaultdict(set)
    for result in json.loads(done.stdout)["results"]:
        severities[result["filename"].removeprefix("./")].add(result["issue_severity"].lower())
    return severities


@cache
def findings() -> dict[str, list[Finding]]:
    """Return the findings of a review without a model by path."""
    graph = create_review(aspects=["security"], offline=True)
    by_path = defaultdict(list)
    for finding in asyncio.run(graph.ainvoke({"files": samples()}))["findings"]:
        by_path[finding.path].append(finding)
    return by_path


def test_each_test_of_bandit_has_a_construct() -> None:
    """A test that a release of bandit adds needs one, too."""
    code = (
        "from bandit.core.extension_loader import MANAGER as m; print(*m.plugins_by_id, *m.blacklist_by_id)"
    )
    known = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert set(CONSTRUCTS) == set(known.split())
    with TemporaryDirectory() as folder:
        for id, code in CONSTRUCTS.items():
            (Path(folder) / f"{id}.py").write_text(code.replace("$", ""), encoding="utf-8")
        command = [sys.executable, "-m", "bandit", "--format=json", "--quiet", "--exit-zero", "-r", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    found = {(Path(r["filename"]).stem, r["test_id"]) for r in json.loads(done.stdout)["results"]}
    assert [id for id in CONSTRUCTS if (id, id) not in found] == []


@pytest.mark.parametrize("level", SEVERITIES)
def test_a_gate_stops_at_each_construct_that_bandit_alone_stops_at(level: str) -> None:
    """In tests and elsewhere, in each kind of file, with marks for bandit and for others."""
    least = SEVERITIES[: SEVERITIES.index(level) + 1]
    passed = [
        path
        for path, severities in severities_of_bandit().items()
        if not severities.isdisjoint(least)
        and not any(fails_gate(one) and one.gate_severity in least for one in findings()[path])
    ]
    assert passed == []


def test_a_gate_passes_what_bandit_is_told_to_pass() -> None:
    """A mark that bandit obeys is one for the gate, and for other engines that report the same."""
    quiet = [path for path in samples() if path not in severities_of_bandit()]
    by_bandit = [
        finding
        for path in quiet
        for finding in findings()[path]
        if any(claim.source == "bandit" for claim in finding.provenance)
    ]
    assert len(by_bandit) > len(CONSTRUCTS)
    assert [finding for finding in by_bandit if fails_gate(finding) or finding.confirmed] == []
