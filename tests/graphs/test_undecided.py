"""Votes that end undecided: returned, decided by a fallback, or put before a person."""

from collections.abc import AsyncIterator
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from langgraph_parallel import (
    Ask,
    Judge,
    Limits,
    Section,
    aestimate,
    aredrive,
    create_sectioning,
    create_voting,
    errors,
)
from langgraph_parallel.errors import JoinError
from langgraph_parallel.nodes.flow.split import by_heading
from langgraph_parallel.records import Verdict
from langgraph_parallel.rules import majority, threshold
from tests.support.server import ModelServer, Reply

QUESTION = {"question": "Which colour?"}
CONFIG: Any = {"configurable": {"thread_id": "vote"}}
TIED: Any = {"ann": lambda q: "red", "ben": lambda q: "blue", "cas": lambda q: "red", "dee": lambda q: "blue"}


def voters(*answers: Any) -> Any:
    """Voters v0, v1 and so on; each says why."""

    def voter(answer: Any) -> Any:
        return lambda question: {"choice": answer, "rationale": f"it looks {answer} to me"}

    return {f"v{i}": voter(answer) for i, answer in enumerate(answers)}


def decisions(*given: dict[str, Any]) -> Command[Any]:
    """What an agent UI sends back."""
    return Command(resume={"decisions": list(given)})


def edit(choice: Any, **more: Any) -> dict[str, Any]:
    """Decide for something."""
    return {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": choice}}, **more}


# fallbacks


async def test_an_undecided_vote_is_returned_as_such() -> None:
    """By default: the status says why, and the rule's own way out of a tie stands."""
    verdict = (await create_voting(voters=TIED, stop="all_votes").ainvoke(QUESTION))["verdict"]
    assert (verdict.status, verdict.choice, verdict.decided_by) == ("tied", "red", "rule")


async def test_another_rule_may_decide() -> None:
    """On the ballots of everybody, though it was soon clear that two would not agree."""
    graph = create_voting(voters=voters("red", "blue", "red"), rule=threshold(0.9), on_undecided="majority")
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.status, verdict.choice, verdict.decided_by) == ("decided", "red", "fallback")
    assert (verdict.rule, str(verdict.support), [d.voter for d in verdict.dissent]) == (
        "threshold",
        "2/3",
        ["v1"],
    )
    graph = create_voting(voters=voters("red", "blue"), rule=threshold(0.9), on_undecided=majority())
    assert (await graph.ainvoke(QUESTION))["verdict"].status == "below_threshold"  # that was a tie as well


async def test_a_judge_decides_a_tie_among_the_tied(model: str, server: ModelServer) -> None:
    """The third answer, which has fewer votes, is not put before it; a decided vote needs no judge."""
    server.always(Reply(json={"reason": "it is warm", "answer": 1}))
    said = voters("red", "blue", "red", "blue", "green")
    out = await create_voting(voters=said, on_undecided=Judge(model)).ainvoke(QUESTION)
    prompt = server.requests[0].prompt
    assert "red" in prompt
    assert "green" not in prompt
    assert (out["verdict"].status, out["verdict"].decided_by) == ("decided", "fallback")
    assert (out["verdict"].choice in ("red", "blue"), out["verdict"].note) == (True, "it is warm")
    assert sum(call.kind == "model" for call in out["run_report"].calls) == 1
    await create_voting(voters=voters("red", "red"), on_undecided=Judge(model)).ainvoke(QUESTION)
    assert len(server.requests) == 1


