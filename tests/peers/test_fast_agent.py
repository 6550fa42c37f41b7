"""fast-agent: parallel with fan-in, chain, evaluator-optimizer, router, orchestrator, and MAKER votes.

Its users bring agents by name, which a workflow calls at once or one after another, and whose answers another
agent joins.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Roster,
    Section,
    Source,
    create_best_of,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    plan,
    rules,
    synthesize,
)
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
FOO = {"request": "foo"}


def passthrough(request: Any) -> Any:
    """Answer with the request itself."""
    return request


async def never(request: Any) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


def broken(request: Any) -> Any:
    """Fail."""
    raise ConnectionError("the server is gone")


# parallel


async def test_the_fan_in_gets_the_request_and_each_response_by_agent() -> None:
    """fast-agent: with `include_request` the fan-in agent sees the request beside the responses."""

    def fan_in(gathered: synthesize.Gathered) -> Any:
        return [gathered.given["request"], {s.title: value for s, value in gathered.results}]

    agents = {"one": passthrough, "two": str.upper}
    out = await create_scatter_gather(sources=agents, synthesizer=fan_in).ainvoke(FOO)
    assert out["result"] == ["foo", {"one": "foo", "two": "FOO"}]


async def test_a_model_as_fan_in_sees_the_responses_alone(model: str, server: ModelServer) -> None:
    """fast-agent: with `include_request=False` the fan-in agent gets no more than the responses."""
    server.always(Reply(text="joined"))
    agents = {"one": lambda request: "first response", "two": lambda request: "second response"}
    fan_in = Ask("Join them:\n\n{results}", model=model)
    out = await create_scatter_gather(sources=agents, synthesizer=fan_in).ainvoke({"request": "the-request"})
    prompt = server.requests[0].prompt
    assert out["result"] == "joined"
    assert "the-request" not in prompt
    assert prompt.index("### one") < prompt.index("first response") < prompt.index("second response")


async def test_without_a_fan_in_every_response_is_returned_under_its_agent() -> None:
    """fast-agent: the default fan-in lists the responses with the names of their agents."""
    out = await create_scatter_gather(sources={"one": passthrough, "two": passthrough}).ainvoke(FOO)
    assert (out["results"], out["result"]) == ({"one": "foo", "two": "foo"}, None)


async def test_responses_stand_in_the_order_of_the_fan_out() -> None:
    """fast-agent: the responses follow the list `fan_out`, whichever agent was first."""
    second_is_done = asyncio.Event()

    async def first(request: str) -> str:
        await asyncio.wait_for(second_is_done.wait(), 10)
        return "slow"

    def second(request: str) -> str:
        second_is_done.set()
        return "quick"

    graph = create_scatter_gather(sources={"first": first, "second": second}, synthesizer=lambda g: g.values)
    assert (await graph.ainvoke(FOO))["result"] == ["slow", "quick"]


async def test_all_agents_of_a_fan_out_get_one_message_at_the_same_time() -> None:
    """fast-agent: a parallel sends the same message to all agents, and waits for all of them."""
    together, given = asyncio.Barrier(3), []

    async def agent(request: str) -> str:
        given.append(request)
        await asyncio.wait_for(together.wait(), 10)
        return "ok"

    out = await create_scatter_gather(sources={"a": agent, "b": agent, "c": agent}).ainvoke(FOO)
    assert (given, len(out["results"])) == (["foo"] * 3, 3)


async def test_an_agent_that_fails_does_not_take_the_parallel_down() -> None:
    """fast-agent: an error in one agent is raised from the parallel; here the fan-in gets the others."""
    # Differs: what the other agents have answered is paid for, and often enough; the cause is kept.
    out = await create_scatter_gather(
        sources={"down": broken, "up": passthrough}, synthesizer=lambda g: [g.values, g.missing]
    ).ainvoke(FOO)
    assert out["result"] == [["foo"], ["down"]]
    assert out["branches"]["down"].error == "ConnectionError: the server is gone"


async def test_the_text_of_an_error_is_never_a_response(model: str, server: ModelServer) -> None:
    """fast-agent: errors travel in a channel of their own, apart from the content of an answer."""
    server.always(Reply(text="joined"))
    await create_scatter_gather(
        sources={"down": broken, "up": passthrough},
        synthesizer=Ask("{results}\n\nMissing: {missing}", model=model),
    ).ainvoke(FOO)
    assert "the server is gone" not in server.requests[0].prompt
    assert "down" in server.requests[0].prompt


async def test_a_parallel_that_needs_all_agents_can_say_so() -> None:
    """fast-agent: a workflow whose every agent is needed fails with the cause of the one that failed."""
    graph = create_scatter_gather(
        sources={"down": broken, "up": passthrough}, completion="required('down', 'up')"
    )
    with pytest.raises(errors.CompletionError, match="the server is gone"):
        await graph.ainvoke(FOO)


async def test_a_parallel_may_be_an_agent_of_another_one() -> None:
    """fast-agent: workflows are agents, so that a parallel may contain a parallel."""
    inner = create_scatter_gather(
        sources={"x": passthrough, "y": str.upper}, synthesizer=lambda g: " & ".join(map(str, g))
    )
    outer = create_scatter_gather(
        sources={"pair": inner, "single": passthrough},
        synthesizer=lambda g: [value["result"] if isinstance(value, dict) else value for value in g],
    )
    out = await outer.ainvoke(FOO)
    assert out["result"] == ["foo & FOO", "foo"]
    assert out["run_report"].branches == {"ok": 3}


async def test_instances_of_one_agent_are_numbered() -> None:
    """fast-agent: several calls of one child agent run as instances [1], [2] and [3] of it."""
    together = asyncio.Barrier(3)

    async def child(question: str) -> str:
        await asyncio.wait_for(together.wait(), 10)
        return "ok"

    out = await create_voting(voters=Roster(child, 3), stop="all_votes").ainvoke({"question": "hi"})
    assert [ballot.voter for ballot in out["ballots"]] == ["#1", "#2", "#3"]
    assert out["branches"]["#2"].name.endswith("#2]")


async def test_a_child_that_exceeds_its_time_is_an_error_of_that_child() -> None:
    """fast-agent: `child_timeout_sec` makes an error result of a slow child, and of no other."""
    out = await create_scatter_gather(
        sources={"fast": passthrough, "slow": Source(never, timeout=0.05)}
    ).ainvoke(FOO)
    assert (out["results"], out["late"]) == ({"fast": "foo"}, ["slow"])
    assert out["branches"]["slow"].status == "timed_out"


async def test_children_beyond_the_limit_follow_when_others_have_ended() -> None:
    """fast-agent: calls beyond `max_parallel` are answered with an error that says they were skipped.

    Differs: all are called.
    """
    called: list[str] = []

    def child(section: Section) -> str:
        called.append(section.id)
        return "ok"

    graph = create_sectioning(planner=chain("a", "b", "c"), worker=child, limits={"max_sections": 1})
    out = await graph.ainvoke({"content": "hi"})
    assert (called, out["missing"]) == (["a", "b", "c"], [])


# chain


def chain(*names: str, needs: Callable[[int], list[str]] = lambda place: []) -> Any:
    """Return a planner with a section for each agent, which needs the agents that `needs` names."""

    def by_agent(content: str) -> list[Section]:
        return [
            Section(id=name, title=name, content=content, needs=needs(place))
            for place, name in enumerate(names)
        ]

    return by_agent


NAMES = ("begin", "step", "end")


async def test_each_agent_of_a_chain_gets_what_the_one_before_has_made() -> None:
    """fast-agent: a chain passes the output of each agent to the next."""

    def agent(section: Section) -> str:
        return "".join(map(str, section.earlier.values())) + section.id[0]

    planner = chain(*NAMES, needs=lambda place: list(NAMES[max(0, place - 1) : place]))
    graph = create_sectioning(planner=planner, worker=agent, synthesizer=lambda g: g.values[-1])
    assert (await graph.ainvoke({"content": "foo"}))["result"] == "bse"


async def test_a_cumulative_chain_shows_each_agent_everything_before_it() -> None:
    """fast-agent: with `cumulative=True` an agent gets the request and the responses of all before it."""
    seen: dict[str, Any] = {}

    def agent(section: Section) -> str:
        seen[section.id] = (section.content, section.earlier)
        return section.id.upper()

    planner = chain(*NAMES, needs=lambda place: list(NAMES[:place]))
    await create_sectioning(planner=planner, worker=agent).ainvoke({"content": "foo"})
    assert seen["end"] == ("foo", {"begin": "BEGIN", "step": "STEP"})


async def test_an_agent_that_fails_ends_its_chain_and_no_other() -> None:
    """fast-agent: a chain stops at the agent that fails; a chain beside it goes on to its end."""
    called: list[str] = []

    def agent(section: Section) -> str:
        called.append(section.id)
        if section.id == "a1":
            raise ConnectionError("gone")
        return "ok"

    def two_chains(content: str) -> list[Section]:
        return [
            Section(id="a1", title="a1"),
            Section(id="a2", title="a2", needs=["a1"]),
            Section(id="b1", title="b1"),
            Section(id="b2", title="b2", needs=["b1"]),
        ]

    out = await create_sectioning(planner=two_chains, worker=agent).ainvoke({"content": ""})
    assert (sorted(called), out["missing"]) == (["a1", "b1", "b2"], ["a1", "a2"])
    assert out["branches"]["a2"].error == "unmet need 'a1': ConnectionError: gone"


class Article(TypedDict, total=False):
    """The state of an app with a parallel, and then a chain."""

    request: str
    result: Any
    content: str


async def test_a_parallel_may_be_a_step_of_a_chain() -> None:
    """fast-agent: a chain may have a parallel as one of its agents, and hands its result on."""
    draft = create_scatter_gather(
        sources={"a": passthrough, "b": str.upper}, synthesizer=lambda g: "+".join(map(str, g))
    )
    builder = StateGraph(Article)
    builder.add_node("draft", draft)
    builder.add_node("polish", lambda state: {"content": f"<{state['result']}>"})
    builder.add_edge(START, "draft")
    builder.add_edge("draft", "polish")
    assert (await builder.compile().ainvoke({"request": "foo"}))["content"] == "<foo+FOO>"


# evaluator-optimizer

RATINGS = ["POOR", "FAIR", "GOOD", "EXCELLENT"]


class Optimizer:
    """A generator whose responses are given, and an evaluator that rates them in turn.

    Args:
        ratings: of the responses, in order.
    """

    def __init__(self, *ratings: str) -> None:
        self.ratings = ratings
        self.prompts: list[str] = []
        """What the generator got."""

    def graph(self, **options: Any) -> Any:
        """Build the workflow: a response that is GOOD ends it."""

        def generate(task: str) -> str:
            self.prompts.append(task)
            return f"response {len(self.prompts)}"

        def evaluate(draft: str) -> dict[str, Any]:
            rating = self.ratings[int(draft.split()[-1]) - 1]
            return {"score": RATINGS.index(rating), "feedback": f"{draft} is {rating}"}

        drafters = Roster(generate, len(self.ratings))
        return create_best_of(
            drafters=drafters, judge=evaluate, threshold=RATINGS.index("GOOD"), refine=True, **options
        )


async def test_a_response_is_refined_with_the_feedback_of_the_evaluator() -> None:
    """fast-agent: the generator gets the rating and the feedback, and tries again."""
    optimizer = Optimizer("FAIR", "GOOD")
    out = await optimizer.graph().ainvoke({"task": "Write something"})
    assert out["best"] == "response 2"
    assert optimizer.prompts[0] == "Write something"
    assert "response 1 is FAIR" in optimizer.prompts[1]


async def test_a_response_that_is_good_enough_is_the_last_one() -> None:
    """fast-agent: the workflow ends as soon as a response has `min_rating`."""
    optimizer = Optimizer("FAIR", "EXCELLENT", "POOR", "POOR", "POOR")
    out = await optimizer.graph().ainvoke({"task": "Write something"})
    assert (out["best"], len(optimizer.prompts), out["run_report"].calls_saved) == ("response 2", 2, 3)


async def test_after_the_last_refinement_the_best_response_is_returned() -> None:
    """fast-agent: if no response is good enough by `max_refinements`, the best one of all counts."""
    out = await Optimizer("POOR", "FAIR", "POOR").graph().ainvoke({"task": "Write something"})
    assert (out["best"], len(out["drafts"])) == ("response 2", 3)


async def test_the_history_of_refinements_can_be_read() -> None:
    """fast-agent: `refinement_history` has each attempt with its rating and its feedback."""
    out = await Optimizer("POOR", "GOOD").graph().ainvoke({"task": "Write something"})
    history = {draft.text: (RATINGS[int(draft.score)], draft.reasons) for draft in out["drafts"]}
    assert history == {
        "response 1": ("POOR", ["response 1 is POOR"]),
        "response 2": ("GOOD", ["response 2 is GOOD"]),
    }


async def test_an_evaluation_without_a_rating_does_not_end_the_refinements() -> None:
    """fast-agent: an evaluation that cannot be read is no approval, and the next response is rated."""

    def evaluate(draft: str) -> Any:
        return {"feedback": "no rating"} if draft == "first" else {"score": 3}

    drafters: Any = {"1": lambda task: "first", "2": lambda task: "second"}
    graph = create_best_of(drafters=drafters, judge=evaluate, threshold=2, wave=1)
    out = await graph.ainvoke({"task": "Write something"})
    assert (out["best"], [draft.judged for draft in out["drafts"]]) == ("second", [1, 0])


async def test_a_structured_response_stays_structured() -> None:
    """fast-agent: `structured` returns the optimised response as an object of the schema's fields."""
    drafters: Any = {
        "1": lambda task: {"result": "a", "score": 1},
        "2": lambda task: {"result": "b", "score": 95},
    }
    graph = create_best_of(drafters=drafters, judge=lambda draft: draft["score"])
    assert (await graph.ainvoke({"task": "?"}))["best"] == {"result": "b", "score": 95}


