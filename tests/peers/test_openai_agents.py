"""OpenAI Agents SDK: guardrails beside an agent, approvals, agents as tools, handoffs, parallel runs, usage.

Its users bring agents that run beside their guardrails, tools that a person has to approve, and runs that are
joined in plain code.
"""

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Judge,
    Section,
    Source,
    agents,
    aredrive,
    create_best_of,
    create_guarded,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
)
from tests.support.server import Gate, ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
MESSAGE = {"message": "Can you solve 2x + 5 = 11?"}


async def never(message: Any) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


def passes(message: str) -> bool:
    """Flag nothing."""
    return False


def homework(message: str) -> dict[str, Any]:
    """Flag homework, and say why."""
    return {"flagged": "solve" in message, "reason": "it is homework", "confidence": 0.9}


def tutor(message: str) -> str:
    """Answer."""
    return "x = 3"


# guardrails


async def test_an_agent_whose_guardrails_pass_answers_and_every_outcome_is_there() -> None:
    """OpenAI Agents SDK: the result has the output of the agent and the results of all guardrails."""
    checks = {
        "length": lambda m: len(m) > 500,
        "topic": lambda m: {"flagged": False, "reason": "about maths"},
    }
    out = await create_guarded(worker=tutor, checks=checks).ainvoke(MESSAGE)
    assert (out["answer"], out["released"]) == ("x = 3", True)
    assert [(o.check, o.status, o.reasons) for o in out["outcomes"]] == [
        ("length", "clean", []),
        ("topic", "clean", ["about maths"]),
    ]


async def test_a_tripwire_withholds_the_answer_and_says_why() -> None:
    """OpenAI Agents SDK: a tripwire raises an exception with the output of the guardrail; here it is data."""
    # Differs: a message that a guardrail stops is an ordinary outcome of a run, and what it cost is reported.
    out = await create_guarded(worker=tutor, checks={"homework": homework}).ainvoke(MESSAGE)
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "it is homework")
    assert (out["outcomes"][0].status, out["outcomes"][0].confidence) == ("flagged", 0.9)


async def test_guardrails_run_beside_the_agent() -> None:
    """OpenAI Agents SDK: by default input guardrails run in parallel to the agent, and to each other."""
    together = asyncio.Barrier(3)

    async def answer(message: str) -> str:
        await asyncio.wait_for(together.wait(), 10)
        return "x = 3"

    async def check(message: str) -> bool:
        await asyncio.wait_for(together.wait(), 10)
        return False

    out = await create_guarded(worker=answer, checks={"a": check, "b": check}).ainvoke(MESSAGE)
    assert out["answer"] == "x = 3"


async def test_a_tripwire_cancels_the_agent_before_its_next_step() -> None:
    """OpenAI Agents SDK: once a guardrail trips, the agent is cancelled and calls no further tool."""
    steps: list[str] = []
    thinking = asyncio.Event()

    async def answer(message: str) -> str:
        steps.append("think")
        thinking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise
        steps.append("tool")
        return "x = 3"

    async def check(message: str) -> bool:
        await asyncio.wait_for(thinking.wait(), 10)
        return True

    out = await asyncio.wait_for(create_guarded(worker=answer, checks={"c": check}).ainvoke(MESSAGE), 10)
    assert (steps, out["answer"]) == (["think", "cancelled"], None)
    assert out["branches"]["answer"].status == "cancelled"


async def test_the_first_of_several_tripwires_decides_without_the_others() -> None:
    """OpenAI Agents SDK: the first tripwire ends the run, and guardrails that still run are cancelled."""
    graph = create_guarded(worker=never, checks={"endless": never, "homework": homework})
    out = await asyncio.wait_for(graph.ainvoke(MESSAGE), 10)
    assert (out["released"], out["reason"]) == (False, "it is homework")
    assert {name: b.status for name, b in out["branches"].items()} == {
        "check/endless": "cancelled",
        "check/homework": "ok",
        "answer": "cancelled",
    }