async def test_a_judge_reads_in_several_orders(model: str, server: ModelServer) -> None:
    """One that always takes the first place is found out: each answer was first once."""
    server.always(Reply(json={"reason": "", "answer": 1}))
    graph = create_voting(voters=voters("crimson", "azure"), rule=Judge(model, readings=2))
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.status, verdict.choice, len(server.requests)) == ("below_threshold", None, 2)
    server.on(
        lambda r: r.prompt.index("azure") < r.prompt.index("crimson"), Reply(json={"reason": "", "answer": 1})
    )
    server.on(
        lambda r: r.prompt.index("crimson") < r.prompt.index("azure"), Reply(json={"reason": "", "answer": 2})
    )
    assert (await graph.ainvoke(QUESTION))["verdict"].choice == "azure"
    with pytest.raises(errors.UsageError, match="readings is 0"):
        Judge(model, readings=0)


async def test_a_worker_may_decide(model: str, server: ModelServer) -> None:
    """A stronger model gets the question; its answer is read as a voter's, and its call is in the report."""
    server.always(Reply(text="Blue."))
    graph = create_voting(
        voters=TIED, choices=["red", "blue"], on_undecided=Ask("{question} Decide.", model=model)
    )
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, out["verdict"].decided_by) == ("blue", "fallback")
    assert sum(call.kind == "model" for call in out["run_report"].calls) == 1
    assert (await aestimate(graph, QUESTION)).calls == 1
    graph = create_voting(voters=TIED, on_undecided=create_voting(voters=voters("green")))
    assert (await graph.ainvoke(QUESTION))["verdict"].choice == "green"


async def test_a_fallback_that_fails_leaves_the_vote_undecided(model: str, server: ModelServer) -> None:
    """Or that gives no valid answer; the report says why, and nothing is lost."""
    server.always(Reply(status=401))
    graph = create_voting(voters=TIED, on_undecided=Ask("{question}", model=model), limits=Limits(attempts=1))
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].status, len(out["ballots"])) == ("tied", 4)
    assert "401" in out["run_report"].failures["fallback"]
    graph = create_voting(voters=TIED, choices=["red", "blue"], on_undecided=lambda question: "mauve")
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].status, "mauve" in out["run_report"].failures["fallback"]) == ("tied", True)


async def test_where_ties_matter_the_stop_waits_for_them() -> None:
    """Two of four agree: the others could still tie, and somebody would have to decide."""
    said = voters("red", "red", "blue", "blue")
    assert (await create_voting(voters=said).ainvoke(QUESTION))["verdict"].not_asked == 2
    asked: list[str] = []

    def decide(question: str) -> str:
        asked.append(question)
        return "blue"

    graph = create_voting(voters=said, on_undecided=decide)
    assert (await graph.ainvoke(QUESTION))["verdict"].choice == "blue"
    assert asked == ["Which colour?"]


# a person


@pytest.fixture
async def saver(tmp_path: Any) -> AsyncIterator[AsyncSqliteSaver]:
    """Checkpoints on disk, so that everything is written and read back."""
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints")) as opened:
        yield opened


async def test_a_person_decides_by_one_interrupt(saver: AsyncSqliteSaver) -> None:
    """In the shape that agent UIs render, with tally and dissent; no voter is asked again after it."""
    asked: list[str] = []

    def counted(answer: str) -> Any:
        def vote(question: str) -> dict[str, str]:
            asked.append(answer)
            return {"choice": answer, "rationale": f"so {answer}"}

        return vote

    graph = create_voting(
        voters={"ann": counted("red"), "ben": counted("blue")},
        choices=["red", "blue"],
        on_undecided="escalate",
        checkpointer=saver,
    )
    first = await graph.ainvoke(QUESTION, CONFIG)
    [raised] = first["__interrupt__"]
    [request], [review] = raised.value["action_requests"], raised.value["review_configs"]
    assert (request["name"], request["args"]) == ("decide_vote", {"vote": "voting", "choice": "red"})
    assert review["allowed_decisions"] == ["approve", "edit", "reject"]
    assert review["args_schema"]["properties"]["choice"] == {"enum": ["red", "blue"]}
    for text in ("a tie", "Which colour?", "red: 1 of 2 (ann)", "> ben, for blue: so blue"):
        assert text in request["description"]
    out = await graph.ainvoke(decisions(edit("Blue", message="I have seen it")), CONFIG)
    verdict = out["verdict"]
    assert (verdict.status, verdict.choice, verdict.decided_by) == ("decided", "blue", "person")
    assert (verdict.note, str(verdict.support), [d.voter for d in verdict.dissent]) == (
        "I have seen it",
        "1/2",
        ["ann"],
    )
    assert sorted(asked) == ["blue", "red"]
    assert out["run_report"].branches == {"ok": 2}


