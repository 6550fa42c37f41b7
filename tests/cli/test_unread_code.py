"""`--fail-on`: a gate never passes on code that nobody read, and what it stops at is named."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from langgraph_parallel import create_review
from langgraph_parallel.cli.app import run
from tests.cli.support import CLEAN, UNSAFE, commit_all, git, write
from tests.support.server import ModelServer, Reply

SECURITY = ["--aspects", "security", "--format", "json", "--no-keep"]
BINARY = bytes(range(256))
PATCH = "--- a/{0}\n+++ b/{0}\n@@ -0,0 +1 @@\n+{1}\n"


def review(diff: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Review a diff on standard input, given as bytes."""
    octets = diff.encode(errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets), encoding="utf-8"))
    return run(["review", "-", *SECURITY, *options])


def changed(code: str = UNSAFE, clean: str = CLEAN) -> None:
    """A repository with a change of a file, a new file of an odd name, and a binary file."""
    write({"pkg/a.py": CLEAN, "logo.png": BINARY})
    commit_all()
    write({"pkg/a.py": code, "docs b/x.py": clean, "logo.png": BINARY * 2})
    git("add", ".")


SETTINGS = (
    (), ("color.ui=always",), ("diff.mnemonicPrefix=true",), ("diff.noprefix=true",),
    ("color.ui=always", "diff.noprefix=true"), ("color.ui=always", "diff.colorMoved=zebra"),
    ("diff.mnemonicPrefix=true", "color.diff=always", "core.quotepath=off"), ("diff.context=0",),
    ("diff.interHunkContext=9", "diff.algorithm=histogram"), ("color.diff=always", "color.diff.new=normal"),
)  # fmt: skip
"""Of git, as people have them."""