@pytest.mark.parametrize("policy", ["closed", "open"])
async def test_a_guardrail_that_raises_is_no_pass_unless_the_application_says_so(policy: Any) -> None:
    """OpenAI Agents SDK: an error in a guardrail is raised from the run; here a policy says what it means."""

    def down(message: str) -> bool:
        raise ConnectionError("the moderation is down")

    out = await create_guarded(worker=tutor, checks={"down": down}, policy=policy).ainvoke(MESSAGE)
    assert out["answer"] == (None if policy == "closed" else "x = 3")
    assert (out["outcomes"][0].status, out["outcomes"][0].error) == (
        "not_run",
        "ConnectionError: the moderation is down",
    )


def test_a_guardrail_that_is_no_function_is_refused_when_the_graph_is_made() -> None:
    """OpenAI Agents SDK: a guardrail that cannot be called is a UserError."""
    checks: Any = {"foo": 7}
    with pytest.raises(errors.UsageError, match="7"):
        create_guarded(worker=tutor, checks=checks)


async def test_the_guardrail_and_the_agent_get_the_same_input() -> None:
    """OpenAI Agents SDK: an input guardrail receives what the agent receives."""
    given: list[tuple[str, str]] = []

    def check(message: str) -> bool:
        given.append(("check", message))
        return False

    def answer(message: str) -> str:
        given.append(("answer", message))
        return "x = 3"

    await create_guarded(worker=answer, checks={"c": check}).ainvoke(MESSAGE)
    assert sorted(given) == [("answer", MESSAGE["message"]), ("check", MESSAGE["message"])]


async def test_a_guardrail_may_be_a_cheap_model_beside_an_expensive_one(
    model: str, server: ModelServer
) -> None:
    """OpenAI Agents SDK: a guardrail agent with a small model stops the large one."""
    gate = Gate()
    server.on(lambda r: r.body["model"] == "large", Reply(hang=True))
    flag = {"rationale": "it is homework", "choice": "flag", "confidence": 1, "notes": {"quotes": ["solve"]}}
    server.on(lambda r: r.body["model"] == "small", Reply(json=flag, gate=gate))
    graph = create_guarded(
        model="openai:large",
        check_model="openai:small",
        checks={"homework": "It asks for homework to be done."},
    )
    run = asyncio.ensure_future(graph.ainvoke(MESSAGE))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    gate.open()
    out = await asyncio.wait_for(run, 10)
    assert (out["answer"], out["reason"], out["outcomes"][0].by) == (None, "it is homework", ["small"])
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 1)


async def test_several_guardrail_models_may_vote_on_one_question() -> None:
    """OpenAI Agents SDK: a guardrail is one function; here it may be a vote of several."""
    judges = {"a": lambda q: "flag", "b": lambda q: "clean", "c": lambda q: "clean"}
    vote = create_voting(voters=judges, choices=["flag", "clean"], stop="all_votes")
    out = await create_guarded(worker=tutor, checks={"homework": vote}).ainvoke(MESSAGE)
    assert (out["answer"], str(out["outcomes"][0].support)) == ("x = 3", "2/3")


def test_a_guarded_agent_runs_in_plain_code() -> None:
    """OpenAI Agents SDK: `Runner.run_sync` is the same run without async."""
    graph = create_guarded(worker=tutor, checks={"homework": homework})
    assert graph.invoke(MESSAGE)["reason"] == "it is homework"
    assert graph.invoke({"message": "hello"})["answer"] == "x = 3"


class Chat(TypedDict, total=False):
    """The state of an application with a guarded agent as its first node."""

    message: str
    answer: Any
    released: bool
    reason: str
    shown: str