async def test_the_evaluator_may_be_a_model_with_a_schema(model: str, server: ModelServer) -> None:
    """fast-agent: the evaluator is an agent whose answer is an evaluation with a rating and feedback."""

    class Evaluation(BaseModel):
        score: int
        feedback: str

    server.on("poor text", Reply(json={"score": 0, "feedback": "be specific"}))
    server.on("good text", Reply(json={"score": 2, "feedback": "fine"}))
    evaluator = Ask("Rate for {task}:\n\n{draft}", model=model, schema=Evaluation)
    drafters: Any = {"1": lambda task: "poor text", "2": lambda task: "good text"}
    out = await create_best_of(drafters=drafters, judge=evaluator, threshold=2, refine=True).ainvoke(
        {"task": "x"}
    )
    assert (out["best"], out["reasons"], len(server.requests)) == ("good text", ["fine"], 2)


# MAKER: first to be ahead by k


class Samples:
    """A worker that gives its answers one after another, and raises exceptions.

    Args:
        answers: what each sample is.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.taken = 0
        """Number of samples that were taken."""

    def __call__(self, question: str) -> Any:
        """Take the next sample."""
        answer = self.answers[self.taken]
        self.taken += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def first_ahead_by(self, k: int, **options: Any) -> Any:
        """Vote one sample at a time until an answer is ahead by k, and return the verdict."""
        voters = Roster(self, len(self.answers))
        graph = create_voting(voters=voters, stop=f"ahead_by({k})", wave=1, **options)
        return (await graph.ainvoke({"question": "?"}))["verdict"]


def lead(verdict: Any) -> int:
    """Return by how many samples the winner is ahead."""
    counts = [count.votes for count in verdict.counts]
    return int(counts[0] - sum(counts[1:2]))


async def test_equal_samples_converge_after_k() -> None:
    """fast-agent: MAKER stops as soon as an answer is k ahead, for equal samples after k of them."""
    samples = Samples(*["42"] * 6)
    verdict = await samples.first_ahead_by(2)
    assert (verdict.choice, samples.taken, lead(verdict)) == ("42", 2, 2)
    assert "ahead_by" in verdict.stopped


async def test_a_dissenting_sample_has_to_be_made_up_for() -> None:
    """fast-agent: with k=3 and one dissent the winner needs four samples."""
    samples = Samples("A", "A", "B", "A", "A", "B", "B")
    verdict = await samples.first_ahead_by(3)
    assert (verdict.choice, samples.taken, str(verdict.support), lead(verdict)) == ("A", 5, "4/5", 3)


async def test_without_a_lead_of_k_the_plurality_of_all_samples_wins() -> None:
    """fast-agent: at `max_samples` the most frequent answer counts, and it is known not to have converged."""
    samples = Samples("A", "B", "A", "B", "A")
    verdict = await samples.first_ahead_by(3)
    assert (verdict.choice, samples.taken, verdict.stopped, lead(verdict)) == ("A", 5, "", 1)


async def test_with_k_of_one_the_first_sample_wins() -> None:
    """fast-agent: MAKER with k=1 takes the first sample that is usable."""
    samples = Samples("winner", "other", "other")
    assert ((await samples.first_ahead_by(1)).choice, samples.taken) == ("winner", 1)


async def test_a_red_flagged_sample_is_discarded_and_not_counted() -> None:
    """fast-agent: a sample that is too long is discarded, and another one is taken in its place."""
    samples = Samples("x" * 200, "ok", "y" * 200, "ok", "no")
    too_long = {"normalise": lambda said: said if len(said) <= 100 else None}
    verdict = await samples.first_ahead_by(2, ballot=too_long)
    assert (verdict.choice, str(verdict.support), verdict.abstained, samples.taken) == ("ok", "2/2", 2, 4)


async def test_a_sample_that_raises_is_discarded() -> None:
    """fast-agent: an error of the worker costs a sample, not the vote."""
    samples = Samples(ConnectionError("gone"), "ok", "ok", "no")
    verdict = await samples.first_ahead_by(2)
    assert (verdict.choice, verdict.failed, samples.taken) == ("ok", 1, 3)


async def test_samples_that_are_all_red_flagged_have_no_winner() -> None:
    """fast-agent: without a single valid sample there is no answer to return."""
    verdict = await Samples("x", "y").first_ahead_by(2, ballot={"normalise": lambda said: None})
    assert (verdict.choice, verdict.status, verdict.abstained) == (None, "no_quorum", 2)


async def test_samples_that_differ_in_case_and_space_are_one() -> None:
    """fast-agent: the match strategy `normalized` ignores case and white space."""
    samples = Samples("Hello World", "hello world", "  HELLO   WORLD  ")
    verdict = await samples.first_ahead_by(3, ballot={"normalise": "text"})
    assert ([count.votes for count in verdict.counts], samples.taken) == ([3], 3)


async def test_objects_are_compared_by_content() -> None:
    """fast-agent: the match strategy `structured` ignores the order of keys; here objects always do."""
    samples = Samples({"a": 1, "b": [2]}, {"b": [2], "a": 1}, {"a": 2, "b": [2]})
    verdict = await samples.first_ahead_by(2)
    assert (verdict.choice, samples.taken) == ({"a": 1, "b": [2]}, 2)


# router and orchestrator


async def test_a_request_is_routed_to_one_specialist() -> None:
    """fast-agent: a router hands a request to the agent that fits, and the others are not called."""
    called: list[str] = []

    def specialist(name: str) -> Any:
        def work(section: Section) -> str:
            called.append(name)
            return f"{name}: {section.content}"

        return work

    def route(content: str) -> list[Section]:
        return [
            Section(id="1", title="routed", content=content, worker="maths" if "+" in content else "prose")
        ]

    workers = {"maths": specialist("maths"), "prose": specialist("prose")}
    graph = create_sectioning(planner=route, worker=workers, synthesizer=lambda g: g.values[0])
    assert (await graph.ainvoke({"content": "1 + 1"}))["result"] == "maths: 1 + 1"
    assert called == ["maths"]


async def test_a_route_to_an_agent_that_does_not_exist_is_an_error_before_any_call() -> None:
    """fast-agent: a router that names an unknown agent calls none."""
    called: list[str] = []
    graph = create_sectioning(
        planner=lambda content: [
            Section(id="1", title="a", worker="maths"),
            Section(id="2", title="b", worker="?"),
        ],
        worker={"maths": lambda s: called.append(s.id)},
    )
    with pytest.raises(errors.PlanError, match="expected one of maths"):
        await graph.ainvoke({"content": ""})
    assert called == []


async def test_an_orchestrator_works_on_the_tasks_of_a_plan_at_once(model: str, server: ModelServer) -> None:
    """fast-agent: the planner's tasks of a step run in parallel, and the next step sees their results."""
    briefs = [
        {"title": "Weather", "brief": "look it up", "needs": []},
        {"title": "Trains", "brief": "look them up", "needs": []},
        {"title": "Advice", "brief": "give it", "needs": ["Weather", "Trains"]},
    ]
    server.on("Divide the work", Reply(json={"sections": briefs}))
    together = asyncio.Barrier(2)

    async def agent(section: Section) -> Any:
        if not section.needs:
            await asyncio.wait_for(together.wait(), 10)
        return {"after": sorted(section.earlier), "asked": section.content, "do": section.instructions}

    graph = create_sectioning(planner=plan.by_model(model), worker=agent, synthesizer=lambda g: g.values[-1])
    out = await graph.ainvoke({"content": "Plan a trip"})
    assert out["result"] == {"after": ["Trains", "Weather"], "asked": "Plan a trip", "do": "give it"}
    assert len(server.requests) == 1


