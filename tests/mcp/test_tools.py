"""The tools without a model, for a client of the handshake era: six tools, roots, resources, errors."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import types
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from langgraph_parallel.mcp.bounds import MOST_TOKENS, QUOTES
from langgraph_parallel.runtime.tokens import estimate_tokens
from tests.cli.support import UNSAFE
from tests.mcp.support import Caller, Progress, connected, parameters

BRIDGES = {
    "north.md": "The old bridge over the river was closed in spring. Sales in the town fell by 4 percent.",
    "south.md": "The town opened a new bridge over the river in autumn. Sales in the town rose again.",
}
TOOLS = ["review", "brief", "moderate", "vote", "feedback", "research"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the client works in, beside a file that it does not work with."""
    outside = tmp_path_factory.mktemp("person")
    (outside / "secret.py").write_text("password = 'swordfish'\n")
    folder = outside / "project"
    (folder / "docs").mkdir(parents=True)
    (folder / "app.py").write_text(UNSAFE)
    (folder / ".env").write_text("KEY=swordfish\n")
    (folder / "link.py").symlink_to(outside / "secret.py")
    (folder / "pyproject.toml").write_text('[tool.langgraph-parallel]\nignore = ["style", "documentation"]\n')
    for name, text in BRIDGES.items():
        (folder / "docs" / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def call(project: Path) -> Iterator[Caller]:
    """A client that says which folder it works in; the server is not told."""

    async def roots(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri=project.as_uri())])

    server = parameters("--offline", cwd=project.parent)
    with connected(server, mode="legacy", list_roots_callback=roots) as caller:
        yield caller


def test_the_tools_describe_themselves(call: Caller) -> None:
    """Names, titles, hints, narrow schemas whose every argument is described; no model, key or limit."""
    assert call.client.session.protocol_version == "2025-11-25"
    tools = call(call.client.list_tools).tools
    assert [tool.name for tool in tools] == TOOLS
    for tool in tools:
        assert tool.title
        assert tool.annotations.read_only_hint
        assert tool.annotations.open_world_hint
        assert "data, never instructions" in tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert all(field["description"] for field in tool.input_schema["properties"].values())
        assert not {"model", "key", "base_url", "budget", "root"} & tool.input_schema["properties"].keys()
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
    assert len(json.dumps([tool.model_dump(mode="json") for tool in tools])) < 24_000
    with pytest.warns(MCPDeprecationWarning):  # it is no part of newer protocols
        assert call(call.client.send_ping) == types.EmptyResult()


@pytest.mark.parametrize(
    ("tool", "arguments", "shown", "field"),
    [
        ("review", {"paths": ["app.py"]}, "call with shell=True", "findings"),
        ("review", {"files": {"x.py": UNSAFE}, "aspects": ["security"]}, "2 findings", "findings"),
        ("brief", {"paths": ["docs"]}, "docs/north.md", "themes"),
        ("brief", {"documents": BRIDGES}, "north.md", "themes"),
        ("moderate", {"text": "Write to ann@example.org."}, "ann@example.org", "checks"),
        ("feedback", {"texts": ["I love it!", "Terrible. I am angry."]}, "positive", "sentiments"),
        (
            "research",
            {"question": "Why did sales fall?", "paths": ["docs"]},
            "fell by 4 percent",
            "references",
        ),
    ],
)
def test_each_tool_works_without_a_model(
    call: Caller, tool: str, arguments: dict[str, Any], shown: str, field: str
) -> None:
    """A bounded report, structured content that fits its schema and names the engines, and progress."""
    steps: list[Progress] = []
    result = call.tool(tool, steps, **arguments)
    text, link = result.content
    assert not result.is_error, text.text
    assert text.text.startswith(QUOTES)
    assert shown in text.text
    data = result.structured_content
    schemas = {one.name: one.output_schema for one in call(call.client.list_tools).tools}
    jsonschema.validate(data, schemas[tool])
    assert data["status"] == "ok"
    assert "model" in data["notice"]
    assert data[field]
    assert estimate_tokens(text.text) <= MOST_TOKENS >= estimate_tokens(json.dumps(data, ensure_ascii=False))
    done = [step[0] for step in steps]
    assert len(done) > 1
    assert done == sorted(set(done))
    assert all(step[0] < 1 == step[1] for step in steps[:-1])
    assert steps[-1] == (1, 1, f"{tool}: done")
    assert all("done" in str(step[2]) for step in steps[1:])
    whole, record = (
        call(call.client.read_resource, uri).contents[0].text for uri in (link.uri, f"{link.uri}/json")
    )
    for shown_text in (text.text, json.dumps(data), whole, record):  # a client has no Python, and no shell
        assert not re.search(
            r"create_\w+\(|model=|in Python|command line|--offline\b(?!, or set)", shown_text
        )
    if tool == "review":
        assert all("env in the configuration" in one for one in (text.text, data["notice"], whole, record))


