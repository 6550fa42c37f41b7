"""Kept answers: the second run of the same work asks nothing, and gives the same."""

import asyncio
import importlib.util
import operator
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, interrupt
from pydantic import BaseModel, SecretStr

from langgraph_parallel import (
    AnswerCache,
    Ask,
    Limits,
    Section,
    aredrive,
    create_labeling,
    create_map_reduce,
    create_review,
    create_sectioning,
    create_voting,
    drain,
    events,
    governed,
)
from langgraph_parallel.limiting import AnswerStore
from langgraph_parallel.runtime.account import Account, account_digest
from langgraph_parallel.runtime.batch.identity import key_of
from langgraph_parallel.runtime.kept_streams import as_chunk
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.testing import FakeModel
from tests.support.clock import Clock, until
from tests.support.fans import numbered
from tests.support.server import Gate, ModelServer, Reply

ROOT = Path(__file__).parents[2]
QUICK = Limits(backoff=0)
YES = Reply(json={"choice": "yes", "answer": "yes", "reason": "it is"})
QUESTION = {"question": "Is it?"}
GIVEN = {"content": "go"}


def example() -> Any:
    """Load the example that runs all patterns."""
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "examples" / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    """Return a cache of its own."""
    return AnswerCache(tmp_path / "own" / "answers.sqlite")


def sections(n: int = 3, **options: Any) -> Any:
    """Build a fan-out of a few sections: 0, 1, 2."""
    return create_sectioning(planner=numbered(n), **options)