@pytest.mark.parametrize(
    ("decision", "status", "choice"),
    [({"type": "approve"}, "decided", "red"), ({"type": "reject", "message": "wait"}, "tied", "red")],
    ids=["approve", "reject"],
)
async def test_a_person_may_approve_or_leave_it(decision: Any, status: str, choice: str) -> None:
    """What is proposed is the leading choice; rejected, the vote stays as it was, with the reason."""
    graph = create_voting(voters=TIED, on_undecided="escalate", checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG)
    verdict = (await graph.ainvoke(decisions(decision), CONFIG))["verdict"]
    assert (verdict.status, verdict.choice, verdict.decided_by) == (status, choice, "person")
    assert verdict.note == decision.get("message", "")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([edit("green")], "green is not one of red, blue"),
        ([{"type": "edit"}], "needs edited_action.args.choice"),
        ([], "0 decisions for 1 action request;"),
        ([edit("red"), edit("red")], "2 decisions for 1 action request;"),
        ([{"type": "ignore"}], "Input should be 'approve', 'edit' or 'reject'"),
        ([{"type": "approve"}], "no proposed choice to approve"),
    ],
    ids=["none of the choices", "nothing", "too few", "too many", "unknown", "approved nothing"],
)
async def test_an_answer_that_cannot_be_used_is_refused_and_can_be_given_again(
    given: list[Any], message: str
) -> None:
    """The error says what is wrong; the run still waits."""
    graph = create_voting(
        voters=TIED,
        choices=["red", "blue"],
        rule=majority(ties="none"),
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
    )
    first = await graph.ainvoke(QUESTION, CONFIG)
    assert first["__interrupt__"][0].value["review_configs"][0]["allowed_decisions"] == ["edit", "reject"]
    with pytest.raises(errors.InputError, match=message) as refused:
        await graph.ainvoke(decisions(*given), CONFIG)
    assert "\n" not in str(refused.value)
    assert "pydantic" not in str(refused.value)
    assert "it was not used, so another one can be given" in str(refused.value)
    assert (await graph.ainvoke(decisions(edit("blue")), CONFIG))["verdict"].choice == "blue"


async def test_a_decided_vote_asks_nobody() -> None:
    """Escalation is for what is undecided."""
    graph = create_voting(voters=voters("red", "red"), on_undecided="escalate", checkpointer=InMemorySaver())
    assert (await graph.ainvoke(QUESTION, CONFIG))["verdict"].decided_by == "rule"


SECTIONS = {"content": "# One\n\nx\n\n# Two\n\ny\n\n# Three\n\nz\n"}


def torn(asked: list[str]) -> Any:
    """A vote that is undecided on sections with x or y in them."""

    def voter(name: str, otherwise: str) -> Any:
        def vote(question: str) -> str:
            asked.append(f"{name} {question}")
            return otherwise if question.strip()[-1] in "xy" else "fine"

        return vote

    return create_voting(
        voters={"ann": voter("ann", "red"), "ben": voter("ben", "blue")},
        on_undecided="escalate",
        name="colour",
    )