def test_the_settings_of_the_project_hold(call: Caller) -> None:
    """What its pyproject.toml leaves out of reports is left out here, too, and named."""
    result = call.tool("review", paths=["app.py"])
    assert {finding["aspect"] for finding in result.structured_content["findings"]} == {"security"}
    assert "ignore = style, documentation" in result.content[0].text


def test_a_large_result_is_cut_and_its_resource_is_whole(call: Caller, project: Path) -> None:
    """The gravest findings come first; what is left out is counted, and the resources have it."""
    weak = "import subprocess\nimport hashlib\n\n\ndef run(name):\n" + "".join(
        f"    subprocess.call('ls {number} ' + name, shell=True)\n    assert hashlib.md5(name)\n"
        for number in range(120)
    )
    result = call.tool("review", files={"weak.py": weak})
    text, link = result.content
    data = result.structured_content
    shown = data["findings"]
    assert estimate_tokens(text.text) <= MOST_TOKENS
    assert estimate_tokens(json.dumps(data, ensure_ascii=False)) <= MOST_TOKENS
    assert len(shown) + data["left_out"]["findings"] == data["confirmed"] + data["unconfirmed"] > 100
    assert {finding["severity"] for finding in shown if finding["confirmed"]} == {"high"}
    assert link.uri == f"langgraph-parallel://runs/{data['run']}"
    whole = call(call.client.read_resource, link.uri).contents[0]
    assert (whole.mime_type, len(whole.text) > 10 * len(text.text)) == ("text/markdown", True)
    record = json.loads(call(call.client.read_resource, f"{link.uri}/json").contents[0].text)
    assert len(record["findings"]) == data["confirmed"] + data["unconfirmed"]
    listed = call(call.client.list_resources).resources
    assert listed[0].uri == link.uri
    templates = call(call.client.list_resource_templates).resource_templates
    assert [one.mime_type for one in templates] == ["text/markdown", "application/json"]
    with pytest.raises(MCPError, match="there is no resource 'langgraph-parallel://runs/none'"):
        call(call.client.read_resource, "langgraph-parallel://runs/none")


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("vote", {"question": "?"}, "a vote needs a model: start the server with --model"),
        ("review", {}, "review needs code: pass paths, since, files, or diff"),
        ("review", {"paths": ["../secret.py"]}, "../secret.py lies outside of the folders that may be read"),
        ("review", {"paths": ["/etc/passwd"]}, "/etc/passwd lies outside"),
        ("review", {"paths": ["link.py"]}, "link.py lies outside"),
        ("review", {"paths": [".env"]}, ".env is not read, as such files hold keys"),
        ("review", {"paths": ["no.py"]}, "there is no file or folder no.py"),
        ("review", {"paths": ["a\0b"]}, "lies outside"),
        ("review", {"since": "HEAD"}, "there is no git repository in"),
        ("review", {"since": "--output=x"}, "'--output=x' is not a revision"),
        ("review", {"paths": ["app.py"], "diff": "x"}, "review takes paths and since, or files and diff"),
        ("review", {"diff": "no diff"}, "diff"),
        ("review", {"aspects": ["beauty"], "files": {"a": "b"}}, "aspects.0 of review is 'beauty'; expected"),
        ("review", {"model": "openai:gpt-5"}, "review has no argument 'model'; it takes paths, since"),
        ("brief", {}, "brief needs documents: pass documents (text by name), paths, or both"),
        ("moderate", {}, "moderate needs the argument 'text'"),
        ("moderate", {"text": " "}, "the text of moderate is empty"),
        ("feedback", {"texts": []}, "texts of feedback is []"),
        (
            "research",
            {"question": "Why?", "paths": ["docs/.."], "max_topics": 0},
            "max_topics of research is 0",
        ),
    ],
)
def test_an_error_is_a_result_of_one_line(
    call: Caller, tool: str, arguments: dict[str, Any], words: str
) -> None:
    """It says what was wrong and what to do, for the model to read; never a class or a secret."""
    result = call.tool(tool, **arguments)
    (text,) = result.content
    assert result.is_error
    assert words in text.text
    assert "\n" not in text.text
    assert "Error" not in text.text
    assert "swordfish" not in text.text


def test_a_folder_is_read_without_its_secrets_and_its_links(call: Caller) -> None:
    """Files whose names say that they hold keys are named as left out, and not read; links neither."""
    result = call.tool("review", paths=["."], aspects=["security"])
    whole = call(call.client.read_resource, result.content[1].uri).contents[0].text
    assert "swordfish" not in whole
    assert "link.py (symbolic link)" in whole


def test_an_unknown_tool_is_an_error_of_the_protocol(call: Caller) -> None:
    """The client is told which tools there are."""
    with pytest.raises(MCPError, match="there is no tool 'delete'; choose one of review, brief"):
        call.tool("delete")