def plain(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output without times and calls."""
    kept = {
        key: value
        for key, value in output.items()
        if key not in ("run_report", "branches", "sections", "correlation_id")
    }
    branches = output.get("branches") or {}
    ended = {id: (branch.status, branch.ended_by, branch.value) for id, branch in branches.items()}
    return {**kept, "ended": {id: how for id, how in ended.items() if how[0] == "ok"}}


async def twice(
    graph: Any, given: Any, server: ModelServer, **options: Any
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Run a graph twice; return both outputs, and the number of requests of the second run."""
    first = await graph.ainvoke(given, **options)
    before = len(server.requests)
    second = await graph.ainvoke(given, **options)
    return first, second, len(server.requests) - before


@pytest.mark.parametrize("name", list(example().CATALOGUE))
async def test_the_second_run_of_every_pattern_asks_nothing(
    name: str, model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its result is that of the first, and all of its calls are kept ones at no cost."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", str(tmp_path / "own" / "a.sqlite"))
    server.on("Divide a question", Reply(json={"topics": [{"title": "Oslo", "brief": "the shop"}]}))
    build, given, _ = example().CATALOGUE[name]
    first, second, asked = await twice(build(), given, server)
    assert asked == 0
    assert plain(second) == plain(first)
    report = second["run_report"]
    assert report.kept == sum(call.kind == "model" for call in report.calls) > 0
    assert report.usage.input_tokens == report.usage.output_tokens == 0
    assert first["run_report"].kept == 0
    assert report.status == first["run_report"].status


async def test_a_vote_is_free_the_second_time(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The report names what was kept, and what it has saved; the calls cost nothing."""
    server.always(YES)
    priced = Limits(price_input=1000, price_output=1000)
    vote = create_voting(model=own, choices=["yes", "no"], stop="all_votes", cache=cache, limits=priced)
    first, second, asked = await twice(vote, QUESTION, server)
    assert asked == 0
    assert plain(second) == plain(first)
    calls = second["run_report"].calls
    assert [call.kept for call in calls] == [True] * 3
    assert [call.usd for call in calls] == [0.0] * 3
    assert [call.saved.answers for call in calls] == [call.usd for call in first["run_report"].calls]
    assert (second["run_report"].usd, second["run_report"].kept) == (0.0, 3)
    assert cache.count().answers == 3


async def test_voters_who_are_asked_the_same_share_no_answer(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Each has asked for itself, in the first run and in that of a larger panel."""
    server.always(YES)
    small = create_voting(model=own, choices=["yes", "no"], voters=3, stop="all_votes", cache=cache)
    await small.ainvoke(QUESTION)
    assert len(server.requests) == 3
    large = create_voting(model=own, choices=["yes", "no"], voters=5, stop="all_votes", cache=cache)
    out = await large.ainvoke(QUESTION)
    assert len(server.requests) >= 5
    assert out["run_report"].kept <= 3


async def test_items_with_the_same_text_share_no_answer(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The path of branches tells them apart."""
    labeling = create_labeling(model=own, labels=["a", "b"], voters=1, cache=cache)
    server.always(Reply(json={"choice": "a", "reason": "r"}))
    _, second, asked = await twice(labeling, {"items": {"1": "the same", "2": "the same"}}, server)
    assert len(server.requests) == 2
    assert asked == 0
    assert second["run_report"].kept == 2


async def test_voters_who_were_not_needed_are_not_asked_later_either(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Those that the first run has cut off find their vote ended in the second."""
    gate = Gate()
    server.always(YES)
    server.on(lambda request: len(server.requests) in (1, 3), Reply(json=YES.json, gate=gate))
    vote = create_voting(model=own, choices=["yes", "no"], voters=5, wave="all", cache=cache)
    first, second, asked = await twice(vote, QUESTION, server)
    assert asked == 0
    assert first["verdict"].choice == second["verdict"].choice
    assert first["verdict"].support == second["verdict"].support
    assert [call.kept for call in second["run_report"].calls] == [True] * 3
    gate.open()


async def test_a_nested_review_is_free_the_second_time(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """At every level, for all aspects and voters."""
    review = create_review(
        model=own, aspects=["security", "style"], voters=3, engines=False, cache=cache, limits=QUICK
    )
    files = {"a.py": "def f():\n    return eval(input())\n", "b.py": "x = 1\n"}
    first, second, asked = await twice(review, {"files": files}, server)
    assert len(server.requests) == 6
    assert asked == 0
    assert plain(second) == plain(first)


Change = Callable[[ChatOpenAI], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "model": lambda own: {"model": own.model_copy(update={"model_name": "another"})},
    "key": lambda own: {
        "model": ChatOpenAI(model="own", base_url=own.openai_api_base, api_key=SecretStr("b"))
    },
    "parameter": lambda own: {"model": own.model_copy(update={"seed": 7})},
    "header": lambda own: {"model": own.model_copy(update={"default_headers": {"X-Version": "2"}})},
    "temperature": lambda own: {"temperature": 0.5},
    "prompt": lambda own: {"prompt": "Answer! {question}"},
    "schema": lambda own: {"schema": Other},
    "role": lambda own: {"role": "You are strict."},
    "ceiling": lambda own: {"limits": Limits(max_answer_tokens=99)},
}


class Form(BaseModel):
    """A form."""

    answer: str


class Other(BaseModel):
    """Another form."""

    answer: str | None = None


@pytest.mark.parametrize("change", CHANGES)
async def test_another_question_is_asked(
    change: str, server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Whatever the answer depends on is part of its key; the same as before is kept."""
    server.always(Reply(json={"answer": "yes"}))
    options: dict[str, Any] = {"prompt": "{question}", "model": own, "schema": Form, "cache": cache}
    await Ask(**options).ainvoke("Is it?")
    await Ask(**{**options, **CHANGES[change](own)}).ainvoke("Is it?")
    assert len(server.requests) == 2
    await Ask(**options).ainvoke("Is it?")
    await Ask(**{**options, **CHANGES[change](own)}).ainvoke("Is it?")
    assert len(server.requests) == 2


async def test_another_endpoint_is_asked(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """An answer of one server is not that of another one."""
    await Ask("{q}", model=own, cache=cache).ainvoke("Is it?")
    with ModelServer() as other:
        moved = ChatOpenAI(model="own", base_url=other.url, api_key=own.openai_api_key)
        await Ask("{q}", model=moved, cache=cache).ainvoke("Is it?")
        assert len(other.requests) == 1


async def test_no_key_and_no_prompt_is_in_the_file(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Only digests and answers are."""
    server.always(Reply("an answer"))
    await Ask("{q}", model=own, cache=cache).ainvoke("a secret question")
    cache.close()
    content = cache.path.read_bytes()
    assert b"an answer" in content
    assert b"secret question" not in content
    assert own.openai_api_key is not None
    key: Any = own.openai_api_key
    assert key.get_secret_value().encode() not in content


async def test_a_repaired_answer_is_kept_with_its_repair(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Both requests of the question are free the second time."""
    server.always(Reply("no JSON"))
    server.on("does not fit", Reply(json={"answer": "yes"}))
    ask = Ask("{q}", model=own, schema=Form, cache=cache)
    assert await ask.ainvoke("Is it?") == await ask.ainvoke("Is it?")
    assert len(server.requests) == 2


async def test_an_answer_that_was_cut_off_is_kept_with_what_follows_it(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The whole text is free the second time."""
    server.always(Reply("The beginning ", finish="length"))
    server.on("was cut off", Reply("and the end"))
    ask = Ask("{q}", model=own, continuations=1, cache=cache)
    assert await ask.ainvoke("Is it?") == await ask.ainvoke("Is it?")
    assert len(server.requests) == 2


BAD = {
    "cut": Reply("half an", finish="length"),
    "filtered": Reply("", finish="content_filter"),
    "refused": Reply(refusal="No."),
    "empty": Reply(""),
    "invalid": Reply("no JSON"),
    "failed": Reply(status=500),
    "error": Reply(malformed=True),
}


@pytest.mark.parametrize("kind", BAD)
async def test_no_bad_answer_is_kept(
    kind: str, server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """What does not answer the question is asked again, in a run that is otherwise the same."""
    server.always(Reply(json={"answer": "yes"}))
    server.on(lambda request: len(server.requests) <= bad, BAD[kind])
    bad = 100
    ask = Ask("{q}", model=own, schema=Form, limits=Limits(backoff=0, attempts=1), cache=cache)
    with pytest.raises(Exception, match=r"."):
        await ask.ainvoke("Is it?")
    bad = 0
    assert (await ask.ainvoke("Is it?")).answer == "yes"
    assert cache.count().answers == 1


async def test_a_redrive_asks_again_what_a_branch_failed_on(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The worker fails on an answer that is whole: it is not kept, those of the other branches are."""
    server.always(Reply("good"))
    server.on("number: 1", Reply("bad"), times=1)
    ask = Ask("number: {title}", model=own, instructing=["title"])

    async def work(section: Section) -> str:
        answer: str = await ask.ainvoke(section)
        if answer == "bad":
            raise ValueError("this is no answer")
        return answer

    graph = sections(worker=work, cache=cache, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    out = await graph.ainvoke(GIVEN, config)
    assert out["missing"] == ["1"]
    assert cache.count().answers == 2
    out = await aredrive(graph, config)
    assert out["missing"] == []
    assert len(server.requests) == 4
    again = await graph.ainvoke(GIVEN, {"configurable": {"thread_id": "2"}})
    assert again["missing"] == []
    assert len(server.requests) == 4


async def test_branches_that_were_cut_off_keep_nothing(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache, clock: Clock
) -> None:
    """Their first answer came, and the branch was cancelled after it."""
    gate = Gate()
    server.on(lambda r: "second" in r.prompt, Reply("late", gate=gate))
    first, second = Ask("first {title}", model=own), Ask("second {title}", model=own)

    async def work(section: Section) -> str:
        return f"{await first.ainvoke(section)}{await second.ainvoke(section)}"

    graph = sections(1, worker=work, cache=cache, limits=Limits(deadline=500, grace=0))
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: len(server.asked("second")) == 1)
    clock.advance(500)
    out = await running
    assert out["branches"]["0"].status == "timed_out"
    assert len(server.asked("first")) == 1
    assert cache.count().answers == 0
    gate.open()


def is_request(server: ModelServer, number: int, _: Any) -> bool:
    """Return whether this is a certain request of a server, from 0."""
    return len(server.requests) == number + 1


async def test_a_worker_that_asks_the_same_twice_gets_two_answers(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """In both runs the same two, in their order; at the same time, too."""
    ask = Ask("{title}", model=own)
    for number in range(8):
        server.on(partial(is_request, server, number), Reply(f"answer {number}"))

    async def work(section: Section) -> list[str]:
        together = await asyncio.gather(*[ask.ainvoke(section) for _ in range(2)])
        return [await ask.ainvoke(section), *together]

    graph = sections(1, worker=work, cache=cache)
    first, second, asked = await twice(graph, GIVEN, server)
    assert len(server.requests) == 3
    assert asked == 0
    assert len(set(first["branches"]["0"].value)) == 3
    assert second["branches"]["0"].value == first["branches"]["0"].value


def look(text: str) -> str:
    """Look something up."""
    return f"found {text}"


TOOL_CALL = {
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"text": "it"}'},
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


async def test_an_agent_is_replayed(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """Its model is governed: each step finds its answer, and its tools run again."""
    server.always(Reply(body=TOOL_CALL))
    server.on("found it", Reply("It is there."))
    graph = sections(worker=create_agent(governed(own), [look]), cache=cache)
    first, second, asked = await twice(graph, GIVEN, server)
    assert len(server.requests) == 6
    assert asked == 0
    assert plain(second) == plain(first)
    assert second["run_report"].kept == 6
    assert second["run_report"].remarks == []


async def test_models_that_are_not_governed_are_named(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Other code calls them past the cache; the report says what to do."""
    graph = sections(worker=create_agent(own, []), cache=cache)
    _, second, asked = await twice(graph, GIVEN, server)
    assert asked == 3
    assert second["run_report"].remarks == [
        "answers of own are not kept: code of yours calls it; pass it there as governed(model)"
    ]


def test_sync_models_are_kept_too(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """Called by a function in a thread, at once and as a stream."""
    model = governed(own)
    server.always(Reply("an answer of some words"))

    def work(section: Section) -> list[str]:
        parts = [str(part.text) for part in model.stream(section.title)]
        return [str(model.invoke(section.title).text), "".join(parts)]

    graph = sections(worker=work, cache=cache)
    first = graph.invoke(GIVEN)
    assert len(server.requests) == 6
    second = graph.invoke(GIVEN)
    assert len(server.requests) == 6
    assert plain(second) == plain(first)


async def test_a_stream_is_one_part_the_second_time(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Of an `Ask` and of a governed model, and the parts are the same text."""
    server.always(Reply("an answer of some words"))
    model, ask = governed(own), Ask("{title}", model=own)

    async def work(section: Section) -> list[Any]:
        parts = [part async for part in model.astream(section.title)]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole + part
        return [whole.text, whole.usage_metadata, await ask.ainvoke(section)]

    graph = sections(worker=work, cache=cache)
    first, second, asked = await twice(graph, GIVEN, server)
    assert asked == 0
    assert plain(second) == plain(first)


async def test_answers_of_other_providers_are_kept(cache: AnswerCache) -> None:
    """Their models are told apart by the parameters that LangChain knows of."""
    model = FakeModel({"": "one"})
    ask = Ask("{q}", model=model, cache=cache)
    assert await ask.ainvoke("Is it?") == "one"
    other = Ask("{q}", model=FakeModel({"": "two"}), cache=cache)
    await other.ainvoke("Is it?")
    assert await ask.ainvoke("Is it?") == "one"


async def test_a_budget_is_left_alone(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """With none at all, a run has what was kept, and nothing else."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], stop="all_votes", cache=cache)
    first = await vote.ainvoke(QUESTION)
    context = {"limits": {"budget_calls": 0}}
    assert plain(await vote.ainvoke(QUESTION, context=context)) == plain(first)
    out = await vote.ainvoke({"question": "Is it not?"}, context=context)
    assert out["verdict"].status != "decided"
    assert len(server.requests) == 3


async def test_an_endpoint_that_is_gone_is_not_missed(own: ChatOpenAI, cache: AnswerCache) -> None:
    """The second run needs no server."""
    with ModelServer() as server:
        server.always(YES)
        there = own.model_copy()
        vote = create_voting(
            model=ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr("k")),
            choices=["yes", "no"],
            cache=cache,
        )
        assert there is not None
        first = await vote.ainvoke(QUESTION)
    assert plain(await vote.ainvoke(QUESTION)) == plain(first)


async def test_votes_in_nodes_of_another_graph_share_no_answer(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The names of the nodes around tell them apart."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], voters=1, cache=cache, outputs={"verdict": "v"})

    class State(TypedDict, total=False):
        question: str
        one: str
        two: str

    async def ask(state: State) -> str:
        return str((await vote.ainvoke({"question": state["question"]}))["v"].choice)

    builder = StateGraph(State)

    async def one(state: State) -> State:
        return {"one": await ask(state)}

    async def two(state: State) -> State:
        return {"two": await ask(state)}

    builder.add_node("first", one)
    builder.add_node("second", two)
    builder.add_edge(START, "first")
    builder.add_edge(START, "second")
    graph = builder.compile()
    _, _, asked = await twice(graph, QUESTION, server)
    assert len(server.requests) == 2
    assert asked == 0


async def test_a_cache_of_langgraph_keeps_answers(server: ModelServer, own: ChatOpenAI) -> None:
    """Given as it is."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], cache=InMemoryCache())
    _, _, asked = await twice(vote, QUESTION, server)
    assert asked == 0


class Failing(AnswerStore):
    """A store that fails after some answers."""

    def __init__(self, after: int) -> None:
        self.left, self.kept = after, dict[str, str]()

    def get(self, key: str) -> str | None:
        """Return an answer."""
        if self.left <= 0:
            raise OSError("the store is gone, and sk-abcdefgh12345 with it")
        self.left -= 1
        return self.kept.get(key)

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers."""
        self.kept.update(answers)


@pytest.mark.parametrize("after", [0, 2])
async def test_a_run_goes_on_without_a_store_that_fails(
    after: int, server: ModelServer, own: ChatOpenAI
) -> None:
    """It says so once, without secrets, and asks for everything."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], stop="all_votes", cache=Failing(after))
    out = await vote.ainvoke(QUESTION)
    assert out["verdict"].choice == "yes"
    assert out["run_report"].remarks == [
        "answers are not kept in their store: the store is gone, and *** with it"
    ]


def _locked(file: Path) -> None:
    AnswerCache(file).put({"a": "1"})
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    _OPEN.append(other)


def _foreign(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("notes")


def _in_place_of_a_folder(file: Path) -> None:
    file.parent.write_text("notes")


_OPEN: list[sqlite3.Connection] = []
TROUBLE = {
    "locked": (_locked, "database is locked"),
    "foreign": (_foreign, "file is not a database"),
    "no folder": (_in_place_of_a_folder, "File exists"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_a_run_goes_on_without_a_file_that_cannot_be_used(
    trouble: str, server: ModelServer, own: ChatOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so once."""
    monkeypatch.setattr("langgraph_parallel.runtime.answer_file._PATIENCE", 0.1)
    server.always(YES)
    make, words = TROUBLE[trouble]
    file = tmp_path / "folder" / "a.sqlite"
    make(file)
    vote = create_voting(model=own, choices=["yes", "no"], stop="all_votes", cache=AnswerCache(file))
    out = await vote.ainvoke(QUESTION)
    assert out["verdict"].choice == "yes"
    (remark,) = out["run_report"].remarks
    assert remark.startswith(f"answers are not kept in {file}: ")
    assert words in remark
    while _OPEN:
        _OPEN.pop().close()


async def test_what_is_damaged_in_the_file_is_asked_again(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Answers that are no answers, of whatever form."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], stop="all_votes", cache=cache)
    await vote.ainvoke(QUESTION)
    for damaged in ("", "{", "null", "[]", "5", '{"message": 5}', '{"message": {"content": 5}}', "{}"):
        cache.close()
        with sqlite3.connect(cache.path) as database:
            database.execute("UPDATE answers SET answer = ?", (damaged,))
        database.close()
        before = len(server.requests)
        out = await vote.ainvoke(QUESTION)
        assert out["verdict"].choice == "yes"
        assert len(server.requests) - before == 3


async def test_workers_and_inner_graphs_may_have_none(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """`cache=False` of a worker, or of a graph within, wins over that of the graph around."""
    server.always(YES)
    for worker in (
        Ask("{title}", model=own, cache=False),
        create_voting(model=own, choices=["yes", "no"], voters=1, cache=False),
    ):
        graph = sections(worker=worker, cache=cache)
        _, second, asked = await twice(graph, GIVEN, server)
        assert asked == 3
        assert second["run_report"].kept == 0
    assert cache.count().answers == 0


async def test_the_environment_names_a_cache(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all graphs that name none; not for single calls outside of graphs."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", str(cache.path))
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"])
    _, _, asked = await twice(vote, QUESTION, server)
    assert asked == 0
    none = create_voting(model=own, choices=["yes", "no"], cache=False)
    _, _, asked = await twice(none, QUESTION, server)
    assert asked > 0
    before = len(server.requests)
    await Ask("{q}", model=own).ainvoke("Is it?")
    await governed(own).ainvoke("Is it?")
    await governed(own).ainvoke("Is it?")
    assert len(server.requests) - before == 3


async def test_events_tell_what_was_kept(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """No call begins; it has ended, at no cost, and is in no sum."""
    server.always(YES)
    vote = create_voting(model=own, choices=["yes", "no"], voters=1, cache=cache)
    await vote.ainvoke(QUESTION)
    told = [event async for event in events(vote, QUESTION)]
    assert not [event for event in told if event.event == "calling"]
    (called,) = [event for event in told if event.event == "called"]
    assert called.kept
    assert called.cost is not None
    assert (called.usd, called.cost.calls, called.cost.input_tokens) == (0.0, 0, 0)
    assert called.input_tokens > 0


async def test_a_model_whose_settings_are_no_data_is_asked_each_time(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """A key that a function gives may be another one each time; the report says so."""
    server.always(YES)
    changing = ChatOpenAI(model="own", base_url=server.url, api_key=lambda: "k")
    vote = create_voting(model=changing, choices=["yes", "no"], voters=1, cache=cache)
    _, second, asked = await twice(vote, QUESTION, server)
    assert asked == 1
    assert second["run_report"].remarks == ["answers of own are not kept: its settings are no plain data"]


async def test_messages_are_told_apart_by_what_a_model_sees(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Ids and statistics of earlier calls make no difference, roles and contents do."""
    model = governed(own)
    history = [
        HumanMessage("a", id="1"),
        AIMessage("b", id="2", response_metadata={"x": 1}),
        HumanMessage("c"),
    ]
    alike = [HumanMessage("a", id="3"), AIMessage("b", id="4"), HumanMessage("c", id="5")]
    other = [HumanMessage("a"), HumanMessage("b"), HumanMessage("c")]

    def asking(messages: list[Any]) -> Any:
        async def work(section: Section) -> str:
            return str((await model.ainvoke(messages)).text)

        return sections(1, worker=work, cache=cache)

    for messages, requests in ((history, 1), (alike, 1), (other, 2)):
        await asking(messages).ainvoke(GIVEN)
        assert len(server.requests) == requests


async def test_reductions_are_kept_in_their_places(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Every level of a tree finds its answers, and another leaf changes only what is above it."""
    graph = create_map_reduce(
        worker=Ask("Leaf {content}", model=own),
        synthesizer=Ask("Join {results}", model=own),
        fan_in=2,
        cache=cache,
    )
    items = ["a", "b", "c", "d"]
    _, _, asked = await twice(graph, {"items": items}, server)
    assert asked == 0
    before = len(server.requests)
    await graph.ainvoke({"items": ["a", "b", "c", "another"]})
    assert 1 <= len(server.requests) - before <= 3


async def test_what_was_answered_before_a_person_is_asked_is_kept(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """A function that asks a person begins anew when the run is resumed, and finds the same answer."""
    for number in range(4):
        server.on(partial(is_request, server, number), Reply(f"answer {number}"))
    ask = Ask("{title}", model=own)

    async def work(section: Section) -> list[Any]:
        return [await ask.ainvoke(section), interrupt("Is that right?")]

    graph = sections(1, worker=work, cache=cache, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    out = await graph.ainvoke(GIVEN, config)
    assert "__interrupt__" in out
    out = await graph.ainvoke(Command(resume="yes"), config)
    assert out["branches"]["0"].value == ["answer 0", "yes"]
    assert len(server.requests) == 1


def test_runs_in_threads_share_a_cache(server: ModelServer, own: ChatOpenAI, cache: AnswerCache) -> None:
    """Sync runs at the same time, each in an event loop of its own; a later one asks nothing."""
    server.always(YES)
    plain_model = ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr("sk-test"), max_retries=0)
    vote = create_voting(model=plain_model, choices=["yes", "no"], stop="all_votes", cache=cache)
    with ThreadPoolExecutor(4) as threads:
        outs = list(threads.map(lambda _: vote.invoke(QUESTION), range(4)))
    before = len(server.requests)
    outs.append(vote.invoke(QUESTION))
    assert len(server.requests) == before
    assert {out["verdict"].choice for out in outs} == {"yes"}
    assert {tuple(out["run_report"].remarks) for out in outs} == {()}


async def test_a_second_run_on_a_thread_finds_its_answers(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """It is another run, of the same questions."""
    server.always(YES)
    vote = create_voting(
        model=own, choices=["yes", "no"], stop="all_votes", cache=cache, checkpointer=InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    first, second, asked = await twice(vote, QUESTION, server, config=config)
    assert asked == 0
    assert first["verdict"] == second["verdict"]


async def test_a_drained_run_keeps_what_had_ended(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """The branches that were cut off are asked again, and no others."""
    gate = Gate()
    server.always(Reply("done"))
    server.on("number: 2", Reply("late", gate=gate))
    graph = sections(
        3, worker=Ask("number: {title}", model=own, instructing=["title"]), cache=cache, limits={"grace": 0}
    )
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 3)
    await until(lambda: cache.count().answers == 2)
    drain()
    assert (await running)["missing"] == ["2"]
    gate.open()
    out = await graph.ainvoke(GIVEN)
    assert out["missing"] == []
    assert len(server.requests) == 4


class Gathered(TypedDict):
    """The state of a graph of others."""

    said: Annotated[list[str], operator.add]


def sending(worker: Any, n: int = 3) -> Any:
    """Build a graph of others that sends the same several times to one node."""
    graph = StateGraph(Gathered)
    graph.add_node("work", worker)
    graph.add_conditional_edges(START, lambda state: [Send("work", {"said": []}) for _ in range(n)])
    return graph.compile()


async def test_identical_tasks_of_a_graph_around_share_no_answer(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Each is asked in the first run, none in the second: in one graph, and below others that are sent to."""
    vote = create_voting(model=own, choices=["yes", "no"], voters=1, cache=cache)
    ask = Ask("Is it? Kind: {kind}", model=own, cache=cache)

    async def voting(state: Gathered) -> Any:
        return {"said": [(await vote.ainvoke(QUESTION))["verdict"].choice]}

    async def voting_with_config(state: Gathered) -> Any:
        out = await vote.ainvoke(QUESTION, {"tags": ["mine"]})
        return {"said": [out["verdict"].choice]}

    async def asking(state: Gathered) -> Any:
        return {"said": [await ask.ainvoke({"kind": "plain"})]}

    server.always(YES)
    graphs = [sending(voting), sending(sending(voting, 2)), sending(voting_with_config), sending(asking)]
    for graph, askers in zip(graphs, (3, 6, 3, 3), strict=True):
        cache.clear()
        before = len(server.requests)
        first, second, asked = await twice(graph, {"said": []}, server)
        assert len(first["said"]) == askers
        assert len(server.requests) - before == askers
        assert (asked, second) == (0, first)


async def test_a_task_that_is_tried_again_finds_its_answer(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """A retry of LangGraph's is the same task, and so is one that goes on after a person was asked."""
    vote = create_voting(model=own, choices=["yes", "no"], voters=1, cache=cache)
    tried = []

    async def work(state: Gathered) -> Any:
        choice = (await vote.ainvoke(QUESTION))["verdict"].choice
        tried.append(choice)
        if len(tried) == 1:
            raise ConnectionError("once")
        return {"said": [choice, interrupt("Is that right?")]}

    graph = StateGraph(Gathered)
    graph.add_node("work", work, retry_policy=RetryPolicy(initial_interval=0.01, jitter=False))
    graph.add_edge(START, "work")
    compiled = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    server.always(YES)
    await compiled.ainvoke({"said": []}, config)
    out = await compiled.ainvoke(Command(resume="yes"), config)
    assert out["said"] == ["yes", "yes"]
    assert (len(tried), len(server.requests)) == (3, 1)


async def test_a_run_may_have_no_cache(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime context says no for all graphs and workers, and yes where the graph names none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.path.parent))
    server.always(YES)
    ask = Ask("{title}", model=own, cache=cache)
    inner = create_voting(model=own, choices=["yes", "no"], voters=1, cache=cache)
    for graph in (sections(worker=ask, cache=cache), sections(worker=inner)):
        _, second, asked = await twice(graph, GIVEN, server, context={"cache": False})
        assert (asked, second["run_report"].kept) == (3, 0)
    assert cache.count().answers == 0
    vote = create_voting(model=own, choices=["yes", "no"], voters=1)
    assert (await twice(vote, QUESTION, server, context={"cache": True}))[2] == 0
    never = create_voting(model=own, choices=["yes", "no"], voters=1, cache=False)
    assert (await twice(never, QUESTION, server, context={"cache": True}))[2] == 1


async def test_a_run_says_that_the_bound_is_too_low(
    server: ModelServer, own: ChatOpenAI, tmp_path: Path
) -> None:
    """Once, with the numbers at its end; another run in the same file, that has room, does not."""
    server.always(Reply("x" * 30_000))
    cache = AnswerCache(tmp_path / "own" / "a.sqlite", most_bytes=256 * 1024)
    out = await sections(12, worker=Ask("{title}", model=own), cache=cache).ainvoke(GIVEN)
    (remark,) = out["run_report"].remarks
    kept = cache.count().answers
    assert 0 < kept < 12
    assert remark == f"of 12 answers {kept} were kept in {cache.path}: raise most_bytes"
    server.always(Reply("short"))
    other = await sections(2, worker=Ask("Other {title}", model=own), cache=cache).ainvoke(GIVEN)
    assert other["run_report"].remarks == []


async def test_keys_tell_accounts_apart_and_nothing_of_their_secrets() -> None:
    """Every secret counts; the digest is that of all processes, and a function that gives keys has none."""
    one, two = account_digest({"a": "1", "b": None}), account_digest({"a": "1", "b": "2"})
    assert one == account_digest({"b": None, "a": "1"}) != two
    assert account_digest({"a": "sk-test"}) != account_digest({"b": "sk-other"})
    assert account_digest({"a": lambda: "1"}) is None
    assert one is not None
    assert len(one) == 64
    models = [
        ChatOpenAI(model="own", api_key=SecretStr(key), openai_proxy=None, organization=organization)
        for key, organization in (("a", None), ("b", None), ("a", "mine"))
    ]
    assert len({Account.of(model) for model in models}) == 2 + ("openai_organization" in models[0].lc_secrets)


def test_an_answer_as_the_only_part_of_a_stream_has_all_of_it() -> None:
    """Its name, calls of tools, valid or not, the tokens, and that it is the last part."""
    call: Any = {"name": "look", "args": {"a": 1}, "id": "1", "type": "tool_call"}
    bad: Any = {"name": "look", "args": "{", "id": "2", "error": None, "type": "invalid_tool_call"}
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    message = AIMessage(
        "text", name="ann", id="m", tool_calls=[call], invalid_tool_calls=[bad], usage_metadata=usage
    )
    answer = ChatResult(generations=[ChatGeneration(message=message, generation_info={"x": 1})])
    chunk: Any = as_chunk(answer)
    assert (chunk.message.chunk_position, chunk.message.name, chunk.message.id) == ("last", "ann", "m")
    assert (chunk.message.tool_calls, chunk.message.invalid_tool_calls) == ([call], [bad])
    assert (chunk.message.usage_metadata, chunk.generation_info) == (usage, {"x": 1})


async def test_branches_are_told_apart_whatever_config_their_code_passes(
    server: ModelServer, own: ChatOpenAI, cache: AnswerCache
) -> None:
    """Metadata of its own, in place of that of the branch: kept answers and requests in a batch differ."""
    vote, keys = create_voting(model=own, choices=["yes", "no"], voters=1), set[str]()

    async def work(section: Section) -> str:
        keys.add(key_of("scope", current_run(), b"{}"))
        out = await vote.ainvoke(QUESTION, {"metadata": {"team": "blue"}})
        return str(out["verdict"].choice)

    server.always(YES)
    graph = sections(worker=work, cache=cache)
    first = await graph.ainvoke(GIVEN)
    assert (len(server.requests), len(keys)) == (3, 3)
    second = await graph.ainvoke(GIVEN)
    assert (len(server.requests), len(keys)) == (3, 3)
    assert plain(first) == plain(second)
