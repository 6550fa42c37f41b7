"""Guarded: no answer is shown before all checks have passed, and a tripped check cancels it."""

import asyncio
import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Check,
    Limits,
    aestimate,
    aredrive,
    create_guarded,
    create_map_reduce,
    create_voting,
    errors,
)
from langgraph_parallel.rules import majority
from tests.support.clock import Clock, until
from tests.support.ids import readable
from tests.support.server import Gate, ModelServer, Reply

MESSAGE = {"message": "How do I mend a tube?"}
CONFIG: Any = {"configurable": {"thread_id": "1"}}
SECRET = "here is how"


class App(TypedDict):
    """The state of an app."""

    message: str
    answer: str


def judged(choice: str | None) -> Reply:
    """Return the answer of a check."""
    notes: dict[str, Any] = {"quotes": []}
    return Reply(json={"rationale": "because", "choice": choice, "confidence": 1, "notes": notes})


async def test_the_answer_is_released_once_the_check_has_passed(model: str, server: ModelServer) -> None:
    """Both are asked at the same time."""
    together = Gate(opens_at=2)
    server.on("Answer the message", Reply(text=SECRET, gate=together))
    server.on("Decide whether", Reply(json=judged("clean").json, gate=together))
    graph = create_guarded(model=model)
    out = await graph.ainvoke(MESSAGE)
    assert (out["answer"], out["released"], out["reason"]) == (SECRET, True, "")
    assert [(check.check, check.status) for check in out["outcomes"]] == [("safety", "clean")]
    assert (await aestimate(graph, MESSAGE)).calls == 2


async def test_a_tripped_check_closes_the_connection_of_the_answer(model: str, server: ModelServer) -> None:
    """The answer would never arrive; the reason is returned, and the run report has no failure."""
    gate = Gate()
    server.on("Answer the message", Reply(hang=True))
    server.on("Decide whether", Reply(json=judged("flag").json, gate=gate))
    running = asyncio.ensure_future(create_guarded(model=model).ainvoke(MESSAGE))
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 2)
    gate.open()
    out = await running
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "because")
    assert (out["branches"]["answer"].status, server.cut_off) == ("cancelled", 1)
    assert out["run_report"].failures == {}


async def test_an_answer_that_came_first_is_in_no_output_when_a_check_trips(
    model: str, server: ModelServer
) -> None:
    """It is in no event, and in no checkpoint."""
    gate = Gate()
    server.on("Answer the message", Reply(text=SECRET))
    server.on("Decide whether", Reply(json=judged("flag").json, gate=gate))
    graph = create_guarded(model=model, stream=True, checkpointer=InMemorySaver())
    chunks: list[Any] = []

    async def run() -> None:
        modes: Any = ["custom", "updates", "values"]
        chunks.extend([chunk async for chunk in graph.astream(MESSAGE, CONFIG, stream_mode=modes)])

    running = asyncio.ensure_future(run())
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1 and len(s.requests) == 2)
    gate.open()
    await running
    assert SECRET not in str(chunks)
    assert all(SECRET not in str(state) for state in [s async for s in graph.aget_state_history(CONFIG)])


async def test_the_answer_is_streamed_only_after_the_checks(model: str, server: ModelServer) -> None:
    """What was generated before is then streamed in order, by a server that is known to answer plainly."""
    await Ask("{text}", model=model).ainvoke("hello")
    server.requests.clear()
    gate = Gate()
    text = "a long answer that comes in many parts"
    server.on("Answer the message", Reply(text=text))
    server.on("Decide whether", Reply(json=judged("clean").json, gate=gate))
    graph = create_guarded(model=model, stream=True)
    tokens: list[str] = []
    out: Any = None

    async def run() -> None:
        nonlocal out
        modes: Any = ["custom", "values"]
        shown: Any = graph.astream(MESSAGE, stream_mode=modes)
        async for mode, chunk in shown:
            if mode == "values":
                out = chunk
            elif chunk["event"] == "token":
                tokens.append(chunk["text"])

    running = asyncio.ensure_future(run())
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 2)
    assert tokens == []
    gate.open()
    await running
    assert ("".join(tokens), out["answer"]) == (text, text)
    assert len(tokens) > 2
    streamed = next(r for r in server.requests if "Answer the message" in r.prompt)
    assert streamed.body["stream"] is True


def flags(message: str) -> Any:
    """Flag a message about bombs."""
    return {"flagged": "bomb" in message, "reason": "not about bombs"}


