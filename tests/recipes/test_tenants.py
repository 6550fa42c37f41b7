"""`examples/tenants.py`: what one tenant may learn, take or break of another; each is tried."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.memory import InMemoryStore
from pydantic import SecretStr
from redis.asyncio import Redis

from examples import tenants
from examples.tenants import Who, ask, build, thread_of
from langgraph_parallel import Ask, create_sectioning, create_voting, events, limiting, split
from langgraph_parallel.runtime.resting import rests
from tests.support.databases import NEEDS_REDIS, REDIS
from tests.support.server import ModelServer, Reply, Request
from tests.support.traces import Traces, traces

SECRETS = {"acme": "sk-of-acme-0123456789abcdef", "globex": "a key that looks like none"}
BALLOT = Reply(json={"rationale": "r", "choice": "publish", "confidence": None})


def key_in(request: Request) -> str:
    """Return the tenant with whose key a request was made."""
    said = request.headers["Authorization"].removeprefix("Bearer ")
    return next(tenant for tenant, key in SECRETS.items() if key == said)


def refused(request: Request) -> bool:
    """Return whether a request was made with the key that the server refuses."""
    return key_in(request) == "globex"


@pytest.fixture
def example(server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelServer]:
    """The example with two tenants, and a server that notes their keys."""
    server.always(BALLOT)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setattr(tenants, "KEYS", {name: SecretStr(key) for name, key in SECRETS.items()})
    monkeypatch.setattr(tenants, "ANSWERS", tmp_path / "answers")
    tenants.vote_of.cache_clear()
    yield server
    tenants.vote_of.cache_clear()


async def test_each_call_is_made_with_the_key_of_its_tenant(example: ModelServer) -> None:
    """Of forty runs at the same time, in one loop and one graph."""
    graph = build(checkpointer=InMemorySaver())
    asked = [(tenant, str(number)) for number in range(20) for tenant in SECRETS]
    await asyncio.gather(*(ask(graph, tenant, id, f"{tenant} asks {id}?") for tenant, id in asked))
    assert len(example.requests) >= 2 * len(asked)
    assert [r for r in example.requests if f"{key_in(r)} asks" not in r.prompt] == []


async def test_the_same_question_of_two_tenants_is_asked_twice(example: ModelServer) -> None:
    """Who has asked before finds their own answers; nobody learns by time or cost what others have asked."""
    graph = build()
    for tenant, requests in (("acme", 2), ("globex", 4), ("acme", 4), ("globex", 4)):
        await ask(graph, tenant, "1", "Do we buy Initech?")
        assert (tenant, len(example.requests)) == (tenant, requests)
    assert {path.name for path in tenants.ANSWERS.iterdir() if path.suffix == ".sqlite"} == {
        "acme.sqlite",
        "globex.sqlite",
    }


async def test_one_file_of_kept_answers_is_apart_for_each_key(example: ModelServer, tmp_path: Path) -> None:
    """Also if an app gives all tenants the same one."""
    for tenant, requests in (("acme", 2), ("globex", 4), ("acme", 4)):
        model = ChatOpenAI(model="own", api_key=SecretStr(SECRETS[tenant]))
        vote = create_voting(
            model=model, choices=["publish", "hold"], voters=3, cache=tmp_path / "one" / "a.sqlite"
        )
        await vote.ainvoke({"question": "Do we buy Initech?"})
        assert (tenant, len(example.requests)) == (tenant, requests)


async def test_a_thread_of_another_tenant_is_another_thread(example: ModelServer) -> None:
    """The same id is a thread of one's own; one's own name in front of theirs leads nowhere."""
    graph = build(checkpointer=InMemorySaver(), store=InMemoryStore())
    await ask(graph, "acme", "1", "secret")
    for id in ("1", "acme/1", "../acme/1", "%2e%2e/acme/1", ""):
        state = await graph.aget_state(thread_of("globex", id))
        assert (id, state.values, state.created_at) == (id, {}, None)
    assert (await graph.aget_state(thread_of("acme", "1"))).values["question"] == "secret"


async def test_memories_are_in_the_part_of_their_tenant(example: ModelServer) -> None:
    """Whatever is looked for below the name of another one is not there."""
    store = InMemoryStore()
    graph = build(checkpointer=InMemorySaver(), store=store)
    await ask(graph, "acme", "1", "secret")
    assert [item.key for item in await store.asearch(("acme",))] == ["secret"]
    assert await store.asearch(("globex",)) == []


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Receive traces."""
    with traces() as sink:
        yield sink


