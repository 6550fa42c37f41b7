"""A review runs nothing of what it reads: a repository may be hostile, and everything in it may be a trap."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.input.changes import diff_since
from tests.cli.support import commit_all, git, write
from tests.support.canaries import (
    MODULES,
    Canaries,
    expected_of_plain_git,
    fired_by_plain_engines,
    fired_by_plain_git,
    make_repository,
)

REVIEW = ["review", "--offline", "--format", "json", "--no-keep", "--summary", "none"]


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    """Programs that leave marks, outside of the current folder."""
    return Canaries(tmp_path / "canaries")


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of each file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def changed_files() -> list[str]:
    """Return the changed files of the current folder."""
    return [path.name for path in Path().glob("*.py") if path.read_text().endswith("Y = 2\n")]


def test_nothing_of_a_hostile_repository_runs(canaries: Canaries, tmp_path: Path) -> None:
    """No monitor, filter, driver, hook, helper, module or plug-in, with and without `--diff`."""
    repository = tmp_path / "repository"
    make_repository(canaries, repository)
    assert canaries.taken() == set()
    before = snapshot(repository)
    diff, untracked = diff_since("HEAD", [])
    assert snapshot(repository) == before
    assert canaries.taken() == set()
    assert (diff.count("+Y = 2"), [item.path for item in untracked]) == (
        len(changed_files()),
        [".gitattributes"],
    )
    script = Path(sysconfig.get_path("scripts")) / "langgraph-parallel"
    for aspects, code in (("documentation", ["--diff", "HEAD"]), ("security,style", ["."])):
        command = [str(script), *REVIEW, "--aspects", aspects, *code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        covered = json.loads(done.stdout)["coverage"]["files"]
        assert "program_0.py" in covered
        assert ("json.py" in covered) is (code == ["."])
        assert canaries.taken() == set()
        assert snapshot(repository) == before
    assert not list(repository.glob("fired*"))
    assert fired_by_plain_git(canaries) >= expected_of_plain_git()  # the canaries are alive
    assert fired_by_plain_engines(canaries) & {f"{name}.py" for name in MODULES} > {"plugin.py"}


@pytest.mark.parametrize("transport", ["upload-pack", "ext", "ssh", "git"])
def test_nothing_is_fetched(transport: str, canaries: Canaries, capsys: pytest.CaptureFixture[str]) -> None:
    """Git fetches the objects that a partial clone lacks, by programs that its configuration names."""
    write({"a.py": "X = 1\n"})
    commit_all()
    program = canaries.program("run", ends=True)
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
        **{
            "upload-pack": {"remote.origin.url": "nowhere", "remote.origin.uploadpack": program},
            "ext": {"remote.origin.url": f"ext::{program}", "protocol.ext.allow": "always"},
            "ssh": {"remote.origin.url": "ssh://127.0.0.1/x", "core.sshCommand": program},
            "git": {"remote.origin.url": "git://127.0.0.1/x", "core.gitProxy": program},
        }[transport],
    }
    for key, value in settings.items():
        git("config", key, value)
    blob = git("rev-parse", "HEAD:a.py").strip()
    Path(".git/objects", blob[:2], blob[2:]).unlink()
    write({"a.py": "X = 1\nY = 2\n"})
    assert run([*REVIEW, "--diff", "HEAD"]) == 2
    assert "nothing is fetched during a review: fetch the missing objects first" in capsys.readouterr().err
    assert canaries.taken() == set()
    subprocess.run(["git", "diff", "HEAD"], capture_output=True, check=False)
    assert canaries.taken() == {"run"}


@pytest.mark.parametrize("kind", ["bare", "pointer"])
def test_a_git_folder_in_the_tree_is_not_obeyed(
    kind: str, canaries: Canaries, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that looks like a bare repository, and a file `.git` that points to a folder of the tree."""
    write({"tree/a.py": "X = 1\n"})
    os.chdir("tree")
    commit_all()
    write({"a.py": "X = 2\n"})
    git("config", "core.fsmonitor", canaries.program("run"))
    git("config", "core.worktree", str(Path.cwd()))
    folder = Path.cwd() / "trap"
    Path(".git").rename(folder)
    if kind == "bare":
        os.chdir(folder)
        assert run([*REVIEW, "--diff", "HEAD"]) == 2
        assert "there is no git repository in" in capsys.readouterr().err
    else:
        Path(".git").write_text("gitdir: trap\n")
        assert diff_since("HEAD", [])[0].count("+X = 2") == 1
    assert canaries.taken() == set()
    subprocess.run(["git", "status"], capture_output=True, check=False)
    assert canaries.taken() == {"run"}


def test_a_git_of_the_current_folder_is_not_run(canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search path with the current folder in it does not find a program of the reviewed code."""
    write({"a.py": "X = 1\n"})
    commit_all()
    Path("git").symlink_to(canaries.program("run"))
    for variable in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH_COMMAND", "GIT_ASKPASS"):
        monkeypatch.setenv(variable, "./git")
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    write({"a.py": "X = 2\n"})
    assert "+X = 2" in diff_since("HEAD", [])[0]
    assert canaries.taken() == set()
    subprocess.run(["sh", "-c", "git </dev/null"], capture_output=True, check=False)
    assert canaries.taken() == {"run"}