def fails(message: str) -> Any:
    """Raise an error."""
    raise ConnectionError("down")


async def test_the_policy_decides_about_a_check_that_fails_to_run() -> None:
    """A check that cannot decide withholds the answer under both policies."""
    arguments: Any = {"worker": lambda message: SECRET, "checks": {"down": fails, "own": flags}}
    out = await create_guarded(**arguments).ainvoke(MESSAGE)
    assert (out["answer"], out["reason"]) == (None, "down could not be decided")
    out = await create_guarded(**arguments, policy="open").ainvoke(MESSAGE)
    assert (out["answer"], out["released"]) == (SECRET, True)
    tie = create_voting(voters=[lambda q: "flag", lambda q: "clean"], choices=["flag", "clean"])
    out = await create_guarded(**arguments | {"checks": {"tie": tie}}, policy="open").ainvoke(MESSAGE)
    assert out["answer"] is None
    out = await create_guarded(**arguments | {"checks": {"own": flags}}).ainvoke({"message": "a bomb"})
    assert (out["answer"], out["reason"]) == (None, "not about bombs")


async def test_a_redrive_releases_the_answer_once_the_check_passes() -> None:
    """The check and the answer both run again, because the answer had been cancelled."""
    down = True
    asked: list[str] = []

    def check(message: str) -> bool:
        if down:
            raise ConnectionError("down")
        return False

    def answer(message: str) -> str:
        asked.append(message)
        return SECRET

    graph = create_guarded(worker=answer, checks={"own": check}, checkpointer=InMemorySaver())
    assert (await graph.ainvoke(MESSAGE, CONFIG))["released"] is False
    down = False
    out = await aredrive(graph, CONFIG)
    assert (out["answer"], out["released"]) == (SECRET, True)


