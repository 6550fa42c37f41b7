"""What the client is asked in the protocol without requests of servers, and which folders are read."""

import asyncio
import json
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, types

from langgraph_parallel.cli.input.rooted import RootedReader
from langgraph_parallel.errors import UsageError
from langgraph_parallel.mcp.asking import folders_of
from langgraph_parallel.mcp.patterns import Settings
from langgraph_parallel.mcp.reading import Code, Texts
from langgraph_parallel.mcp.server import ToolServer
from tests.support.documents import ROOT
from tests.support.server import ModelServer, Reply


class Shelf:
    """A reader that says which folders it was opened for."""

    def __init__(self, folders: Sequence[Path], stopped: threading.Event) -> None:
        self._folders = folders

    def code(self, paths: Sequence[str], since: str) -> Code:
        """Return no code."""
        raise UsageError(f"folders: {[*map(str, self._folders)]}")

    def documents(self, paths: Sequence[str], use: str) -> Texts:
        """Return no document."""
        raise UsageError(f"folders: {[*map(str, self._folders)]}")


async def _folders(roots: Sequence[Path] = (), **options: Any) -> str:
    """Call a tool that reads, and return which folders it may read."""
    server = ToolServer(Settings(offline=True), Shelf, roots)
    async with Client(server.protocol, **options) as client:
        result = await client.call_tool("brief", {"paths": ["x"]})
    text: str = result.content[0].text  # type: ignore[union-attr]
    return text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_folders_are_those_that_the_server_was_told_else_those_of_the_client(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both eras of the protocol; a client that names none has the current one, unless that is the home."""
    told, named = tmp_path / "told", tmp_path / "a b"
    for folder in (told, named):
        folder.mkdir()
    asked = []

    async def roots(context: Any) -> types.ListRootsResult:
        asked.append(1)
        return types.ListRootsResult(roots=[types.Root(uri=named.as_uri())])

    async def refuse(context: Any) -> types.ErrorData:
        return types.ErrorData(code=types.INTERNAL_ERROR, message="no")

    monkeypatch.chdir(tmp_path)
    assert await _folders(mode=mode, list_roots_callback=roots) == f"folders: ['{named}']"
    assert await _folders([told], mode=mode, list_roots_callback=roots) == f"folders: ['{told}']"
    assert len(asked) == 1
    assert await _folders(mode=mode) == f"folders: ['{tmp_path}']"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert await _folders(mode=mode) == "folders: []"
    monkeypatch.chdir("/")
    assert await _folders(mode=mode) == "folders: []"
    if mode == "legacy":
        monkeypatch.chdir(told)
        assert await _folders(mode=mode, list_roots_callback=refuse) == f"folders: ['{told}']"


def test_only_folders_of_this_machine_count_as_roots(tmp_path: Path) -> None:
    """A file, a folder that is not there, and an address of another kind do not."""
    (tmp_path / "file").write_text("")
    uris = [tmp_path.as_uri(), (tmp_path / "file").as_uri(), (tmp_path / "none").as_uri()]
    assert folders_of([types.Root(uri=uri) for uri in uris]) == [tmp_path]


@pytest.mark.parametrize(
    ("path", "is_read"),
    [
        (".env", False),
        ("a/prod.env", False),
        (".env.local", False),
        (".env.example", True),
        ("a/server.pem", False),
        ("a/.ssh/config", False),
        ("a/.aws/credentials", False),
        (".git/config", False),
        (".git", False),
        ("a/credentials/store.py", True),
        (".docker/app.py", True),
        ("environment.py", True),
    ],
)
def test_files_that_hold_keys_are_known_by_their_names(path: str, is_read: bool, tmp_path: Path) -> None:
    """A named one is refused, in whatever folder; names that only look like one are not."""
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x = 1\n")
    reader = RootedReader([tmp_path], threading.Event())
    if is_read:
        assert [*reader.code([path], "").inputs["files"]] == [path]
    else:
        with pytest.raises(UsageError, match="hold keys or passwords"):
            reader.code([path], "")


def test_several_folders_are_told_apart(tmp_path: Path) -> None:
    """Paths are looked up in each, and shown in full; what is stopped reads no further file."""
    stopped, folders = threading.Event(), [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / f"{folder.name}.py").write_text("x = 1\n")
    reader = RootedReader(folders, stopped)
    shown = reader.code(["two.py", str(folders[0])], "").inputs["files"]
    assert [*shown] == [str(folders[1] / "two.py"), str(folders[0] / "one.py")]
    with pytest.raises(UsageError, match="since needs paths"):
        reader.code([], "HEAD")
    stopped.set()
    with pytest.raises(UsageError, match="reading was stopped"):
        reader.code(["one.py"], "")


def _tie(server: ModelServer) -> dict[str, Any]:
    """Have two voters disagree, and return the arguments of their vote."""
    server.always(Reply(json={"choice": "yes"}))
    server.on("Is it tied?", Reply(json={"choice": "no"}), times=1)
    question = {"question": "Is it tied?", "choices": ["yes", "no"], "voters": 2, "rule": "unanimous"}
    return {**question, "on_undecided": "ask_person"}


async def test_a_server_may_ask_the_person_while_the_tool_works(model: str, server: ModelServer) -> None:
    """As clients of the handshake era have it; the comment is the note of the verdict."""
    asked: list[str] = []

    async def decide(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"choice": "no", "note": "Seen."})

    tools = ToolServer(Settings([model]), Shelf)
    async with Client(tools.protocol, mode="legacy", elicitation_callback=decide) as client:
        result = await client.call_tool("vote", _tie(server))
        record = await client.read_resource(
            f"langgraph-parallel://runs/{result.structured_content['run']}/json"
        )
    assert "Is it tied?" in asked[0]
    assert result.structured_content["choice"] == "no"
    assert result.structured_content["decided_by"] == "person"
    assert json.loads(record.contents[0].text)["note"] == "Seen."  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_without_a_form_the_vote_is_returned_undecided(
    mode: str, model: str, server: ModelServer
) -> None:
    """A client that cannot ask gets the counts, and what to make of them is up to its model."""
    async with Client(ToolServer(Settings([model]), Shelf).protocol, mode=mode) as client:
        result = await client.call_tool("vote", _tie(server))
    data = result.structured_content
    assert (data["decided"], data["outcome"], data["decided_by"]) == (False, "below_threshold", "rule")


async def test_a_person_who_is_asked_does_not_hold_up_the_end(model: str, server: ModelServer) -> None:
    """A signal ends the question, and the vote is returned undecided."""
    tools = ToolServer(Settings([model]), Shelf)

    async def never(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        tools.stop("stopped by SIGTERM")
        await asyncio.Event().wait()
        raise AssertionError

    async with Client(tools.protocol, mode="legacy", elicitation_callback=never) as client:
        result = await client.call_tool("vote", _tie(server))
    assert result.structured_content["outcome"] == "below_threshold"


async def test_a_tool_that_breaks_does_not_end_the_server(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is told that it did, the log has the cause, and other calls work."""

    class Broken(Shelf):
        def documents(self, paths: Sequence[str], use: str) -> Texts:
            raise KeyError("swordfish")

        def code(self, paths: Sequence[str], since: str) -> Code:
            raise PermissionError(13, "Permission denied", "app.py")

    server = ToolServer(Settings(offline=True), Broken, [Path.cwd()])
    async with Client(server.protocol) as client:
        result = await client.call_tool("brief", {"paths": ["x"]})
        refused = await client.call_tool("review", {"paths": ["app.py"]})
        other = await client.call_tool("feedback", {"texts": ["I love it"]})
    assert (result.is_error, refused.is_error, other.is_error) == (True, True, False)
    assert refused.content[0].text == "cannot read app.py: Permission denied"  # type: ignore[union-attr]
    text = result.content[0].text  # type: ignore[union-attr]
    assert text == "brief has failed unexpectedly; the standard error of the server says why"
    assert "swordfish" in caplog.text


async def test_a_server_that_is_stopped_starts_nothing() -> None:
    """A call after the signal is refused with the reason."""
    server = ToolServer(Settings(offline=True), Shelf, [Path.cwd()])
    server.stop("stopped by SIGTERM")
    async with Client(server.protocol) as client:
        result = await client.call_tool("feedback", {"texts": ["I love it"]})
    text = result.content[0].text  # type: ignore[union-attr]
    assert text == "the server is being stopped (stopped by SIGTERM); start it again"


async def test_the_recipe_of_the_guide_gives_the_report_alone() -> None:
    """A graph around ours takes files and gives Markdown, as its schemas say: a small tool of `/mcp`."""
    guide = (ROOT / "docs" / "guides" / "mcp.md").read_text()
    start = guide.index("    from typing_extensions import TypedDict")
    names: dict[str, Any] = {}
    exec(textwrap.dedent(guide[start : guide.index("\n\nModels, limits", start)]), names)
    graph = names["review_report"]
    assert [*graph.get_input_jsonschema()["properties"]] == ["files"]
    assert [*graph.get_output_jsonschema()["properties"]] == ["markdown"]
    out = await graph.ainvoke({"files": {"app.py": "assert eval('1')\n"}})
    assert [*out] == ["markdown"]
    assert "eval" in out["markdown"]
