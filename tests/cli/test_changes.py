"""Changes since a revision: what git shows, in every kind of repository, without their settings."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from langgraph_parallel.cli.input.changes import diff_since, select_changes
from langgraph_parallel.errors import UsageError
from tests.cli.support import commit_all, git, write

OLD, NEW = "X = 1\n\n\ndef run():\n    return X\n", "X = 2\n\n\ndef run():\n    return X\n"


def modified() -> None:
    """Change, stage, rename, delete and add files."""
    write({"a.py": OLD, "gone.py": OLD, "old.py": OLD * 3, "sub/b.py": OLD, "ümlaut name.py": OLD})
    commit_all()
    write({"a.py": NEW, "sub/b.py": NEW, "ümlaut name.py": NEW, "staged.py": OLD, "new.py": OLD})
    git("add", "staged.py")
    git("mv", "old.py", "renamed.py")
    write({"renamed.py": OLD * 3 + "Y = 1\n"})
    Path("gone.py").unlink()


def below() -> None:
    """Look from a folder below the root."""
    modified()
    os.chdir("sub")


def linked() -> None:
    """Look at another working tree of the repository, which has its own HEAD and index."""
    write({"one/a.py": OLD})
    os.chdir("one")
    commit_all()
    git("worktree", "add", "-q", "-b", "other", "../two")
    os.chdir("../two")
    write({"b.py": OLD})
    git("add", ".")
    git("commit", "-qm", "two")
    write({"a.py": NEW, "b.py": NEW})


def shallow() -> None:
    """Look at a clone without history."""
    write({"one/a.py": OLD})
    os.chdir("one")
    commit_all()
    write({"a.py": NEW})
    git("commit", "-qam", "two")
    git("clone", "-q", "--depth=1", f"file://{Path.cwd()}", "../two")
    os.chdir("../two")
    write({"a.py": OLD})


def borrowed() -> None:
    """Look at a clone whose objects are those of another repository, all packed, as its refs are."""
    write({"one/a.py": OLD})
    os.chdir("one")
    commit_all()
    git("gc", "-q")
    git("clone", "-q", "--shared", ".", "../two")
    os.chdir("../two")
    git("pack-refs", "--all")
    write({"a.py": NEW})


def sha256() -> None:
    """Name objects by longer hashes."""
    git("init", "-q", "--object-format=sha256")
    modified()


def windows_lines() -> None:
    """Have line ends in the working tree that are not in the objects."""
    write({"a.py": OLD, "b.py": OLD, ".gitattributes": "*.txt text eol=crlf\n", "c.txt": "one\ntwo\n"})
    commit_all()
    git("config", "core.autocrlf", "true")
    write({name: OLD.replace("\n", "\r\n") for name in ("a.py", "b.py")})
    write({"b.py": NEW.replace("\n", "\r\n"), "c.txt": "one\r\nthree\r\n"})


def submodule() -> None:
    """Have a submodule at another commit."""
    write({"inner/a.py": OLD, "a.py": OLD})
    os.chdir("inner")
    commit_all()
    os.chdir("..")
    commit_all()
    os.chdir("inner")
    write({"a.py": NEW})
    git("commit", "-qam", "two")
    os.chdir("..")
    write({"a.py": NEW})


def sparse() -> None:
    """Have no more than a part of the tree, with an index that leaves out the rest."""
    write({"kept/a.py": OLD, "left/b.py": OLD, "c.py": OLD})
    commit_all()
    git("sparse-checkout", "set", "--cone", "--sparse-index", "kept")
    write({"kept/a.py": NEW, "c.py": NEW})


def split_index() -> None:
    """Have an index of two files, and one with a monitor's marks."""
    modified()
    git("update-index", "--split-index", "--untracked-cache")


def ignoring() -> None:
    """Ignore new files at every place that says so."""
    write({"a.py": OLD, ".gitignore": "ignored.py\n"})
    commit_all()
    Path(".git/info/exclude").write_text("excluded.py\n")
    write(dict.fromkeys(("ignored.py", "excluded.py", "users.py", "new.py"), OLD))


def without_mode_bits() -> None:
    """Be on a file system without executable files."""
    write({"a.py": OLD})
    commit_all()
    git("config", "core.filemode", "false")
    Path("a.py").chmod(0o755)


@pytest.fixture(autouse=True)
def users_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the user, who ignores files everywhere."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/ignore\n")
    (home / "ignore").write_text("users.py\n")


@pytest.mark.parametrize(
    "prepare",
    [modified, below, linked, shallow, borrowed, sha256, windows_lines, submodule, sparse, split_index,
     ignoring, without_mode_bits],
)  # fmt: skip
def test_a_diff_is_that_of_git(prepare: Callable[[], None]) -> None:
    """The changes and the untracked files, from the root and from below."""
    prepare()
    diff, untracked = diff_since("HEAD", [])
    options = ["--find-renames", "--relative", "--ignore-submodules=dirty"]
    shown = subprocess.run(
        ["git", "-c", "core.quotepath=off", "diff", *options, "HEAD"], capture_output=True, check=True
    )
    assert diff == shown.stdout.decode()
    assert ("+X = 2" in diff) is (prepare not in (shallow, ignoring, without_mode_bits))
    others = git("ls-files", "-z", "--others", "--exclude-standard").split("\0")
    assert [item.path for item in untracked] == sorted(filter(None, others))
    assert [item.path for item in untracked] == (["new.py"] if prepare in UNTRACKED else [])


