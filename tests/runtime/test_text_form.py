"""Forms for agent UIs that show one action and edit its arguments as text."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langgraph_parallel import Section, create_sectioning, create_voting
from langgraph_parallel.errors import InputError
from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.channels import merge_branches
from langgraph_parallel.runtime.text_form import for_older_uis, read_answer

CONFIG: Any = {"configurable": {"thread_id": "form"}}
FORM: Any = {
    "action_requests": [{"name": "run", "args": {"steps": [1], "note": "1"}, "description": "Run it?"}],
    "review_configs": [{"action_name": "run", "allowed_decisions": ["approve", "edit"]}],
}


def says(answer: Any) -> Any:
    """A voter that always gives this answer."""
    return lambda question: answer


def vote(*answers: Any, **options: Any) -> Any:
    """A vote of voters that always give these answers."""
    voters: Any = {f"v{number}": says(answer) for number, answer in enumerate(answers)}
    return create_voting(voters=voters, stop="all_votes", on_undecided="escalate", **options)


def older(kind: str, args: Any = None) -> "Command[Any]":
    """What older UIs answer: a list of one response."""
    return Command(resume=[{"type": kind, "args": args}])


def test_older_uis_get_one_action_with_what_is_allowed() -> None:
    """What newer ones read stays as it is."""
    shown = for_older_uis(FORM)
    assert {name: shown[name] for name in FORM} == FORM
    assert shown["action_request"] == {"action": "run", "args": {"steps": [1], "note": "1"}}
    allowed = {"allow_accept": True, "allow_edit": True, "allow_ignore": False, "allow_respond": False}
    assert shown["config"] == allowed
    assert shown["description"] == "Run it?"


@pytest.mark.parametrize(
    "answer",
    [
        [{"type": "edit", "args": {"action": "run", "args": {"steps": "[1, 2]", "note": "2"}}}],
        {
            "decisions": [
                {"type": "edit", "edited_action": {"name": "run", "args": {"steps": "[1, 2]", "note": "2"}}}
            ]
        },
    ],
    ids=["older", "newer"],
)
def test_what_was_no_text_and_is_edited_as_text_is_read(answer: Any) -> None:
    """A text stays one, also if it looks like a number."""
    (decision,) = read_answer(FORM, answer)["decisions"]
    assert decision["edited_action"] == {"name": "run", "args": {"steps": [1, 2], "note": "2"}}


@pytest.mark.parametrize(
    "answer", ["yes", [], [{"type": "other"}], [{"type": "edit"}], {"decisions": 1}, None]
)
def test_what_is_no_answer_stays_as_it_is(answer: Any) -> None:
    """The schema of the answer refuses it."""
    assert read_answer(FORM, answer) is answer


@pytest.mark.parametrize(
    ("kind", "choice", "decided"),
    [("accept", "red", True), ("edit", "blue", True), ("ignore", "red", False)],
    ids=["accept", "edit", "ignore"],
)
async def test_an_older_ui_decides_a_vote(kind: str, choice: str, decided: bool) -> None:
    """With its own response; a wrong one is refused, and can be given again."""
    graph = vote("red", "blue", choices=["red", "blue"], checkpointer=InMemorySaver())
    (asked,) = (await graph.ainvoke({"question": "Which?"}, CONFIG))["__interrupt__"]
    assert asked.value["config"]["allow_accept"]
    wrong = {"action": "decide_vote", "args": {"vote": "voting", "choice": "green"}}
    with pytest.raises(InputError, match="green is not one of red, blue"):
        await graph.ainvoke(older("edit", wrong), CONFIG)
    args = {"action": "decide_vote", "args": {"vote": "voting", "choice": choice}}
    verdict = (await graph.ainvoke(older(kind, args), CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided, verdict.decided_by) == (choice, decided, "person")


async def test_a_vote_without_a_proposal_shows_an_empty_field_which_is_no_choice() -> None:
    """UIs end with an error at a field that is null."""
    graph = vote("red", "blue", rule="unanimous", checkpointer=InMemorySaver())
    (asked,) = (await graph.ainvoke({"question": "Which?"}, CONFIG))["__interrupt__"]
    action = asked.value["action_request"]
    assert action["args"] == {"vote": "voting", "choice": ""}
    with pytest.raises(InputError, match="an edit needs"):
        await graph.ainvoke(older("edit", action), CONFIG)


async def test_several_votes_are_fields_of_one_action() -> None:
    """An edit decides all of them."""

    def sections(content: str) -> list[Section]:
        return [Section(id=name, title=name, content=name) for name in "ab"]

    graph = create_sectioning(planner=sections, worker=vote("red", "blue"), checkpointer=InMemorySaver())
    (asked,) = (await graph.ainvoke({"content": "x"}, CONFIG))["__interrupt__"]
    args = asked.value["action_request"]["args"]
    assert list(args) == ["1. vote", "1. choice", "2. vote", "2. choice"]
    edited = {"action": "decide_vote", "args": {**args, "1. choice": "blue", "2. choice": "red"}}
    out = await graph.ainvoke(older("edit", edited), CONFIG)
    assert [branch.value["verdict"]["choice"] for branch in out["branches"].values()] == ["blue", "red"]


@pytest.mark.parametrize(
    ("answers", "options", "text", "choice"),
    [
        ((3, None), {"rule": "median(quorum=2)"}, "4", 4),
        ((["x"], None), {"rule": "union(quorum=2)"}, '["x", "y"]', ["x", "y"]),
        ((7, 8), {"rule": "unanimous"}, "8", 8),
        (("7", "8"), {"rule": "unanimous"}, "8", "8"),
    ],
    ids=["a number", "a list", "a number among others", "a text"],
)
async def test_a_choice_that_is_edited_as_text_is_read(
    answers: Any, options: Any, text: str, choice: Any
) -> None:
    """As the vote takes it."""
    graph = vote(*answers, **options, checkpointer=InMemorySaver())
    await graph.ainvoke({"question": "Which?"}, CONFIG)
    action = {"name": "decide_vote", "args": {"choice": text}}
    decision = {"type": "edit", "edited_action": action}
    verdict = (await graph.ainvoke(Command(resume={"decisions": [decision]}), CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided_by) == (choice, "person")


def test_branches_that_a_server_reads_as_mappings_are_merged() -> None:
    """The later attempt counts, as of records."""
    first, second = (
        Branch(id="a", name="a", order=0, status="ok", attempt=attempt, started=0.0, ended=1.0)
        for attempt in (0, 1)
    )
    told: Any = [{"a": one.model_dump()} for one in (first, second)]
    assert merge_branches(told[1], told[0]) == told[1]
    assert merge_branches(*told) == told[1]