async def test_a_plan_is_bounded_however_many_tasks_it_has(model: str, server: ModelServer) -> None:
    """fast-agent: `plan_iterations` bounds an orchestrator; here the number of tasks is bounded."""
    briefs = [{"title": f"Task {i}", "brief": "do it", "needs": []} for i in range(9)]
    server.on("Divide the work", Reply(json={"sections": briefs}))
    graph = create_sectioning(planner=plan.by_model(model, max_sections=2), worker=lambda s: s.title)
    out = await graph.ainvoke({"content": "Plan a trip"})
    assert [section.title for section in out["sections"]] == ["Task 0", "Task 1"]


# people, progress, usage


async def test_an_agent_may_ask_a_person_while_others_work() -> None:
    """fast-agent: with `human_input=True` an agent asks, and goes on with the reply; no agent runs twice."""
    called: list[str] = []

    def works(request: str) -> str:
        called.append(request)
        return "done"

    def asks(request: str) -> str:
        return f"to {interrupt('Where to?')}"

    graph = create_scatter_gather(sources={"works": works, "asks": asks}, checkpointer=InMemorySaver())
    assert [one.value for one in (await graph.ainvoke(FOO, CONFIG))["__interrupt__"]] == ["Where to?"]
    out = await graph.ainvoke(Command(resume="Bergen"), CONFIG)
    assert (out["results"], called) == ({"works": "done", "asks": "to Bergen"}, ["foo"])


