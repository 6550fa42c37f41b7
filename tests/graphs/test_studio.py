"""LangGraph's development server: it starts without a key, shows the graphs, and runs the review."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from mcp import Client as MCPClient
from mcp.types import TextContent

from tests.support.agent_server import serving
from tests.support.documents import ROOT
from tests.support.ports import free_ports
from tests.support.server import ModelServer, Reply

UNSAFE = {"app.py": "import os\nos.system('ls ' + input())\n"}


class Servers(NamedTuple):
    """Two servers, each of which answers once it was waited for."""

    plain: Callable[[], SyncLangGraphClient]
    strict: Callable[[], SyncLangGraphClient]
    models: ModelServer


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start both at the same time, since each takes seconds to start."""
    plain_port, strict_port = free_ports(2)
    with ModelServer() as models:
        settings = {
            "LANGGRAPH_STRICT_MSGPACK": "true",
            "OPENAI_BASE_URL": models.url,
            "OPENAI_API_KEY": "sk-test-not-a-real-key",
        }
        with (
            serving(tmp_path_factory.mktemp("studio"), plain_port) as plain,
            serving(tmp_path_factory.mktemp("strict"), strict_port, settings) as strict,
        ):
            yield Servers(plain, strict, models)


@pytest.fixture(scope="module")
def client(servers: Servers) -> SyncLangGraphClient:
    """A client of a server that has no key."""
    return servers.plain()


@pytest.fixture(scope="module")
def strict(servers: Servers) -> tuple[SyncLangGraphClient, ModelServer]:
    """A client of a server that has a model, and reads no types but those that it was told of."""
    return servers.strict(), servers.models


def test_every_graph_is_listed_with_a_description(client: SyncLangGraphClient) -> None:
    """What `langgraph.json` lists is there, each with a sentence about it."""
    listed = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    found = {item["graph_id"]: item.get("description") for item in client.assistants.search(limit=100)}
    assert found == {name: graph["description"] for name, graph in listed.items()}


def test_the_review_runs_through_the_server(client: SyncLangGraphClient) -> None:
    """Without a key the static engines vote, inside a server that forbids blocking calls."""
    out: Any = client.runs.wait(None, "review", input={"files": UNSAFE})
    assert {finding["rule"] for finding in out["findings"]} >= {"S605", "D100"}
    assert "not a language model" in out["review"]["notice"]
    assert out["run_report"]["branches"] == {"ok": 7}
    assert set(out) >= {"findings", "review", "markdown", "run_report"}


async def test_each_graph_is_a_tool_of_the_servers_own_mcp(client: SyncLangGraphClient) -> None:
    """Names and descriptions are those of `langgraph.json`, arguments those of the input; output is text."""
    address = f"{str(client.http.client.base_url).rstrip('/')}/mcp"
    listed = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    async with MCPClient(address) as tools:
        found = {tool.name: tool for tool in (await tools.list_tools()).tools}
        result = await tools.call_tool("moderation", {"text": "Write to ann@example.org."})
        failed = await tools.call_tool("voting", {"question": "?"})
    assert {name: tool.description for name, tool in found.items()} == {
        name: graph["description"] for name, graph in listed.items()
    }
    assert list(found["moderation"].input_schema["properties"]) == ["text", "messages"]
    (text,) = result.content
    assert isinstance(text, TextContent)
    assert "'status': 'flagged'" in text.text
    assert result.structured_content is None
    assert (failed.is_error, [one.text for one in failed.content]) == (True, ["NoModelError"])  # type: ignore[union-attr]


async def test_an_assistant_is_a_tool_with_settings_of_its_own(client: SyncLangGraphClient) -> None:
    """Its context says with which model, limits and aspects the graph runs; the client of the tool cannot."""
    context: Any = {"aspects": ["security"]}
    assistant = client.assistants.create(
        "review", name="security review", description="Reviews code for security.", context=context
    )
    try:
        async with MCPClient(f"{str(client.http.client.base_url).rstrip('/')}/mcp") as tools:
            found = {tool.name: tool.description for tool in (await tools.list_tools()).tools}
            result = await tools.call_tool("security_review", {"files": UNSAFE})
    finally:
        client.assistants.delete(assistant["assistant_id"])
    assert found["security_review"] == "Reviews code for security."
    text = result.content[0].text  # type: ignore[union-attr]
    assert "'rule': 'S605'" in text
    assert "D100" not in text