async def test_several_undecided_sections_are_one_interrupt(saver: AsyncSqliteSaver) -> None:
    """With one request each; the answers go to their sections, whose voters are not asked again."""
    asked: list[str] = []
    joined: list[Any] = []

    def join(gathered: Any) -> Any:
        joined.append([value["verdict"]["choice"] for _, value in gathered.results])
        return joined[-1]

    graph = create_sectioning(planner=by_heading(), worker=torn(asked), synthesizer=join, checkpointer=saver)
    first = await graph.ainvoke(SECTIONS, CONFIG)
    [raised] = first["__interrupt__"]
    assert len(raised.value["action_requests"]) == len(raised.value["review_configs"]) == 2
    assert (len(asked), joined) == (6, [])
    out = await graph.ainvoke(decisions(edit("green"), {"type": "reject"}), CONFIG)
    assert (len(asked), out["result"]) == (6, ["green", "red", "fine"])
    statuses = [branch.value["verdict"]["status"] for branch in out["branches"].values()]
    assert statuses == ["decided", "tied", "decided"]
    assert [branch.value["verdict"]["decided_by"] for branch in out["branches"].values()] == [
        "person",
        "person",
        "rule",
    ]
    assert out["run_report"].branches == {"ok": 6}
    assert all(branch.whole for branch in out["branches"].values())


async def test_undecided_votes_two_levels_down_are_asked_about_at_the_top() -> None:
    """And only the inner results that waited are joined anew, once they are all decided."""
    asked: list[str] = []
    joined: list[int] = []

    def inner_join(gathered: Any) -> Any:
        joined.append(len(gathered.results))
        return [value["verdict"]["choice"] for _, value in gathered.results]

    def halves(content: str) -> list[Section]:
        first, second = content.split("# Three")
        return [
            Section(id="a/b", title="first", content=first),
            Section(id="a", title="second", content=f"# Three{second}"),
        ]

    def results(gathered: Any) -> Any:
        return [value["result"] for _, value in gathered.results]

    inner = create_sectioning(planner=by_heading(), worker=torn(asked), synthesizer=inner_join)
    graph = create_sectioning(
        planner=halves,
        worker=inner,
        synthesizer=results,
        checkpointer=InMemorySaver(),
    )
    first = await graph.ainvoke(SECTIONS, CONFIG)
    requests = first["__interrupt__"][0].value["action_requests"]
    assert [request["args"]["vote"].split(" > ")[0] for request in requests] == ["a/b", "a/b"]
    assert joined == [1]
    out = await graph.ainvoke(decisions(edit("green"), edit("grey")), CONFIG)
    assert (out["result"], joined) == ([["green", "grey"], ["fine"]], [1, 2])
    assert (len(asked), out["run_report"].branches) == (6, {"ok": 6})
    assert out["run_report"].escalations == []


