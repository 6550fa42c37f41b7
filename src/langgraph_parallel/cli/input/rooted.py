"""Files below some folders alone, for callers who choose paths but may not see the whole machine."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from langgraph_parallel.cli.input.changes import diff_since, select_changes
from langgraph_parallel.cli.review.configuration import Configuration, read_configuration
from langgraph_parallel.cli.review.reporting import Reporting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.mcp.reading import Code, Texts
from langgraph_parallel.reading.contents import read_source
from langgraph_parallel.reading.documents import SUFFIXES, DocumentReader
from langgraph_parallel.reading.files import Files, collect, path_exists
from langgraph_parallel.records import Skipped

SECRETS = (
    ".env", ".env.*", "*.env", "!.env.example", "!.env.sample", "!.env.template",
    "*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", ".htpasswd", ".dockercfg",
    "credentials.json", "secrets.json", "secrets.yml", "secrets.yaml", "secrets.toml",
    "**/.aws/credentials", "**/.docker/config.json", "**/.kube/config", ".gnupg/", ".ssh/",
    ".git/", ".hg/", ".svn/",
)  # fmt: skip
"""Names of files that usually hold keys or passwords, and the folders of version control: none is read."""


class RootedReader:
    """Reads code and documents below some folders, and names files relative to them.

    Links are followed to where they lead, which has to be below one of the folders, too.

    Args:
        roots: the folders.
        stopped: once it is set, no further file is read.
    """

    def __init__(self, roots: Sequence[Path], stopped: threading.Event) -> None:
        self._roots = [root.resolve() for root in roots]
        self._stopped = stopped

    def code(self, paths: Sequence[str], since: str) -> Code:
        """Read code, or changes since a git revision.

        Raises:
            UsageError: a path lies outside of the folders, or cannot be read; git knows no such revision.
        """
        found = [self._inside(path) for path in paths]
        if since:
            return self._changes(found, since)
        if not found:
            return self._code({}, self._roots[0] if len(self._roots) == 1 else None)
        files = self._collect(found, (), self._unless_stopped(read_source), "review")
        folder = found[0] if found[0].is_dir() else found[0].parent
        return self._code({"files": files.texts, "skipped": files.skipped}, folder)

    def documents(self, paths: Sequence[str], use: str) -> Texts:
        """Read documents, and those below folders.

        Raises:
            UsageError: a path lies outside of the folders, or cannot be read; there is no document.
        """
        found = [self._inside(path) for path in paths]
        with DocumentReader() as reader:
            include = [f"*{suffix}" for suffix in SUFFIXES]
            files = self._collect(found, include, self._unless_stopped(reader.read), use)
            unread = [
                f"{item.path}: {item.reason}" for item in files.skipped if item.reason != "not included"
            ]
            said = [f"{self._shown(remark.name)}: {remark.text}" for remark in reader.remarks]
        return Texts(files.texts, [*said, *unread])

    def _collect(
        self, paths: Sequence[Path], include: Sequence[str], read: Callable[[Path], str | Skipped], use: str
    ) -> Files:
        files = collect([str(path) for path in paths], include=include, exclude=SECRETS, read=read, use=use)
        skipped = [item.model_copy(update={"path": self._shown(item.path)}) for item in files.skipped]
        return Files({self._shown(path): text for path, text in files.texts.items()}, skipped)

    def _changes(self, paths: Sequence[Path], since: str) -> Code:
        root = self._root_of(paths[0]) if paths else self._only_root()
        diff, untracked = diff_since(since, [str(path) for path in paths], folder=root)
        changes = select_changes(diff, exclude=SECRETS, folder=root)
        left_out = [*changes.skipped, *untracked]
        inputs = {"files": changes.texts, "diff": changes.diff, "skipped": left_out}
        return self._code(inputs, paths[0] if paths and paths[0].is_dir() else root)

    def _code(self, inputs: Mapping[str, object], folder: Path | None) -> Code:
        """Return code with the settings of its project."""
        top = None if folder is None else self._root_of(folder)
        project = Configuration({}) if folder is None else read_configuration(folder, top=top)
        return Code(inputs, Reporting().completed_by(project).filters, project.names("aspects"))

    def _inside(self, path: str) -> Path:
        """Return where a path leads.

        Raises:
            UsageError: it leads outside of the folders, to nothing, or to a file that holds keys.
        """
        if not path.strip():
            raise UsageError("a path is empty; write . for the folder itself")
        candidates = [found for root in self._roots if (found := _resolved(root / path)) is not None]
        inside = [found for found in candidates if any(map(found.is_relative_to, self._roots))]
        if not inside:
            folders = ", ".join(map(str, self._roots)) or "none"
            raise UsageError(
                f"{path} lies outside of the folders that may be read ({folders}); start the server with "
                "--root DIR to add one"
            )
        there = next(filter(path_exists, inside), None)
        if there is None:
            raise UsageError(f"there is no file or folder {path}; check the path")
        if _holds_secrets(there.relative_to(self._root_of(there))):
            raise UsageError(f"{path} is not read, as such files hold keys or passwords; leave it out")
        return there

    def _root_of(self, path: Path) -> Path:
        """Return the innermost of the folders that a path lies in."""
        return max(filter(path.is_relative_to, self._roots), key=lambda root: len(root.parts))

    def _only_root(self) -> Path:
        if len(self._roots) != 1:
            folders = ", ".join(map(str, self._roots)) or "none"
            raise UsageError(f"since needs paths where there is not one folder alone; folders: {folders}")
        return self._roots[0]

    def _shown(self, name: str) -> str:
        """Return the name of a file for reports: relative to the folder, if there is only one."""
        path = Path.cwd() / name
        if len(self._roots) == 1 and path.is_relative_to(self._roots[0]):
            return path.relative_to(self._roots[0]).as_posix()
        return path.as_posix()

    def _unless_stopped(self, read: Callable[[Path], str | Skipped]) -> Callable[[Path], str | Skipped]:
        def read_one(path: Path) -> str | Skipped:
            if self._stopped.is_set():
                raise UsageError("reading was stopped; call the tool again")
            return read(path)

        return read_one


def _resolved(path: Path) -> Path | None:
    """Return where a path leads; None for a name that the system refuses, or links in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def _holds_secrets(path: Path) -> bool:
    spec = GitIgnoreSpec.from_lines(SECRETS)
    return spec.match_file(path.as_posix()) or spec.match_file(f"{path.as_posix()}/")
