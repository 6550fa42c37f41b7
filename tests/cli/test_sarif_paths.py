"""Paths of a SARIF log are relative to the root of the repository, as code hosts want them."""

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.input.repository import root_of
from langgraph_parallel.records import Coverage, Review
from langgraph_parallel.report.review.sarif import sarif_report
from tests.cli.support import UNSAFE, commit_all, git, write

NAME = "src/a ü#%.py"
ENCODED = "src/a%20%C3%BC%23%25.py"
OPTIONS = ["--offline", "--format", "sarif", "--no-keep", "--summary", "none", "--aspects", "documentation"]


def log(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Review, and return the run of the SARIF log."""
    assert run(["review", *OPTIONS, *arguments]) == 0
    (of_run,) = json.loads(capsys.readouterr().out)["runs"]
    return dict(of_run)


def places(of_run: Any) -> set[tuple[str, str | None]]:
    """Return address and base of all results."""
    found = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in of_run["results"]]
    return {(place["uri"], place.get("uriBaseId")) for place in found}


def test_paths_are_relative_to_the_root_of_the_repository(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A file, a folder, several, from the root, from below and from outside, a diff, and standard input."""
    root = folder / "a repository"
    root.mkdir()
    os.chdir(root)
    write({NAME: "X = 1\n", "other/b.py": "X = 1\n"})
    commit_all()
    write({NAME: UNSAFE, "other/b.py": UNSAFE})
    first, second = (ENCODED, "%SRCROOT%"), ("other/b.py", "%SRCROOT%")
    whole, below = git("diff", "HEAD", "--", "src"), git("diff", "--relative=src", "HEAD")
    for where, arguments, standard_input, expected in [
        (root, [NAME], "", {first}),
        (root, ["src"], "", {first}),
        (root, ["."], "", {first, second}),
        (root, ["other", NAME], "", {first, second}),
        (root, ["--diff", "HEAD"], "", {first, second}),
        (root, ["-"], whole, {first}),
        (root / "src", ["."], "", {first}),
        (root / "src", ["../other/b.py", "."], "", {first, second}),
        (root / "src", ["--diff", "HEAD"], "", {first}),
        (root / "src", ["-"], whole, {first}),
        (root / "src", ["-"], below, {first}),
        (folder, ["a repository/src"], "", {first}),
        (folder, [str(root / "other")], "", {second}),
    ]:
        os.chdir(where)
        monkeypatch.setattr(sys, "stdin", io.StringIO(standard_input))
        of_run = log(capsys, *arguments)
        assert places(of_run) == expected, (where, arguments)
        assert of_run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": root.as_uri() + "/"}}
        assert root.as_uri().endswith("a%20repository")


def test_outside_of_any_repository_the_current_folder_is_the_root(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """What lies outside of it has its whole address."""
    write({"here/a.py": UNSAFE, "there/b.py": UNSAFE})
    os.chdir("here")
    of_run = log(capsys, ".", "../there")
    assert places(of_run) == {("a.py", "%SRCROOT%"), ((folder / "there/b.py").as_uri(), None)}
    assert of_run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == (folder / "here").as_uri() + "/"


def test_a_resumed_run_knows_where_it_began(
    model: str, capsys: pytest.CaptureFixture[str], folder: Path, server: Any
) -> None:
    """The report is that of the folder in which the run was started."""
    from tests.support.server import Reply

    write({"sub/a.py": UNSAFE, "elsewhere/x": ""})
    commit_all()
    os.chdir("sub")
    server.always(Reply(status=418))
    assert run(["review", "a.py", "--aspects", "security", "--voters", "1", "--model", model]) in {0, 2}
    server.always(Reply(json={"findings": []}))
    os.chdir("../elsewhere")
    resume = capsys.readouterr().err.split("review --resume ")[1].split()[0]
    assert run(["review", "--resume", resume, "--format", "sarif"]) == 0
    (of_run,) = json.loads(capsys.readouterr().out)["runs"]
    assert places(of_run) == {("sub/a.py", "%SRCROOT%")}
    assert of_run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == folder.as_uri() + "/"


@pytest.mark.parametrize(
    ("paths", "start", "root"),
    [
        (["a.py"], "outer", "outer"),
        (["inner/a.py"], "outer", "outer"),  # a submodule: the host shows the outer one
        (["a.py"], "outer/inner", "outer/inner"),
        (["../b.py", "a.py"], "outer/inner", "outer"),
        (["outer/inner/a.py"], "", "outer/inner"),
        (["outer/inner/a.py", "outer/b.py"], "", "outer"),
        (["outer/a.py", "plain/a.py"], "", ""),
        (["../outer/a.py"], "plain", "outer"),
        (["a.py"], "plain", "plain"),
        ([], "outer/inner/x", "outer/inner"),
        (["a\0b.py"], "plain", "plain"),
    ],
)
def test_the_root_contains_what_is_named(paths: Sequence[str], start: str, root: str, folder: Path) -> None:
    """The repository of the current folder comes first, then the innermost that contains all files."""
    for repository in ("outer", "outer/inner"):
        Path(repository, "x").mkdir(parents=True)
        git("-C", repository, "init", "-q")
    Path("plain").mkdir()
    assert root_of(paths, folder / start) == folder / root


@pytest.mark.parametrize(
    "path", ["a.py", "/abs/a b.py", "../up.py", "link/a.py", "c:\\x.py", "a\0.py", "#?%.py"]
)
def test_any_path_gives_an_address_that_leads_back(path: str, tmp_path: Path) -> None:
    """Also one that leads out of the root, or through a link into it."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.py").touch()
    (tmp_path / "link").symlink_to("root")
    folder = tmp_path if path.startswith("link") else tmp_path / "root"
    coverage = Coverage.model_validate(
        {
            "files": [],
            "lines": 0,
            "skipped": [{"path": path, "reason": "x"}],
            "not_reviewed": [],
            "unread": [],
        }
    )
    report = sarif_report(
        Review(judged_by=[], findings=[], aspects=[], coverage=coverage),
        root=tmp_path / "root",
        folder=folder,
    )
    (of_run,) = json.loads(report)["runs"]
    (notification,) = of_run["invocations"][0]["toolExecutionNotifications"]
    place = notification["locations"][0]["physicalLocation"]["artifactLocation"]
    base = unquote(urlsplit(of_run["originalUriBaseIds"]["%SRCROOT%"]["uri"]).path)
    whole = (base if "uriBaseId" in place else "") + unquote(urlsplit(place["uri"]).path)
    expected = os.path.normpath(folder / path)
    assert whole in {expected, expected.replace("/link/", "/root/")}
    assert ("uriBaseId" in place) is whole.startswith(f"{tmp_path}/root/")