async def test_inside_of_a_foreign_graph_the_vote_asks_itself() -> None:
    """It inherits the checkpointer, and the graph around goes on once it is answered."""

    class State(TypedDict, total=False):
        question: str
        verdict: Verdict
        done: bool

    def finish(state: State) -> State:
        return {"done": True}

    builder = StateGraph(State)
    builder.add_node("vote", create_voting(voters=TIED, on_undecided="escalate"))
    builder.add_node("finish", finish)
    builder.add_edge(START, "vote")
    builder.add_edge("vote", "finish")
    builder.add_edge("finish", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    given: Any = QUESTION
    first = await graph.ainvoke(given, CONFIG)
    assert first["__interrupt__"][0].value["action_requests"][0]["name"] == "decide_vote"
    out = await graph.ainvoke(decisions(edit("blue")), CONFIG)
    assert (out["verdict"].choice, out["done"]) == ("blue", True)


async def test_without_a_checkpointer_it_is_an_error_before_anybody_is_asked() -> None:
    """A run that cannot be gone on with must not begin."""
    asked: list[str] = []
    for graph in (
        create_voting(voters=TIED, on_undecided="escalate"),
        create_sectioning(planner=by_heading(), worker=torn(asked)),
    ):
        with pytest.raises(errors.UsageError, match="needs a checkpointer"):
            await graph.ainvoke({**QUESTION, **SECTIONS})
    assert asked == []


async def test_a_voter_may_not_wait_for_a_person() -> None:
    """That is refused when the graph is made, with the way out."""
    with pytest.raises(
        errors.UsageError,
        match="voter 'panel' escalates, but a vote cannot wait for a person inside another vote",
    ):
        create_voting(voters={"panel": torn([]), "other": len})
    with pytest.raises(
        errors.UsageError,
        match="the fallback escalates, but a vote cannot wait for a person inside another vote",
    ):
        create_voting(voters=TIED, on_undecided=torn([]))


async def test_a_run_that_waits_for_a_person_is_not_redriven() -> None:
    """It has to be answered; afterwards there is nothing to redrive."""
    graph = create_voting(voters=TIED, on_undecided="escalate", checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG)
    with pytest.raises(errors.UsageError, match=r"waits for a person; resume it with .*Command\(resume="):
        await aredrive(graph, CONFIG)
    await graph.ainvoke(decisions({"type": "approve"}), CONFIG)
    assert (await aredrive(graph, CONFIG))["verdict"].decided_by == "person"


def test_escalation_works_from_sync_code() -> None:
    """`invoke` raises and resumes as `ainvoke` does."""
    graph = create_voting(voters=TIED, on_undecided="escalate", checkpointer=InMemorySaver())
    assert graph.invoke(QUESTION, CONFIG)["__interrupt__"]
    assert graph.invoke(decisions(edit("blue")), CONFIG)["verdict"].choice == "blue"


async def test_a_rule_of_ones_own_that_fails_is_made_up_for_by_the_fallback() -> None:
    """Everybody is heard for it; the report names the rule and what it raised."""

    class Broken:
        name = "broken"

        def __call__(self, tally: Any) -> Any:
            raise ZeroDivisionError("oh")

    graph = create_voting(voters=voters("red", "blue", "red"), rule=Broken(), on_undecided="majority")
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("red", "2/3")
    assert out["run_report"].failures == {"broken": "ZeroDivisionError: oh"}


def fails(question: str) -> str:
    """A voter that is down."""
    raise ConnectionError("down")


@pytest.mark.parametrize("how", ["escalate", "fallback"])
async def test_a_vote_in_which_all_failed_may_still_be_decided(how: str) -> None:
    """By a person or a fallback; then it has done its work for the graph around it."""
    given: Any = "escalate" if how == "escalate" else lambda question: "refund"
    vote = create_voting(voters={"a": fails, "b": fails}, on_undecided=given)
    graph = create_sectioning(planner=by_heading(), worker=vote, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": "# One\n\nx\n"}, CONFIG)
    if how == "escalate":
        description = out["__interrupt__"][0].value["action_requests"][0]["description"]
        assert "too few ballots" in description
        assert "no ballot from 2 of 2" in description
        out = await graph.ainvoke(decisions(edit("refund")), CONFIG)
    [branch] = out["branches"].values()
    assert (branch.status, branch.value["verdict"]["choice"]) == ("ok", "refund")
    assert out["result"] == "## One\n\nrefund (0/0)"


async def test_a_decision_of_a_person_outlives_a_redrive() -> None:
    """The voter that had failed is not asked again: there is nothing left to decide, at any level."""
    said: Any = {"a": lambda q: "x", "b": lambda q: "y", "c": fails}
    vote = create_voting(voters=said, on_undecided="escalate", checkpointer=InMemorySaver())
    await vote.ainvoke(QUESTION, CONFIG)
    await vote.ainvoke(decisions(edit("y")), CONFIG)
    verdict = (await aredrive(vote, CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided_by) == ("y", "person")
    worker = create_voting(voters=said, on_undecided="escalate")
    graph = create_sectioning(planner=by_heading(), worker=worker, checkpointer=InMemorySaver())
    await graph.ainvoke({"content": "# One\n\nx\n"}, CONFIG)
    await graph.ainvoke(decisions(edit("y")), CONFIG)
    [branch] = (await aredrive(graph, CONFIG))["branches"].values()
    assert (branch.value["verdict"]["choice"], branch.attempt) == ("y", 2)


async def test_who_approved_of_what_was_decided_supports_it() -> None:
    """Support and dissent go by what each ballot supports, not by whole ballots."""
    said: Any = {"a": lambda q: ["x"], "b": lambda q: ["y"], "c": lambda q: ["x", "y"]}
    graph = create_voting(voters=said, rule="approval", on_undecided=lambda question: "x")
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.choice, str(verdict.support), [d.voter for d in verdict.dissent]) == ("x", "2/3", ["b"])


async def test_of_a_union_a_person_chooses_a_list() -> None:
    """Each item of it is checked."""
    graph = create_voting(
        voters={"a": lambda q: ["x"], "b": fails},
        choices=["x", "y"],
        rule="union(quorum=2)",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
    )
    await graph.ainvoke(QUESTION, CONFIG)
    for wrong, message in (("x", "is not a list"), (["x", "z"], "z is not one of x, y")):
        with pytest.raises(errors.InputError, match=message):
            await graph.ainvoke(decisions(edit(wrong)), CONFIG)
    verdict = (await graph.ainvoke(decisions(edit(["X", "y"])), CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided_by) == (["x", "y"], "person")


async def test_of_a_list_a_person_supports_whoever_named_one_of_its_items() -> None:
    """And no proposed choice to approve: the counts are of single items."""
    graph = create_voting(
        voters={"a": lambda q: ["x"], "b": lambda q: ["y"], "c": lambda q: ["z"], "d": fails},
        rule="union(2, quorum=4)",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
    )
    first = (await graph.ainvoke(QUESTION, CONFIG))["__interrupt__"][0].value
    assert first["action_requests"][0]["args"]["choice"] is None
    assert first["review_configs"][0]["allowed_decisions"] == ["edit", "reject"]
    verdict = (await graph.ainvoke(decisions(edit(["x", "z"])), CONFIG))["verdict"]
    assert (str(verdict.support), [d.voter for d in verdict.dissent]) == ("2/3", ["b"])


async def test_of_numbers_a_person_chooses_a_number() -> None:
    """The schema says so, and a text is refused."""
    graph = create_voting(
        voters={"a": lambda q: 3, "b": fails},
        rule="median(quorum=2)",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
    )
    first = (await graph.ainvoke(QUESTION, CONFIG))["__interrupt__"][0].value
    assert first["review_configs"][0]["args_schema"]["properties"]["choice"] == {"type": "number"}
    for wrong in ("four", True):
        with pytest.raises(errors.InputError, match="is not a number"):
            await graph.ainvoke(decisions(edit(wrong)), CONFIG)
    assert (await graph.ainvoke(decisions(edit(4)), CONFIG))["verdict"].choice == 4


async def test_a_fallback_knows_the_candidates() -> None:
    """A ranked rule that decides instead ranks among the choices, named by a voter or not."""
    said: Any = {"a": lambda q: ["x", "y"], "b": lambda q: ["y"]}
    graph = create_voting(
        voters=said, choices=["x", "y", "z"], rule="schulze(ties='none')", on_undecided="borda"
    )
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.choice, verdict.decided_by) == ("y", "fallback")
    assert {count.choice for count in verdict.counts} == {"x", "y", "z"}


async def test_a_rule_that_gives_no_verdict_is_an_error_that_has_the_ballots() -> None:
    """A bug of the caller's is no result; what was paid for comes with the error."""

    class Odd:
        name = "odd"

        def __call__(self, tally: Any) -> Any:
            return 5

    with pytest.raises(JoinError, match="rule odd returned int; expected Verdict") as failed:
        await create_voting(voters=voters("red"), rule=Odd()).ainvoke(QUESTION)
    assert [branch.status for branch in failed.value.branches.values()] == ["ok"]
    assert failed.value.run_report.status == "failed"