@pytest.mark.parametrize(
    ("graph", "given", "key"),
    [
        (
            "briefing",
            {"documents": {"a": "The old bridge was closed.", "b": "The bridge is old."}},
            "briefing",
        ),
        ("moderation", {"text": "Write to ann@example.org."}, "moderation"),
        ("feedback", {"texts": ["I love it", "Terrible!"]}, "feedback"),
        ("research", {"question": "Why?", "files": {"a": "Why not."}}, "research"),
    ],
)
def test_graphs_with_engines_run_through_the_server(
    client: SyncLangGraphClient, graph: str, given: dict[str, Any], key: str
) -> None:
    """Without a key, labelled, and without a call that blocks the server."""
    out: Any = client.runs.wait(None, graph, input=given)
    assert "model" in out[key]["notice"]
    assert out["run_report"]["failures"] == {}


def test_the_context_reaches_the_run(client: SyncLangGraphClient) -> None:
    """Aspects that are set for one run are the only ones in it."""
    context: Any = {"aspects": ["security"]}
    out: Any = client.runs.wait(None, "review", input={"files": UNSAFE}, context=context)
    assert [aspect["name"] for aspect in out["review"]["aspects"]] == ["security"]


def test_a_misspelled_setting_of_the_context_is_refused(client: SyncLangGraphClient) -> None:
    """The server passes the context as JSON; an unknown key is an error that names it, not ignored."""
    context: Any = {"limits": {"concurency": 3}}
    with pytest.raises(Exception, match="concurency"):
        client.runs.wait(None, "review", input={"files": UNSAFE}, context=context)


def test_the_graph_shows_its_nested_voters(client: SyncLangGraphClient) -> None:
    """Studio draws the vote inside the review."""
    assistant = client.assistants.search(graph_id="review")[0]["assistant_id"]
    graph: Any = client.assistants.get_graph(assistant, xray=True)
    nodes = {node["id"] for node in graph["nodes"]}
    assert {"plan", "vote:open", "vote:voter", "vote:tally", "unite"} <= nodes


def test_the_schemas_are_narrow_and_titled(client: SyncLangGraphClient) -> None:
    """Studio's forms show what a person can give: the files, a diff, and the run's settings."""
    assistant = client.assistants.search(graph_id="review")[0]["assistant_id"]
    schemas: Any = client.assistants.get_schemas(assistant)
    files = schemas["input_schema"]["properties"]["files"]
    assert (files["title"], bool(files["examples"])) == ("Files", True)
    output = schemas["output_schema"]["properties"]
    own = {"findings", "review", "markdown", "branches", "sections", "missing", "run_report"}
    assert set(output) == own | {"messages"}
    assert output["findings"]["title"] == "Findings"
    assert set(schemas["context_schema"]["properties"]) == {
        "model",
        "voters",
        "aspects",
        "fallbacks",
        "limits",
        "completion",
        "cache",
        "trace",
        "trace_contents",
    }
    assert schemas["context_schema"]["properties"]["voters"]["title"] == "Voters"
    for name, fields in {"voting": {"question"}, "sectioning": {"content"}}.items():
        other = client.assistants.search(graph_id=name)[0]["assistant_id"]
        shown: Any = client.assistants.get_schemas(other)
        assert set(shown["input_schema"]["properties"]) - {"messages"} == fields


def test_no_schema_has_an_internal_channel(client: SyncLangGraphClient) -> None:
    """A thread's state has the input and the output of its graph, of every graph and of those inside."""
    for name in json.loads((ROOT / "langgraph.json").read_text())["graphs"]:
        assistant = client.assistants.search(graph_id=name)[0]["assistant_id"]
        inside = client.assistants.get_subgraphs(assistant, recurse=True)
        own: Any = client.assistants.get_schemas(assistant)
        assert all("examples" in field for field in own["input_schema"]["properties"].values())
        for schemas in [own, *inside.values()]:
            state, given, out = (
                set(schemas[f"{s}_schema"]["properties"]) for s in ("state", "input", "output")
            )
            assert state == given | out


ENGINES_DISAGREE = {"question": "Write to ann@example.org."}
PUBLIC = {"question", "verdict", "ballots", "missing", "branches", "run_report"}