async def test_an_answer_that_fails_is_not_released() -> None:
    """The check has passed, but there is nothing to release."""
    out = await create_guarded(worker=fails, checks={"own": flags}).ainvoke(MESSAGE)
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "there is no answer")
    assert "ConnectionError" in str(out["run_report"].failures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": "ajar"}, "expected 'closed' or 'open'"),
        ({"checks": {}}, "checks is empty"),
        ({"checks": ["safety"]}, r"checks is \['safety'\]; expected a mapping"),
        ({"checks": {5: str}}, "checks has the key 5; expected a string"),
        ({"completion": "min_success(1)"}, "leave out completion"),
        ({"prompts": {"answr": "x"}}, "guarded has no prompt 'answr'; choose from answer, check"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_guarded(**arguments)


async def test_a_check_that_trips_ends_a_stream(model: str, server: ModelServer) -> None:
    """No deadlock, whether the check or the answer ends first."""
    server.on("Answer the message", Reply(text=SECRET))
    server.on("Decide whether", judged("flag"))
    graph = create_guarded(model=model, stream=True)
    for _ in range(5):
        out = await asyncio.wait_for(graph.ainvoke(MESSAGE), 10)
        assert (out["answer"], out["released"]) == (None, False)


async def test_it_ends_if_only_one_branch_runs_at_a_time() -> None:
    """The checks run before the answer, which waits for them."""
    graph = create_guarded(worker=lambda message: SECRET, checks={"own": flags})
    config: Any = {"max_concurrency": 1}
    out = await asyncio.wait_for(graph.ainvoke(MESSAGE, config), 10)
    assert out["answer"] == SECRET


async def test_more_checks_than_are_sent_at_once_are_all_run() -> None:
    """The answer is sent with the last ones, and waits for all."""
    limits = Limits(max_sections=2)
    graph = create_guarded(
        worker=lambda m: SECRET, checks={"a": flags, "b": flags, "c": flags}, limits=limits
    )
    out = await asyncio.wait_for(graph.ainvoke(MESSAGE), 10)
    assert (out["answer"], out["released"]) == (SECRET, True)


async def test_errors_and_late_answers_are_not_shown_before_the_checks_have_passed() -> None:
    """An error may quote the answer, and a worker may return it although it is cancelled."""
    answering = asyncio.Event()

    async def trips(message: str) -> bool:
        await answering.wait()
        return True

    async def raises(message: str) -> str:
        answering.set()
        raise ValueError(SECRET)

    async def ignores_cancellation(message: str) -> str:
        answering.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return SECRET
        return ""

    for answer in (raises, ignores_cancellation):
        answering.clear()
        graph = create_guarded(worker=answer, checks={"own": trips})
        out = await asyncio.wait_for(graph.ainvoke(MESSAGE), 10)
        assert SECRET not in repr(out)


async def test_the_answer_can_come_from_a_graph() -> None:
    """The graph gets the message as its text."""
    inner = create_map_reduce(worker=str.upper, synthesizer=str)
    out = await create_guarded(worker=inner, checks={"own": lambda m: False}).ainvoke({"message": "hi"})
    assert out["answer"]["result"] == "HI"


@pytest.mark.parametrize("mode", ["messages", "events"])
async def test_no_other_stream_shows_the_answer(model: str, server: ModelServer, mode: str) -> None:
    """Neither LangGraph's messages nor LangChain's events contain it."""
    server.on("Answer the message", Reply(text=SECRET))
    server.on("Decide whether", judged("flag"))
    graph = create_guarded(model=model)
    stream: Any = (
        graph.astream(MESSAGE, stream_mode="messages")
        if mode == "messages"
        else graph.astream_events(MESSAGE, version="v2")
    )
    events = [str(event) async for event in stream]
    assert not any(SECRET in event for event in events)


async def test_repeated_redrives_show_the_answer_only_after_the_check_has_passed(
    model: str, server: ModelServer
) -> None:
    """No earlier checkpoint contains it, and the model is asked for it once, after the check."""
    server.on("Answer the message", Reply(text=SECRET))
    server.on("Decide whether", Reply(status=418))
    graph = create_guarded(model=model, checkpointer=InMemorySaver())
    assert (await graph.ainvoke(MESSAGE, CONFIG))["released"] is False
    assert (await aredrive(graph, CONFIG))["released"] is False
    assert all(SECRET not in str(state) for state in [s async for s in graph.aget_state_history(CONFIG)])
    server.on("Decide whether", judged("clean"))
    before = len(server.asked("Answer the message"))
    out = await aredrive(graph, CONFIG)
    assert (out["answer"], out["released"]) == (SECRET, True)
    assert len(server.asked("Answer the message")) == before + 1


async def test_a_person_can_decide_a_check() -> None:
    """The answer is released once the person has decided for clean."""
    vote = create_voting(
        voters={"a": lambda q: "flag", "b": lambda q: "clean"},
        choices=["flag", "clean"],
        rule=majority(ties="none"),
        on_undecided="escalate",
    )
    graph = create_guarded(
        worker=lambda message: SECRET, checks={"own": Check(worker=vote)}, checkpointer=InMemorySaver()
    )
    out = await graph.ainvoke(MESSAGE, CONFIG)
    assert "__interrupt__" in out
    clean = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "clean"}}}
    out = await graph.ainvoke(Command(resume={"decisions": [clean]}), CONFIG)
    assert (out["answer"], out["released"]) == (SECRET, True)


@pytest.mark.parametrize(
    "found", [1, 0, "yes", ["hit"], re.match("a", "a"), None, {"flagged": "yes"}], ids=repr
)
@pytest.mark.parametrize("policy", ["open", "closed"])
async def test_a_judgement_that_cannot_be_read_withholds_the_answer(found: Any, policy: Any) -> None:
    """It may have been a catch, so it is not a check that could not be run."""
    graph = create_guarded(worker=lambda message: SECRET, checks={"own": lambda text: found}, policy=policy)
    out = await graph.ainvoke(MESSAGE)
    assert (out["answer"], out["outcomes"][0].status) == (None, "undecided")
    assert "expected True or False" in out["outcomes"][0].error


async def test_the_reason_is_the_check_that_tripped() -> None:
    """Another one could not be decided, and comes first."""
    checks: Any = {"down": fails, "own": lambda text: {"flagged": True, "reason": "not about bombs"}}
    out = await create_guarded(worker=lambda message: SECRET, checks=checks).ainvoke(MESSAGE)
    assert (out["answer"], out["reason"]) == (None, "not about bombs")


async def test_the_report_says_what_ended_a_withheld_answer() -> None:
    """It has no completion policy that could have been reached."""
    out = await create_guarded(worker=lambda message: SECRET, checks={"down": fails, "own": never}).ainvoke(
        MESSAGE
    )
    assert out["run_report"].completion_reason == "withheld: check/down could not be decided"


async def never(text: str) -> bool:
    """Hang."""
    await asyncio.Event().wait()
    return False