@pytest.mark.parametrize("tenant", SECRETS)
@pytest.mark.parametrize("status", [200, 401, 429], ids=["answered", "refused", "throttled"])
async def test_no_key_is_kept_told_or_logged(
    example: ModelServer,
    sink: Traces,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    tenant: str,
) -> None:
    """Neither in checkpoints, answers, memories, events, records and traces; also if errors repeat it."""
    caplog.set_level(logging.DEBUG)
    secret = SECRETS[tenant]
    if status != 200:
        said = f"Incorrect API key provided: {secret}."
        headers = {"retry-after": "3600"}
        example.always(Reply(status=status, headers=headers, body={"error": {"message": said}}))
    store = InMemoryStore()
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        graph = build(checkpointer=saver, store=store)
        config = thread_of(tenant, "1") | {"callbacks": [sink.tracer]}
        told = [
            event.model_dump_json()
            async for event in events(graph, {"question": "?"}, config, context=Who(tenant))
        ]
        state = await graph.aget_state(config, subgraphs=True)
    seen = [*told, repr(state), repr(graph), repr(tenants.vote_of(tenant)), caplog.text]
    seen += [repr(await store.asearch(())), json.dumps([*sink.arrived().runs.values()])]
    assert [run["run_type"] for run in sink.runs.values()].count("llm") >= 2
    assert any('"verdict"' in text for text in told)
    assert [text for text in seen if secret in text] == []
    assert found_in(tmp_path, secret) == []


def found_in(folder: Path, secret: str) -> list[str]:
    """Return the names of the files that hold a text, of which there are some."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert "checkpoints.sqlite" in {path.name for path in files}
    return [path.name for path in files if secret.encode() in path.read_bytes()]


async def test_the_context_of_a_run_is_not_in_its_checkpoints(example: ModelServer, tmp_path: Path) -> None:
    """So a key in it would not be stored by LangGraph itself; one in `configurable` is."""
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        graph = build(checkpointer=saver)
        config = thread_of("acme", "1")
        config["configurable"]["api_key"] = "in-configurable"
        await graph.ainvoke({"question": "?"}, config, context=Who("acme"))
    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as database:
        rows = repr(database.execute("SELECT metadata, checkpoint FROM checkpoints").fetchall())
    assert "Who" not in rows
    assert "in-configurable" in rows


def fixed(tenant: str) -> Any:
    """Return a vote with a model of a tenant."""
    model = ChatOpenAI(model="own", api_key=SecretStr(SECRETS[tenant]))
    return create_voting(model=model, choices=["publish", "hold"], voters=3)


def given_by_a_function(tenant: str) -> Any:
    """Return a vote with the one model of all tenants, which asks a function for the key."""
    return _shared


async def _key() -> str:
    from langgraph.config import get_config

    return SECRETS[get_config()["configurable"]["tenant"]]


def in_a_function(tenant: str) -> Any:
    """Return a vote whose voters call a model themselves."""
    model = ChatOpenAI(model="own", api_key=SecretStr(SECRETS[tenant]), max_retries=0)

    async def voter(question: str) -> str:
        await model.ainvoke(question)
        return "publish"

    return create_voting(voters=[voter] * 3, choices=["publish", "hold"])


_shared: Any = None


@pytest.fixture
def shared(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the vote with the model of all tenants."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    model = ChatOpenAI(model="own", api_key=_key)
    vote = create_voting(model=model, choices=["publish", "hold"], voters=3)
    monkeypatch.setattr("tests.recipes.test_tenants._shared", vote)


@pytest.mark.parametrize("make", [fixed, given_by_a_function, in_a_function], ids=lambda make: make.__name__)
@pytest.mark.parametrize("status", [401, 402], ids=["a wrong key", "a quota used up"])
async def test_a_key_that_is_refused_ends_the_calls_of_nobody_else(
    server: ModelServer, shared: None, make: Callable[[str], Any], status: int
) -> None:
    """However often a tenant tries, the others' calls begin, and are answered."""
    server.always(BALLOT)
    server.on(refused, Reply(status=status))
    for tenant in ("globex", "globex", "globex", "globex", "acme"):
        out = await make(tenant).ainvoke({"question": "?"}, {"configurable": {"tenant": tenant}})
    assert out["verdict"].choice == "publish"
    assert {key_in(request) for request in server.requests[-2:]} == {"acme"}
    assert not [key for key, rest in rests._rests.items() if rest.seconds and key[2].keys_vary]