@pytest.mark.parametrize(
    ("settings", "below"),
    # What a folder has to do with a diff are the paths in it, which its prefixes change, and no colour does.
    [(one, "") for one in SETTINGS]
    + [(one, "pkg") for one in SETTINGS if not one or "prefix" in str(one).lower()],
    ids=str,
)
def test_a_diff_is_read_with_any_settings_of_git(
    settings: Sequence[str], below: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The unsafe line is found beside a binary file; with harmless changes the gate passes."""
    changed()
    options = [part for setting in settings for part in ("-c", setting)]
    for code, exit_code in ((UNSAFE, 1), (CLEAN + "MORE = 1\n", 0)):
        write({"pkg/a.py": code})
        diff = git(*options, "diff", "HEAD")
        with monkeypatch.context() as patch:
            patch.chdir(below or ".")
            assert review(diff, patch, "--fail-on", "low") == exit_code
        report = json.loads(capsys.readouterr().out)
        assert report["coverage"]["files"] == ["docs b/x.py", "pkg/a.py"]
        assert [(item["path"], item["reason"]) for item in report["coverage"]["skipped"]] == [
            ("logo.png", "binary")
        ]
        assert ("S602" in {finding["rule"] for finding in report["findings"]}) is bool(exit_code)


@pytest.mark.parametrize(
    "options",
    [["--word-diff"], ["--word-diff=color"], ["--color-words"], ["--word-diff=porcelain"],
     ["--output-indicator-new=>"], ["--stat"], ["--name-only"], ["--raw"], ["--line-prefix=| "]],
    ids=str,
)  # fmt: skip
def test_a_gate_fails_where_a_form_is_not_read(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a diff is an error, or its files are named beside the binary one; the gate says why."""
    changed()
    code = review(git("diff", *options, "HEAD"), monkeypatch, "--fail-on", "high")
    out, err = capsys.readouterr()
    assert code in (1, 2)
    if code == 1:
        assert "--fail-on fails: 2 places read by no voter: " in err
        assert {item["path"] for item in json.loads(out)["coverage"]["skipped"] if item["uncovered"]} == {
            "docs b/x.py",
            "pkg/a.py",
        }
    else:
        assert "diff is not a unified diff: " in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda diff: diff.replace("+MORE = 1\n", ""),
        lambda diff: diff.replace("+MORE = 1\n", "+MORE = 1\n+evil()\n"),
        lambda diff: diff + "hello\n",
        lambda diff: diff[: diff.index("+MORE")],
        lambda diff: diff[diff.index("@@") :] + diff,
        lambda diff: diff.replace("+MORE = 1", "*MORE = 1"),
        lambda diff: diff.replace("@@ -", "@@ x-"),
        lambda diff: diff + "2c2\n< a\n---\n> b\n",
        lambda diff: diff + PATCH.format("gone.py", "x = 1"),
        lambda diff: diff + "Only in b: x.py\n",
    ],
    ids=["short", "long", "text", "cut", "tail", "mark", "numbers", "normal", "fragment", "only"],
)
def test_a_gate_fails_for_the_part_that_was_not_read(
    damage: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever else was read without a finding; without a gate the report names it."""
    changed(CLEAN + "MORE = 1\n")
    diff = damage(git("diff", "HEAD"))
    assert review(diff, monkeypatch, "--fail-on", "high") == 1
    out, err = capsys.readouterr()
    assert re.search(r"--fail-on fails: (1 place|2 places) read by no voter: ", err)
    assert review(diff, monkeypatch) == 0
    assert (
        json.loads(out)["coverage"]["skipped"] == json.loads(capsys.readouterr().out)["coverage"]["skipped"]
    )


@pytest.mark.parametrize("form", ["text", "markdown", "json", "sarif"])
def test_every_format_names_what_was_not_read(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report without findings does not read as if all were well."""
    changed(CLEAN + "MORE = 1\n")
    assert review(git("diff", "HEAD") + "hello\n", monkeypatch, "--format", form) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "of the diff not understood" in out
    assert "pkg/a.py" in out
    if form in ("text", "markdown"):
        assert "No findings in what was read." in out
        assert "no voter read pkg/a.py; --fail-on fails for it." in out.replace("\\", "")
    elif form == "sarif":
        (told,) = [
            item
            for item in json.loads(out)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
            if item["level"] == "error"
        ]
        assert told["message"]["text"].startswith("read by no voter: line ")


def test_lines_of_no_file_have_no_place_in_sarif(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no file to show them in; the message has their numbers."""
    changed(CLEAN + "MORE = 1\n")
    diff = git("diff", "HEAD")
    assert review(f"+evil()\n{diff}", monkeypatch, "--format", "sarif", "--fail-on", "high") == 1
    told = json.loads(capsys.readouterr().out)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    (item,) = [item for item in told if item["level"] == "error"]
    assert item == {"level": "error", "message": {"text": "<diff>:1: read by no voter: not understood"}}


def test_what_is_left_out_by_name_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--exclude` takes a file out of the diff, also what of it could not be read; the report names it."""
    changed(CLEAN + "MORE = 1\n")
    diff = git("diff", "HEAD").replace("+MORE = 1\n", "")
    assert review(diff, monkeypatch, "--fail-on", "high", "--exclude", "pkg/") == 0
    coverage = json.loads(capsys.readouterr().out)["coverage"]
    assert [(item["path"], item["reason"]) for item in coverage["skipped"]] == [
        ("logo.png", "binary"),
        ("pkg/a.py", "excluded"),
    ]
    assert review(diff, monkeypatch, "--include", "*.md") == 0
    skipped = json.loads(capsys.readouterr().out)["coverage"]["skipped"]
    assert {item["reason"] for item in skipped} == {"not included"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"big.py": b"x = 1\n" * 200_000}, "larger than 1,000,000 bytes"),
        ({"old.py": "é = 1\n".encode("latin-1")}, "not UTF-8 text"),
        ({"nul.py": b"x = 1\0\n"}, "binary"),
        ({"broken.py": b"def f(:\n"}, "not valid Python"),
        ({"app.js": b"let x = 1\n"}, "no static engine reads such files"),
    ],
    ids=["large", "latin", "nul", "broken", "language"],
)
def test_a_folder_with_code_that_nobody_read_fails(
    files: dict[str, bytes], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a clean file as alone; a change of it fails, too; excluded, it does not."""
    write({"src/clean.py": CLEAN, "src/README.md": "Text\n", "src/logo.png": BINARY, "src/empty.py": ""})
    assert run(["review", "src", *SECURITY, "--offline", "--fail-on", "high"]) == 0
    commit_all()
    write({f"src/{name}": content for name, content in files.items()})
    capsys.readouterr()
    for code in (["src"], ["--diff", "HEAD"]):
        if "--diff" in code:
            git("add", ".")
        assert run(["review", *code, *SECURITY, "--offline", "--fail-on", "high"]) == 1
        err = capsys.readouterr().err
        if "nul.py" not in files:
            assert re.search(r"read by no voter: src/|src/\S+ could not be read|nothing was judged", err)
        assert reason in err or "--diff" in code
        (name,) = files
        assert run(["review", *code, *SECURITY, "--offline", "--fail-on", "high", "--exclude", name]) == 0
        capsys.readouterr()


def test_code_that_no_model_answered_for_fails(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose votes all failed was read by nobody, whatever was said of the others."""
    write({"a.js": "let a = 1\n" * 300, "b.js": "let bad = 1\n" * 300})
    server.always(Reply(json={"findings": []}))
    server.on("let bad", Reply(status=400))
    options = [*SECURITY, "--voters", "1", "--no-engines", "--max-tokens", "3000", "--fail-on", "high"]
    assert run(["review", ".", *options]) == 1
    out, err = capsys.readouterr()
    assert "--fail-on fails: 1 place read by no voter: b.js (" in err
    assert json.loads(out)["coverage"]["files"] == ["a.js"]


async def test_the_graph_says_what_nobody_read() -> None:
    """Users of the library gate on `review.uncovered`."""
    diff = PATCH.format("app.py", "x = 1")
    graph = create_review(offline=True, aspects=["security"])
    out = await graph.ainvoke({"files": {"app.py": "x = 1\n"}, "diff": f"{diff}+more\n"})
    (item,) = out["review"].uncovered
    assert (item.path, item.reason) == (
        "app.py",
        "line 5 of the diff not understood: more lines than the hunk's header says",
    )
    assert "no voter read app.py" in out["markdown"]
    out = await graph.ainvoke({"files": {"app.py": "x = 1\n"}, "diff": diff})
    assert out["review"].uncovered == []


@pytest.mark.parametrize(
    "mark", [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"], ids=["utf-16-le", "utf-16-be", "utf-8"]
)
def test_standard_input_may_start_with_a_byte_order_mark(
    mark: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shells on Windows write UTF-16."""
    changed()
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8")
    octets = mark + git("diff", "HEAD").encode(codec)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets), encoding="utf-8"))
    assert run(["review", "-", *SECURITY, "--fail-on", "low"]) == 1
    assert json.loads(capsys.readouterr().out)["coverage"]["files"] == ["docs b/x.py", "pkg/a.py"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.py",
        "a/../../secret.py",
        "/etc/passwd",
        "x\\000y.py",
        "n" * 300 + ".py",
        "loop.py",
        "fifo.py",
    ],
)
def test_a_diff_leads_to_no_other_file(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names that lead out, links, pipes, and names that the system refuses: their lines are not read."""
    write({"secret.py": "x = 1\n", "in/b.py": CLEAN})
    os.chdir("in")
    Path("loop.py").symlink_to("loop.py")
    os.mkfifo("fifo.py")
    quoted = f'"b/{name}"'
    diff = f"--- /dev/null\n+++ {quoted}\n@@ -0,0 +1 @@\n+x = 1\n"
    assert review(diff + PATCH.format("b.py", "X = 1"), monkeypatch, "--fail-on", "low") == 1
    coverage = json.loads(capsys.readouterr().out)["coverage"]
    assert coverage["files"] == []
    assert len([item for item in coverage["skipped"] if item["uncovered"]]) == 2 - (name == "/etc/passwd")