@pytest.mark.parametrize(("policy", "answer"), [("open", SECRET), ("closed", None)])
async def test_an_answer_that_is_ready_outlasts_a_check_that_hangs(
    policy: Any, answer: str | None, clock: Clock
) -> None:
    """The check ends at the deadline; what the policy says of such a check is said of the answer."""
    begun = set[str]()

    async def says(message: str) -> str:
        begun.add("answer")
        return SECRET

    async def hangs(text: str) -> bool:
        begun.add("check")
        return await never(text)

    limits = Limits(deadline=500)
    graph = create_guarded(worker=says, checks={"own": hangs}, policy=policy, limits=limits)
    running = asyncio.ensure_future(graph.ainvoke(MESSAGE))
    await until(lambda: len(begun) == 2)
    clock.advance(500)
    out = await running
    assert (out["answer"], out["outcomes"][0].status) == (answer, "not_run")


async def test_the_checks_end_when_the_answer_fails() -> None:
    """There is nothing to release, so nothing waits for a check that hangs."""
    graph = create_guarded(worker=fails, checks={"own": never})
    out = await asyncio.wait_for(graph.ainvoke(MESSAGE), 10)
    assert (out["answer"], out["reason"]) == (None, "there is no answer")
    assert {key: branch.status for key, branch in out["branches"].items()} == {
        "check/own": "cancelled",
        "answer": "failed",
    }


async def test_a_check_may_ask_a_person() -> None:
    """The answer does not wait for the person: it is ended, and made again once the check has passed."""
    answered: list[str] = []

    async def answer(message: str) -> str:
        answered.append(message)
        return SECRET

    def asks(text: str) -> Any:
        return interrupt("is it harmful?")

    for reply, expected in ((False, SECRET), (True, None)):
        saver = InMemorySaver()
        graph = create_guarded(worker=answer, checks={"own": asks}, checkpointer=saver)
        out = await asyncio.wait_for(graph.ainvoke(MESSAGE, CONFIG), 10)
        assert [one.value for one in out["__interrupt__"]] == ["is it harmful?"]
        assert SECRET not in repr(saver.storage) + repr(saver.writes)
        out = await asyncio.wait_for(graph.ainvoke(Command(resume=reply), CONFIG), 10)
        assert (out["answer"], "__interrupt__" in out) == (expected, False)


async def test_the_answer_may_ask_a_person_several_times() -> None:
    """Each question is asked once, and no reply is lost."""

    def asks(message: str) -> str:
        return f"{interrupt('first?')}, {interrupt('second?')}"

    graph = create_guarded(worker=asks, checks={"own": flags}, checkpointer=InMemorySaver())
    questions = []
    out = await asyncio.wait_for(graph.ainvoke(MESSAGE, CONFIG), 10)
    for reply in ("one", "two"):
        questions += [one.value for one in out["__interrupt__"]]
        out = await asyncio.wait_for(graph.ainvoke(Command(resume=reply), CONFIG), 10)
    assert (questions, out["answer"]) == (["first?", "second?"], "one, two")


async def test_inside_of_another_graph_no_reply_is_lost_either() -> None:
    """The graph is a node of an app, which has the checkpointer."""

    def asks(message: str) -> str:
        return f"{interrupt('first?')}, {interrupt('second?')}"

    app: Any = StateGraph(App)
    app.add_node("guarded", create_guarded(worker=asks, checks={"own": flags}))
    app.add_edge(START, "guarded")
    graph = app.compile(checkpointer=InMemorySaver())
    out = await asyncio.wait_for(graph.ainvoke({"message": "hello"}, CONFIG), 10)
    for reply in ("one", "two"):
        assert len(out["__interrupt__"]) == 1
        out = await asyncio.wait_for(graph.ainvoke(Command(resume=reply), CONFIG), 10)
    assert out["answer"] == "one, two"


async def test_a_conversation_is_a_message() -> None:
    """Checks and the answer get it as one text, with who says what."""
    seen: list[str] = []

    def flag_nothing(text: str) -> bool:
        seen.append(text)
        return False

    graph = create_guarded(worker=lambda message: SECRET, checks={"own": flag_nothing})
    history = [HumanMessage("hello"), AIMessage("hi"), {"role": "user", "content": "and now?"}]
    assert (await graph.ainvoke({"message": history}))["answer"] == SECRET
    assert seen == ["user: hello\n\nassistant: hi\n\nuser: and now?"]