async def test_a_second_message_starts_without_the_responses_to_the_first() -> None:
    """fast-agent: the fan-out agents of a parallel keep no history of one request for the next."""
    graph = create_scatter_gather(sources={"echo": passthrough}, checkpointer=InMemorySaver())
    await graph.ainvoke({"request": "one"}, CONFIG)
    out = await graph.ainvoke({"request": "two"}, CONFIG)
    assert (out["results"], out["run_report"].branches) == ({"echo": "two"}, {"ok": 1})


async def test_progress_is_shown_by_agent() -> None:
    """fast-agent: the display shows each agent of a workflow when it starts and when it has ended."""
    graph = create_scatter_gather(sources={"one": passthrough, "two": broken})
    told = [
        (event["branch"][-1], event.get("status", "started"))
        async for event in graph.astream(FOO, stream_mode="custom")
        if event["event"] in ("started", "ended")
    ]
    assert sorted(told) == [("one", "ok"), ("one", "started"), ("two", "failed"), ("two", "started")]


async def test_usage_is_summed_over_all_agents_of_a_workflow(model: str, server: ModelServer) -> None:
    """fast-agent: usage is accumulated over every turn of every agent, the fan-in included."""
    server.on("joins", Reply(text="joined", usage=(5, 50)))
    server.on("answers", Reply(text="answer", usage=(2, 20)))
    agent = Ask("Who answers? {question}", model=model)
    graph = create_scatter_gather(
        sources={"a": agent, "b": agent}, synthesizer=Ask("Who joins? {results}", model=model)
    )
    report = (await graph.ainvoke(FOO))["run_report"]
    assert (report.usage.input_tokens, report.usage.output_tokens, len(report.calls)) == (9, 90, 3)


async def test_one_request_may_use_another_model(model: str, server: ModelServer) -> None:
    """fast-agent: request parameters of one call take precedence over those of the agents."""
    graph = create_scatter_gather(sources={"a": Ask("Hi {question}", model=model)})
    await graph.ainvoke(FOO, context={"model": "openai:other"})
    await graph.ainvoke(FOO)
    assert [request.body["model"] for request in server.requests] == ["other", "test-model"]


async def test_a_tie_can_go_to_a_tie_breaking_agent() -> None:
    """fast-agent: users put an agent behind a vote that did not converge; here a vote has one of its own."""
    graph = create_voting(
        voters={"a": lambda q: "x", "b": lambda q: "y"},
        rule=rules.majority(ties="none"),
        on_undecided=lambda question: "y",
    )
    verdict = (await graph.ainvoke({"question": "?"}))["verdict"]
    assert (verdict.choice, verdict.decided_by, str(verdict.support)) == ("y", "fallback", "1/2")