async def test_what_follows_a_guarded_agent_sees_whether_it_was_stopped() -> None:
    """OpenAI Agents SDK: input guardrails guard the first agent; the code around handles a tripwire."""
    builder = StateGraph(Chat)
    builder.add_node("agent", create_guarded(worker=tutor, checks={"homework": homework}))
    builder.add_node("show", lambda s: {"shown": s["answer"] if s["released"] else f"Sorry: {s['reason']}."})
    builder.add_edge(START, "agent")
    builder.add_edge("agent", "show")
    app = builder.compile()
    assert (await app.ainvoke({"message": "solve it"}))["shown"] == "Sorry: it is homework."
    assert (await app.ainvoke({"message": "hello"}))["shown"] == "x = 3"


# parallel runs, judges, deterministic flows


async def test_of_several_runs_of_one_agent_a_picker_takes_the_best(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: its parallel pattern translates three times at once, and an agent picks one."""
    server.always(Reply(json={"reason": "most natural", "answer": 1}))
    said = iter(["hola", "buenas", "hola"])
    together = asyncio.Barrier(3)

    async def translate(question: str) -> str:
        await asyncio.wait_for(together.wait(), 10)
        return next(said)

    graph = create_voting(
        voters={"1": translate, "2": translate, "3": translate}, rule=Judge(model), stop="all_votes"
    )
    out = await graph.ainvoke({"question": "hello"})
    assert out["verdict"].choice in ("hola", "buenas")
    assert (out["verdict"].rule, out["verdict"].note, len(server.requests)) == ("judge", "most natural", 1)
    assert server.requests[0].prompt.count("hola") == 1


async def test_a_story_is_improved_until_the_judge_lets_it_pass() -> None:
    """OpenAI Agents SDK: its judge pattern improves an outline with feedback until it passes."""
    prompts: list[str] = []

    def writer(task: str) -> str:
        prompts.append(task)
        return f"outline {len(prompts)}"

    def judge(draft: str) -> dict[str, Any]:
        passes = draft == "outline 3"
        return {"score": int(passes), "feedback": "" if passes else f"{draft} lacks a twist"}

    drafters = dict.fromkeys("abcde", writer)
    out = await create_best_of(drafters=drafters, judge=judge, threshold=1, refine=True).ainvoke(
        {"task": "A story"}
    )
    assert (out["best"], len(prompts)) == ("outline 3", 3)
    assert "outline 1 lacks a twist" in prompts[1]


async def test_a_loop_has_a_bound_and_returns_the_best_it_has() -> None:
    """OpenAI Agents SDK: `max_turns` ends a loop with an error; here the best draft so far is the result."""
    # Differs: what the turns have made is not lost with the turn that would have been one too many.
    turns: list[str] = []

    def writer(task: str) -> str:
        turns.append(task)
        return f"outline {len(turns)}"

    scores = {"outline 1": 1, "outline 2": 5, "outline 3": 2}
    graph = create_best_of(
        drafters=dict.fromkeys("abc", writer), judge=lambda draft: scores[draft], threshold=9, refine=True
    )
    out = await graph.ainvoke({"task": "A story"})
    assert (out["best"], len(turns), out["run_report"].calls_saved) == ("outline 2", 3, 0)


async def test_a_step_that_a_check_refuses_ends_a_deterministic_flow() -> None:
    """OpenAI Agents SDK: the deterministic pattern stops before the story if its outline is not good."""
    written: list[str] = []

    def work(section: Section) -> str:
        if section.id == "check":
            raise ValueError("the outline is not a scifi story")
        written.append(section.id)
        return section.id

    def flow(content: str) -> list[Section]:
        return [
            Section(id="outline", title="outline"),
            Section(id="check", title="check", needs=["outline"]),
            Section(id="story", title="story", needs=["outline", "check"]),
        ]

    out = await create_sectioning(planner=flow, worker=work).ainvoke({"content": ""})
    assert (written, out["missing"]) == (["outline"], ["check", "story"])
    assert "the outline is not a scifi story" in out["branches"]["story"].error


async def test_an_agent_may_be_a_tool_of_another_and_its_output_can_be_chosen() -> None:
    """OpenAI Agents SDK: `as_tool(custom_output_extractor=...)` says what of a run the caller gets."""

    class Talk(TypedDict, total=False):
        topic: str
        said: str
        private: str

    builder = StateGraph(Talk)
    builder.add_node("speak", lambda s: {"said": f"about {s['topic']}", "private": "notes"})
    builder.add_edge(START, "speak")
    speaker = agents.adapt(
        builder.compile(), input=lambda request: {"topic": request}, output=lambda out: out["said"]
    )
    out = await create_scatter_gather(sources={"speaker": speaker}).ainvoke({"request": "tea"})
    assert out["results"] == {"speaker": "about tea"}


def test_an_agent_whose_input_cannot_be_told_is_refused_when_the_graph_is_made() -> None:
    """OpenAI Agents SDK: a tool declares its arguments; here an agent of another shape needs an adapter."""

    class Other(TypedDict):
        topic: str

    builder = StateGraph(Other)
    builder.add_node("speak", lambda s: {"topic": "x"})
    builder.add_edge(START, "speak")
    with pytest.raises(errors.UsageError, match=r"agents\.adapt"):
        create_voting(voters=[builder.compile()])


# tools in parallel: failures, time limits, retries


async def test_a_tool_that_fails_leaves_the_results_of_the_others() -> None:
    """OpenAI Agents SDK: an error of one of several tool calls becomes its output; the others have theirs."""

    def broken(request: str) -> str:
        raise ValueError("no such city")

    tools = {"weather": broken, "time": lambda request: "noon", "news": lambda request: "none"}
    out = await create_scatter_gather(sources=tools).ainvoke({"request": "Tokyo"})
    assert (out["results"], out["missing"]) == ({"time": "noon", "news": "none"}, ["weather"])
    assert out["branches"]["weather"].error == "ValueError: no such city"


async def test_a_tool_failure_can_be_fatal() -> None:
    """OpenAI Agents SDK: with `failure_error_function=None` an error of a tool ends the run."""

    def broken(request: str) -> str:
        raise ValueError("no such city")

    graph = create_scatter_gather(sources={"weather": broken}, completion="required('weather')")
    with pytest.raises(errors.CompletionError, match="no such city"):
        await graph.ainvoke({"request": "Tokyo"})


async def test_a_tool_failure_may_be_turned_into_a_result() -> None:
    """OpenAI Agents SDK: a `failure_error_function` makes the output of a tool that has failed."""

    def broken(request: str) -> str:
        raise ValueError("no such city")

    def lenient(request: str) -> str:
        try:
            return broken(request)
        except ValueError as error:
            return f"try again: {error}"

    out = await create_scatter_gather(sources={"weather": lenient}).ainvoke({"request": "Tokyo"})
    assert (out["results"], out["missing"]) == ({"weather": "try again: no such city"}, [])


async def test_a_tool_that_exceeds_its_time_is_late_and_no_other_waits_for_it() -> None:
    """OpenAI Agents SDK: a tool with `timeout` gives an error to the model instead of its output."""
    tools: Any = {"slow": Source(never, timeout=0.05), "time": lambda request: "noon"}
    out = await create_scatter_gather(sources=tools).ainvoke({"request": "Tokyo"})
    assert (out["results"], out["late"]) == ({"time": "noon"}, ["slow"])


async def test_a_model_call_is_retried_for_what_may_pass(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: retry settings repeat a call after a server error, up to a number of attempts."""
    server.always(Reply(text="x = 3"))
    server.on("solve", Reply(status=503), times=2)
    ask = Ask("{question}", model=model, limits={"attempts": 3, "backoff": 0})
    out = await create_scatter_gather(sources={"tutor": ask}).ainvoke({"request": "solve"})
    assert (out["results"], len(server.requests), out["run_report"].retries) == ({"tutor": "x = 3"}, 3, 2)


async def test_a_bad_request_is_not_retried(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: errors that would come again, such as a refused request, are not repeated."""
    server.always(Reply(status=404))
    ask = Ask("{question}", model=model, limits={"attempts": 3, "backoff": 0})
    out = await create_scatter_gather(sources={"tutor": ask}).ainvoke({"request": "solve"})
    assert (out["missing"], len(server.requests), out["run_report"].retries) == (["tutor"], 1, 0)


async def test_an_output_of_another_form_is_repaired_once_and_then_an_error(
    model: str, server: ModelServer
) -> None:
    """OpenAI Agents SDK: an answer that does not fit `output_type` is a model behaviour error."""

    class Root(BaseModel):
        x: int

    server.always(Reply(text="x is three"))
    ask = Ask("{question}", model=model, schema=Root)
    out = await create_scatter_gather(sources={"tutor": ask}).ainvoke({"request": "solve"})
    assert (out["missing"], len(server.requests)) == (["tutor"], 2)
    assert (out["branches"]["tutor"].status, out["branches"]["tutor"].cause) == ("failed", "invalid")


# handoffs


def triage() -> Any:
    """Return an agent that hands over to another one."""

    def route(state: Chat) -> Command[Any]:
        agent = "spanish" if "hola" in state["message"] else "english"
        return Command(goto=agent, graph=Command.PARENT, update={"message": state["message"]})

    builder = StateGraph(Chat)
    builder.add_node("route", route)
    builder.add_edge(START, "route")
    return builder.compile()


async def test_a_handoff_is_the_choice_of_the_next_agent() -> None:
    """OpenAI Agents SDK: a triage agent hands a conversation over to the agent that fits."""
    receiver = agents.adapt(
        triage(), input=lambda s: {"message": s.content}, handoff=lambda command: command.goto
    )
    specialists: Any = {"spanish": lambda q: "¡buenos días!", "english": lambda q: "good morning"}

    def speak(section: Section) -> str:
        return str(specialists[str(section.earlier["triage"])](section.content))

    def flow(content: str) -> list[Section]:
        return [
            Section(id="triage", title="triage", content=content, worker="triage"),
            Section(id="answer", title="answer", content=content, worker="speak", needs=["triage"]),
        ]

    graph = create_sectioning(
        planner=flow, worker={"triage": receiver, "speak": speak}, synthesizer=lambda g: g.values[-1]
    )
    assert (await graph.ainvoke({"content": "hola"}))["result"] == "¡buenos días!"
    assert (await graph.ainvoke({"content": "hi"}))["result"] == "good morning"


async def test_what_a_handoff_passes_on_can_be_read() -> None:
    """OpenAI Agents SDK: a handoff carries an input, which `on_handoff` and an input filter see."""
    receiver = agents.adapt(
        triage(),
        input=lambda request: {"message": request},
        handoff=lambda command: {"to": command.goto, "with": dict(command.update)},
    )
    out = await create_scatter_gather(sources={"triage": receiver}).ainvoke({"request": "hola"})
    assert out["results"]["triage"] == {"to": "spanish", "with": {"message": "hola"}}


# approvals


SAVER = InMemorySaver()
"""Stores the runs of these tests, each on a thread of its own."""


def with_approval(*sensitive: str, done: list[str]) -> Any:
    """Return a fan-out over tools, of which some are called only after a person has approved."""

    def tool(name: str) -> Any:
        def call(request: str) -> str:
            if name in sensitive and not interrupt({"tool": name, "arguments": request}):
                raise PermissionError("rejected by a person")
            done.append(name)
            return f"{name} done"

        return call

    tools = {name: tool(name) for name in ("look", "pay", "mail")}
    return create_scatter_gather(sources=tools, checkpointer=SAVER)


async def test_an_approved_tool_call_is_made_and_no_other_one_again() -> None:
    """OpenAI Agents SDK: a run pauses for a tool with `needs_approval`, and executes it once approved."""
    done: list[str] = []
    config: Any = {"configurable": {"thread_id": "approved"}}
    out = await with_approval("pay", done=done).ainvoke({"request": "9"}, config)
    assert [one.value for one in out["__interrupt__"]] == [{"tool": "pay", "arguments": "9"}]
    assert sorted(done) == ["look", "mail"]
    out = await with_approval("pay", done=done).ainvoke(Command(resume=True), config)
    assert (sorted(done), out["missing"]) == (["look", "mail", "pay"], [])


async def test_a_rejected_tool_call_is_not_made_and_the_others_stand() -> None:
    """OpenAI Agents SDK: a rejected call gives the model a message instead of an output."""
    done: list[str] = []
    config: Any = {"configurable": {"thread_id": "rejected"}}
    graph = with_approval("pay", done=done)
    await graph.ainvoke({"request": "9"}, config)
    out = await graph.ainvoke(Command(resume=False), config)
    assert ("pay" in done, out["missing"]) == (False, ["pay"])
    assert out["results"] == {"look": "look done", "mail": "mail done"}
    assert out["branches"]["pay"].error == "PermissionError: rejected by a person"


async def test_several_approvals_are_asked_for_together_and_answered_one_by_one() -> None:
    """OpenAI Agents SDK: a result has a list of interruptions, each of which is approved or rejected."""
    done: list[str] = []
    config: Any = {"configurable": {"thread_id": "several"}}
    graph = with_approval("pay", "mail", done=done)
    asked = (await graph.ainvoke({"request": "9"}, config))["__interrupt__"]
    by_tool = {one.value["tool"]: one.id for one in asked}
    assert sorted(by_tool) == ["mail", "pay"]
    out = await graph.ainvoke(Command(resume={by_tool["pay"]: True}), config)
    assert [one.value["tool"] for one in out["__interrupt__"]] == ["mail"]
    out = await graph.ainvoke(Command(resume={by_tool["mail"]: False}), config)
    assert (sorted(done), out["missing"]) == (["look", "pay"], ["mail"])


async def test_a_paused_run_goes_on_in_another_process() -> None:
    """OpenAI Agents SDK: the state of a paused run is stored, and resumed by an agent that is built anew."""
    before: list[str] = []
    after: list[str] = []
    config: Any = {"configurable": {"thread_id": "stored"}}
    await with_approval("pay", done=before).ainvoke({"request": "9"}, config)
    out = await with_approval("pay", done=after).ainvoke(Command(resume=True), config)
    assert (sorted(before), after) == (["look", "mail"], ["pay"])
    assert out["results"]["look"] == "look done"


async def test_a_run_is_not_taken_up_by_another_set_of_agents() -> None:
    """OpenAI Agents SDK: a stored state names its agents, and one that does not exist is an error."""

    def down(request: str) -> str:
        raise ConnectionError("down")

    graph = create_scatter_gather(sources={"look": tutor, "pay": down}, checkpointer=SAVER)
    config: Any = {"configurable": {"thread_id": "otherwise"}}
    await graph.ainvoke({"request": "9"}, config)
    called: list[str] = []
    other = create_scatter_gather(sources={"look": called.append}, checkpointer=SAVER)
    with pytest.raises(errors.UsageError, match=r"workers was .*pay"):
        await aredrive(other, config)
    assert called == []


# context, events, usage


async def test_the_context_of_a_run_reaches_tools_and_not_the_model(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: the local context is for code alone; a model sees none of it."""
    server.always(Reply(text="hi"))
    seen: list[str] = []

    def tool(request: str, config: Any) -> str:
        seen.append(config["configurable"]["user"])
        return "ok"

    graph = create_scatter_gather(sources={"tool": tool, "model": Ask("{question}", model=model)})
    await graph.ainvoke({"request": "hello"}, {"configurable": {"user": "ann-4711"}})
    assert seen == ["ann-4711"]
    assert "ann-4711" not in str(server.requests[0].body)


async def test_events_tell_when_each_agent_starts_and_ends() -> None:
    """OpenAI Agents SDK: run hooks are called at the start and at the end of each agent."""
    first_ended = asyncio.Event()

    async def second(request: str) -> str:
        await asyncio.wait_for(first_ended.wait(), 10)
        return "two"

    told: list[tuple[str, str]] = []
    graph = create_scatter_gather(sources={"first": lambda request: "one", "second": second})
    async for event in graph.astream({"request": "x"}, stream_mode="custom"):
        if event["event"] in ("started", "ended"):
            told.append((event["event"], event["branch"][-1]))
        if told[-1:] == [("ended", "first")]:
            first_ended.set()
    assert told[-2:] == [("ended", "first"), ("ended", "second")]
    assert sorted(told[:2]) == [("started", "first"), ("started", "second")]


async def test_traces_name_each_agent() -> None:
    """OpenAI Agents SDK: a trace has a span for each agent, by its name, inside the workflow."""

    class Names(AsyncCallbackHandler):
        """Collects the names of runs."""

        def __init__(self) -> None:
            self.names: list[str] = []

        async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            self.names.append(str(kwargs.get("name")))

    handler = Names()
    graph = create_scatter_gather(sources={"ann": tutor, "ben": tutor}, name="workflow")
    await graph.ainvoke({"request": "x"}, {"callbacks": [handler]})
    assert handler.names[0] == "workflow"
    assert {"workflow[ann]", "workflow[ben]"} <= set(handler.names)


async def test_usage_is_aggregated_over_requests_and_known_for_each(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: usage has the number of requests, their tokens, and an entry for each request."""
    server.on("one", Reply(text="1", usage=(10, 1)))
    server.on("two", Reply(text="2", usage=(20, 2)))
    sources = {"a": Ask("one {question}", model=model), "b": Ask("two {question}", model=model)}
    report = (await create_scatter_gather(sources=sources).ainvoke({"request": "x"}))["run_report"]
    entries = sorted((call.usage.input_tokens, call.usage.output_tokens) for call in report.calls)
    assert entries == [(10, 1), (20, 2)]
    assert (len(report.calls), report.usage.input_tokens, report.usage.output_tokens) == (2, 30, 3)


async def test_a_run_that_its_caller_cancels_leaves_nothing_running() -> None:
    """OpenAI Agents SDK: a cancelled run cancels its model calls and its tools."""
    started, cancelled = asyncio.Semaphore(0), []

    async def tool(request: str) -> str:
        started.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(request)
            raise
        return "never"

    graph = create_scatter_gather(sources={"a": tool, "b": tool})
    run = asyncio.ensure_future(graph.ainvoke({"request": "x"}))
    for _ in "ab":
        await asyncio.wait_for(started.acquire(), 10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert cancelled == ["x", "x"]


async def test_settings_of_a_model_are_sent_with_each_request(model: str, server: ModelServer) -> None:
    """OpenAI Agents SDK: model settings of an agent, such as its temperature, are those of its requests."""
    server.always(Reply(text="hi"))
    sources = {
        "cool": Ask("cool {question}", model=model, temperature=0.1),
        "warm": Ask("warm {question}", model=model, temperature=0.9, limits={"max_answer_tokens": 7}),
    }
    await create_scatter_gather(sources=sources).ainvoke({"request": "x"})
    (cool,), (warm,) = server.asked("cool"), server.asked("warm")
    assert (cool.body["temperature"], warm.body["temperature"]) == (0.1, 0.9)
    assert 7 in (warm.body.get("max_tokens"), warm.body.get("max_completion_tokens"))