@pytest.mark.parametrize("restricted", [False, True], ids=["any types", "known types"])
def test_a_person_decides_on_the_thread(restricted: bool, request: pytest.FixtureRequest) -> None:
    """The run stops with one interrupt, goes on with the decision, and shows no internal channel."""
    client = request.getfixturevalue("strict")[0] if restricted else request.getfixturevalue("client")
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "approval", input=ENGINES_DISAGREE)
    waiting: Any = client.threads.get_state(thread)
    (asked,) = waiting["interrupts"]
    (action,) = asked["value"]["action_requests"]
    assert (action["name"], action["args"]["vote"]) == ("decide_vote", "approval")
    assert client.threads.get(thread)["status"] == "interrupted"
    assert set(waiting["values"]) <= PUBLIC
    decision = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "publish"}}}
    out: Any = client.runs.wait(thread, "approval", command={"resume": {"decisions": [decision]}})
    assert (out["verdict"]["choice"], out["verdict"]["decided_by"]) == ("publish", "person")
    states = [client.threads.get_state(thread), *client.threads.get_history(thread)]
    assert set(states[0]["values"]) == PUBLIC
    assert all(set(state["values"] or {}) <= PUBLIC for state in states)
    assert set(client.threads.get(thread)["values"]) == PUBLIC


def test_rounds_are_seen_as_they_end(strict: tuple[SyncLangGraphClient, ModelServer]) -> None:
    """A debate whose voters disagree sends a second round; its updates name the nodes, and their keys."""
    client, models = strict
    models.always(Reply(json={"choice": "no", "rationale": "r"}))
    models.on("You are participant 1 ", Reply(json={"choice": "yes", "rationale": "r"}))
    thread = client.threads.create()["thread_id"]
    stream = client.runs.stream(thread, "debate", input={"question": "?"}, stream_mode="updates")
    updates = [update for part in stream if part.event == "updates" for update in part.data.items()]
    nodes = [node for node, _ in updates]
    assert nodes == ["plan", *["argue"] * 3, "gather", *["argue"] * 3, "gather", "decide"]
    rounds = [{section["round"] for section in update.get("sections", ())} for _, update in updates]
    assert [found for found in rounds if found] == [{0}, {1}]
    public = set(client.threads.get(thread)["values"] or {})
    assert set().union(*(update for _, update in updates)) == public - {"question"}


def test_a_graph_that_needs_a_model_says_so(client: SyncLangGraphClient) -> None:
    """Without a key the vote ends with the error that names the ways out."""
    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        client.runs.wait(None, "voting", input={"question": "?"})


def test_a_chat_with_a_graph(client: SyncLangGraphClient) -> None:
    """Studio and chat UIs find `messages` in the schemas, send what the user says, and show the thread."""
    assistant = client.assistants.search(graph_id="moderation")[0]["assistant_id"]
    schemas: Any = client.assistants.get_schemas(assistant)
    assert all("messages" in schemas[which]["properties"] for which in ("input_schema", "output_schema"))
    thread = client.threads.create()["thread_id"]
    shown: list[Any] = []
    for text in ("Mail me at ann@example.com", "Good morning"):
        said: Any = {"messages": [{"type": "human", "content": [{"type": "text", "text": text}]}]}
        parts = client.runs.stream(thread, assistant, input=said, stream_mode="messages-tuple")
        shown += [part.data[0] for part in parts if part.event == "messages"]
    kept: Any = client.threads.get(thread)
    messages = kept["values"]["messages"]
    assert [message["type"] for message in messages] == ["human", "ai"] * 2
    assert [one["id"] for one in shown] == [one["id"] for one in messages if one["type"] == "ai"]
    assert ["example.com" in message["content"] for message in messages[1::2]] == [True, False]


def test_a_review_in_a_chat_shows_its_code_in_streams_and_states(client: SyncLangGraphClient) -> None:
    """A chat UI reads the history of the thread, in which the server puts mappings for records."""
    code = "import os\n\n\ndef run(command: str) -> int:\n    return os.system('ls ' + command)\n"
    thread = client.threads.create()["thread_id"]
    said: Any = {"messages": [{"type": "human", "content": f"```python app.py\n{code}```"}]}
    parts = list(client.runs.stream(thread, "review", input=said, stream_mode=["values", "updates"]))
    assert [part.data for part in parts if part.event == "error"] == []
    states = [client.threads.get_state(thread), *client.threads.get_history(thread, limit=100)]
    kept: Any = states[0]["values"]
    assert [message["type"] for message in kept["messages"]] == ["human", "ai"]
    assert {section["id"] for section in kept["sections"]} >= {"security/1"}
    assert code.strip() in json.dumps(kept["sections"]).encode().decode("unicode_escape")
