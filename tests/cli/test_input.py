"""Files and folders that `review` reads, and the reasons for what it leaves out."""

import json
import os
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.files import collect
from tests.cli.support import CLEAN, git, write


def test_an_unreadable_file_is_an_error_if_named_and_skipped_if_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A named file must be readable; a file below a folder may be left out, with the reason."""
    write({"src/a.py": CLEAN, "src/closed.py": CLEAN})
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "closed.py":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert run(["review", "src/closed.py"]) == 2
    assert "cannot be read: Permission denied" in capsys.readouterr().err
    assert run(["review", "src"]) == 0
    assert " closed.py (cannot be read: Permission denied)" in " ".join(capsys.readouterr().out.split())


def test_what_is_not_a_file_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe is refused if named and skipped if found; so is a name that is not UTF-8."""
    write({"src/a.py": CLEAN})
    os.mkfifo("src/pipe.py")
    with open(b"src/caf\xe9.py", "w") as file:
        file.write(CLEAN)
    assert run(["review", "src/pipe.py"]) == 2
    assert "cannot review src/pipe.py: not a regular file" in capsys.readouterr().err
    assert run(["review", "src", "--format", "json"]) == 0
    skipped = json.loads(capsys.readouterr().out)["coverage"]["skipped"]
    assert [(item["path"], item["reason"]) for item in skipped] == [
        ("src/caf?.py", "its name is not UTF-8"),
        ("src/pipe.py", "not a regular file"),
    ]


def test_folders_are_read_as_git_would() -> None:
    """.gitignore is respected at every level, and globs include and exclude."""
    write(
        {
            ".gitignore": "build/\n*.gen.py\n",
            "a.py": CLEAN,
            "b.gen.py": CLEAN,
            "build/c.py": CLEAN,
            "sub/.gitignore": "!keep.gen.py\nd.py\n",
            "sub/keep.gen.py": CLEAN,
            "sub/d.py": CLEAN,
            "sub/e.js": "let x = 1\n",
            "notes.txt": "hello\n",
            "node_modules/f.js": "x\n",
        }
    )
    Path("link.py").symlink_to("a.py")
    files = collect(["."])
    assert list(files.texts) == ["a.py", "sub/e.js", "sub/keep.gen.py"]
    reasons = {item.path: item.reason for item in files.skipped}
    assert reasons["build"] == reasons["b.gen.py"] == reasons["sub/d.py"] == "ignored by .gitignore"
    assert (reasons["notes.txt"], reasons["link.py"]) == ("not source code", "symbolic link")
    assert reasons["node_modules"] == "not code of this project"
    assert list(collect(["."], include=["*.txt"]).texts) == ["notes.txt"]
    assert list(collect(["."], exclude=["sub/", "*.txt"]).texts) == ["a.py"]
    assert list(collect(["notes.txt", "sub"]).texts) == ["notes.txt", "sub/e.js", "sub/keep.gen.py"]
    git("init", "-q")
    assert list(collect(["sub"]).texts) == ["sub/e.js", "sub/keep.gen.py"]
    with pytest.raises(UsageError, match="no matching file"):
        collect(["build"], include=["*.rs"])


IGNORED = {
    "by-name": ({".gitignore": "build/\n*.gen.py\n"}, "build"),
    "by-parent": ({".gitignore": "out/\n"}, "out/build/code"),
    "by-content": ({".gitignore": "build/*\n"}, "build"),
    "by-depth": ({".gitignore": "**/build/**\n"}, "x/build"),
    "by-all": ({".gitignore": "*\n"}, "build"),
    "anchored": ({".gitignore": "/build\n"}, "build"),
    "hidden": ({".gitignore": ".*\n"}, ".hidden/build"),
    "nested": ({"x/.gitignore": "build\n"}, "x/build"),
    "itself": ({"build/.gitignore": "*\n"}, "build"),
    "venv": ({".venv/.gitignore": "*\n", ".gitignore": ".venv\n"}, ".venv/lib/pkg"),
    "modules": ({".gitignore": "node_modules/\n"}, "node_modules/pkg"),
    "tox": ({".gitignore": ".tox/\n"}, ".tox/py/venv"),
}
"""Files that leave out a folder, and the folder."""


@pytest.mark.parametrize("kind", IGNORED)
@pytest.mark.parametrize("inside", [False, True], ids=["from-root", "from-inside"])
def test_what_is_named_is_read_though_it_is_ignored(kind: str, inside: bool) -> None:
    """A folder, from above and as `.`, or a file in it; what is in it is ignored as its own rules say."""
    rules, name = IGNORED[kind]
    git("init", "-q")
    write({f"{name}/a.py": CLEAN, f"{name}/sub/b.py": CLEAN, "c.py": CLEAN, **rules})
    own = f"{name}/sub/.gitignore"
    write({own: "skip.py\n", f"{name}/sub/skip.py": CLEAN, f"{name}/sub/__pycache__/d.py": CLEAN})
    root = Path.cwd()
    if kind != "by-all":  # this folder ignores itself
        assert not any(path.endswith(("/a.py", "/skip.py")) for path in collect([".", "c.py"]).texts)
    assert list(collect([f"{name}/sub/skip.py"]).texts) == [f"{name}/sub/skip.py"]
    if inside:
        os.chdir(name)
    for given in [".", str(root / name)] if inside else [name, f"./{name}/", f"{name}/../{Path(name).name}"]:
        files = collect([given])
        assert sorted(Path(path).name for path in files.texts) == ["a.py", "b.py"]
        assert {Path(item.path).name: item.reason for item in files.skipped}[
            "skip.py"
        ] == "ignored by .gitignore"


def test_rules_for_single_files_hold_in_a_folder_that_is_named() -> None:
    """A parent that lets the folder in, and one that lets in some of all, are obeyed."""
    git("init", "-q")
    write(
        {
            ".gitignore": "*.gen.py\nbuild/\n",
            "src/a.gen.py": CLEAN,
            "src/a.py": CLEAN,
            "build/b.gen.py": CLEAN,
        }
    )
    write(
        {
            "build/b.py": CLEAN,
            "some/.gitignore": "*\n!keep.py\n",
            "some/keep.py": CLEAN,
            "some/other.py": CLEAN,
        }
    )
    assert list(collect(["src"]).texts) == ["src/a.py"]
    assert list(collect(["build"]).texts) == ["build/b.py"]
    assert list(collect(["some"]).texts) == ["some/keep.py"]
    with pytest.raises(UsageError, match="no matching file"):
        collect(["build"], exclude=["b.py"])