UNTRACKED = (modified, sha256, split_index, ignoring)
"""Where there is a new file."""


@pytest.mark.parametrize(
    "revision",
    [
        "HEAD~1",
        "main",
        "tag",
        "origin/main",
        "@{upstream}",
        "HEAD@{1}",
        "ORIG_HEAD",
        ":/two",
        "main~1..main",
        "stash",
    ],
)
def test_a_revision_is_named_as_in_git(revision: str, folder: Path) -> None:
    """Branches, tags, what is upstream, reflogs and stashes."""
    write({"one/a.py": OLD})
    os.chdir("one")
    git("init", "-q", "-b", "main")
    commit_all()
    git("clone", "-q", ".", "../two")
    os.chdir("../two")
    write({"a.py": NEW})
    git("commit", "-qam", "two")
    git("tag", "-a", "tag", "-m", "tag")
    write({"a.py": OLD + "Y = 1\n"})
    git("stash", "-q")
    git("reset", "-q", "--hard")
    write({"a.py": NEW + "Z = 1\n"})
    expected = git("diff", revision)
    assert expected
    assert diff_since(revision, [])[0] == expected


def test_a_hook_sees_the_index_of_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git names the repository and the index by variables."""
    write({"a.py": OLD, "b.py": OLD})
    commit_all()
    write({"new.py": NEW})
    Path("other-index").write_bytes(Path(".git/index").read_bytes())
    monkeypatch.setenv("GIT_INDEX_FILE", "other-index")
    git("add", "new.py")
    monkeypatch.setenv("GIT_DIR", ".git")
    assert "+X = 2" in diff_since("HEAD", ["new.py"])[0]
    monkeypatch.delenv("GIT_INDEX_FILE")
    diff, untracked = diff_since("HEAD", ["new.py"])
    assert (diff, [item.path for item in untracked]) == ("", ["new.py"])


def test_attributes_hide_nothing() -> None:
    """A change cannot keep itself from being seen: neither as binary, nor by a filter that gives another."""
    write({"a.py": OLD, "b.py": OLD, "c.py": OLD})
    commit_all()
    write(dict.fromkeys(("a.py", "b.py", "c.py"), NEW))
    write({".gitattributes": "a.py -diff\nb.py binary\nc.py filter=old\n"})
    git("config", "filter.old.clean", "git cat-file blob HEAD:%f")
    assert git("diff", "HEAD").count("+X = 2") == 0
    assert diff_since("HEAD", [])[0].count("+X = 2") == 3


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_before_the_first_commit_all_is_new(form: str) -> None:
    """A hook reviews the first commit, too: what is staged, and with paths only below these."""
    git("init", "-q", f"--object-format={form}")
    write({"a.py": OLD, "sub/b.py": NEW, "untracked.py": OLD})
    assert diff_since("HEAD", [])[0] == ""
    git("add", "a.py", "sub")
    diff, untracked = diff_since("HEAD", [])
    assert (diff.count("+X = 1"), diff.count("+X = 2"), [one.path for one in untracked]) == (
        1,
        1,
        ["untracked.py"],
    )
    assert "a.py" not in diff_since("HEAD", ["sub"])[0]


def test_what_cannot_be_compared_is_one_line() -> None:
    """There is no such commit, no repository, or the refs are in a form that is not read."""
    with pytest.raises(UsageError, match="there is no git repository in"):
        diff_since("HEAD", [])
    git("init", "-q")
    with pytest.raises(UsageError, match="cannot compare with 'HEAD~1': fatal: bad revision 'HEAD~1'; check"):
        diff_since("HEAD~1", [])
    git("config", "core.repositoryFormatVersion", "1")
    git("config", "extensions.refStorage", "reftable")
    with pytest.raises(UsageError, match="of this repository are a reftable; pass the changes instead:"):
        diff_since("HEAD", [])
    Path(".git/config").write_text("[core\n")
    with pytest.raises(UsageError, match="--diff needs the configuration of git: fatal: bad config line 1"):
        diff_since("HEAD", [])


def test_files_of_a_diff_are_those_that_fit() -> None:
    """A file of the same name at the root does not stand in for one below, nor the other way round."""
    write({"a.py": "other\n", "sub/a.py": OLD})
    commit_all()
    write({"sub/a.py": NEW})
    whole = git("diff")
    os.chdir("sub")
    here = Path.cwd()
    for diff, path, root in ((git("diff", "--relative"), "a.py", here), (whole, "sub/a.py", here.parent)):
        changes = select_changes(diff)
        assert (changes.texts, changes.folder) == ({path: NEW}, root)