async def test_an_outage_is_known_whatever_the_keys_are(server: ModelServer, shared: None) -> None:
    """Where a function gives the keys, an endpoint that is down rests for all, as it does otherwise."""
    server.always(Reply(status=500))
    config, limits = {"configurable": {"tenant": "acme"}}, {"attempts": 1, "rest_after": 3}
    await given_by_a_function("acme").ainvoke({"question": "?"}, config, context={"limits": limits})
    ((_, _, account),) = (key for key, rest in rests._rests.items() if rest.seconds)
    assert account.keys_vary


async def test_prefixes_of_other_keys_are_not_waited_for(server: ModelServer, shared: None) -> None:
    """A tenant's calls have a leader of their own: with their key nothing is kept of what others sent."""
    article = "A long text about bridges. " * 600
    seen: list[tuple[str, int]] = []

    async def run(tenant: str) -> None:
        graph = create_sectioning(
            planner=split.by_heading(),
            worker=Ask(
                "{shared}\n\nAbout {title}?", shared=["shared"], given={"shared": article}, model=_model
            ),
            limits={"leader": "on"},
        )
        await graph.ainvoke({"content": "# A\na\n# B\nb\n"}, {"configurable": {"tenant": tenant}})

    _model = ChatOpenAI(model="own", api_key=_key)
    server.always(Reply(text="done"))
    await asyncio.gather(run("acme"), run("globex"))
    seen = [(key_in(request), number) for number, request in enumerate(server.requests)]
    assert {tenant for tenant, number in seen[:2]} == set(SECRETS)


async def test_a_budget_that_is_spent_ends_the_runs_of_nobody_else(example: ModelServer) -> None:
    """Each run has its own, whoever runs at the same time."""
    graph = build()
    poor = limiting.around({"budget_calls": 1})
    verdict, other = await asyncio.gather(
        ask(graph, "acme", "1", "Is it?"),
        graph.ainvoke({"question": "Is it?"}, poor, context=Who("globex")),
    )
    assert (verdict.choice, verdict.cast) == ("publish", 2)
    assert (other["verdict"].cast, other["verdict"].skipped) == (1, 2)


async def test_models_of_many_tenants_do_not_stay(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model with the key of whoever asks may be made for each run: it is gone some runs later."""
    from langgraph_parallel.runtime import loops

    server.always(BALLOT)
    monkeypatch.setattr(loops, "_MOST_LATEST", 4)
    for number in range(20):
        model = ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr(f"sk-{number}"))
        await create_voting(model=model, choices=["publish", "hold"], voters=1).ainvoke({"question": "?"})
    store = loops._stores[asyncio.get_running_loop()]
    assert {kind: len(kept) for kind, kept in store.latest.items()} == {"adopted": 4, "bound": 4}
    assert len(store.objects) < 10


@pytest.mark.parametrize("address", [pytest.param(REDIS, marks=NEEDS_REDIS, id="redis")])
async def test_no_key_is_in_the_limits_that_processes_share(example: ModelServer, address: str) -> None:
    """Redis has numbers by endpoint and model, and nothing of who asks."""
    limiting.share_limits(address)
    try:
        await asyncio.gather(*(ask(build(), tenant, "1", "Is it?") for tenant in SECRETS))
        async with Redis.from_url(address) as redis:
            names: Any = await redis.keys("langgraph-parallel:*")
            kept: dict[bytes, Any] = {name: await redis.dump(name) for name in names}
    finally:
        limiting.share_limits(None)
    assert kept
    assert not [key for key, value in kept.items() for s in SECRETS.values() if s.encode() in key + value]
