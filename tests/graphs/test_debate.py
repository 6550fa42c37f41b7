"""Debate: arguments are shown without names, rounds are limited, and a failure supports no choice."""

from typing import Any

import pytest

from langgraph_parallel import Section, aestimate, create_debate, errors
from langgraph_parallel.rules import majority
from tests.support.ids import readable
from tests.support.prompts import data_in
from tests.support.server import ModelServer, Reply

QUESTION = {"question": "Is a hot dog a sandwich?"}


def says(*answers: Any) -> Any:
    """Return a debater that gives one answer in each round, and then repeats the last one."""

    def debater(section: Section) -> Any:
        number = int(section.id.rpartition("/")[2])
        answer = answers[min(number, len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return {"choice": answer, "rationale": f"because {answer}"}

    return debater


async def debated(**debaters: Any) -> dict[str, Any]:
    """Run a debate of these debaters."""
    out: dict[str, Any] = await create_debate(debaters=debaters).ainvoke(QUESTION)
    return out


async def test_it_ends_when_no_debater_changes_its_choice() -> None:
    """It ends after the second round, in which all keep their answers."""
    out = await debated(ann=says("yes"), ben=says("no"), cas=says("yes"))
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("yes", "2/3")
    assert [turn.round for turn in out["transcript"]] == [1, 1, 1, 2, 2, 2]
    assert not any(turn.changed for turn in out["transcript"])


async def test_it_ends_at_once_when_all_agree() -> None:
    """One round is enough."""
    out = await debated(ann=says("yes"), ben=says("yes"))
    assert len(out["transcript"]) == 2


async def test_debaters_can_change_their_choice_and_the_rounds_are_limited() -> None:
    """The transcript marks changed choices; with three rounds no debater is asked a fourth time."""
    out = await debated(ann=says("yes"), ben=says("no", "yes"), cas=says("no"))
    changed = [(turn.debater, turn.round) for turn in out["transcript"] if turn.changed]
    assert changed == [("ben", 2)]
    assert (out["verdict"].choice, len(out["transcript"])) == ("yes", 9)
    endless = await debated(ann=says("a", "b", "c", "d"), ben=says("b", "c", "d", "e"))
    assert len(endless["transcript"]) == 6


async def test_a_debater_that_fails_keeps_its_last_ballot() -> None:
    """A debater that never answers is counted as failed, and supports no choice."""
    out = await debated(
        ann=says("yes", ValueError("down")), ben=says("no"), cas=says("yes"), dee=says(ValueError("down"))
    )
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("yes", "2/3")
    assert (out["verdict"].failed, [ballot.voter for ballot in out["ballots"]]) == (
        1,
        ["ann", "ben", "cas", "dee"],
    )
    assert [turn.choice for turn in out["transcript"] if turn.debater == "dee"] == [None] * 2


async def test_with_less_than_two_answers_there_is_one_round() -> None:
    """Without any answer there is no choice."""
    assert len((await debated(ann=says("yes")))["transcript"]) == 1
    out = await debated(ann=says(ValueError("x")), ben=says(ValueError("x")))
    assert (out["verdict"].status, out["verdict"].choice) == ("no_quorum", None)


async def test_models_see_the_arguments_of_others_without_their_names(
    model: str, server: ModelServer
) -> None:
    """All answers are under letters, in an order that all see; each debater is told which is its own."""
    for number, answer in ((1, "yes"), (2, "no"), (3, "no")):
        reply = {"rationale": f"argument {number}", "choice": answer, "confidence": 0.5}
        server.on(f"You are participant {number} ", Reply(json=reply))
    graph = create_debate(model=model, choices=["yes", "no"], max_rounds=2, rule=majority(quorum=3))
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, len(server.requests)) == ("no", 6)
    revised = [request.prompt for request in server.asked("Read the arguments of the others")]
    assert len({data_in(prompt, "answers") for prompt in revised}) == 1
    for number in (1, 2, 3):
        (prompt,) = [prompt for prompt in revised if f"You are participant {number} " in prompt]
        by_letter = dict(part.split(": ", 1) for part in data_in(prompt, "answers").split("Answer ")[1:])
        (own,) = [letter for letter, said in by_letter.items() if f"argument {number}" in said]
        assert f"Answer {own} is your own." in prompt
        assert "#2" not in prompt
    assert (await aestimate(graph, QUESTION)).calls == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_rounds": 0}, "max_rounds is 0"),
        ({"max_rounds": True}, "max_rounds is True"),
        ({"rule": "borda"}, "debaters choose one answer"),
        ({"rule": "most"}, "is not a rule"),
        ({"debaters": {}}, "pass at least one"),
        ({"debaters": 0}, "debaters is 0"),
        ({"debaters": {1: str}}, "debaters has the key 1; expected non-empty strings"),
        ({"debaters": {"a": len}, "model": "openai:m"}, "debaters are workers with models of their own"),
        ({"choices": []}, "choices"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_debate(**arguments)


async def test_a_prompt_of_ones_own_may_show_the_others_apart(model: str, server: ModelServer) -> None:
    """The answers of the others, without the debater's own, are in an order of each debater's."""
    for number, answer in ((1, "yes"), (2, "no"), (3, "no")):
        reply = {"rationale": f"argument {number}", "choice": answer, "confidence": 0.5}
        server.on(f"You are participant {number} ", Reply(json=reply))
    revise = "Mine was {own}.\n\nThe others said {others}.\n\nAgain: {question}"
    graph = create_debate(model=model, choices=["yes", "no"], max_rounds=2, prompts={"revise": revise})
    await graph.ainvoke(QUESTION)
    revised = [request.prompt for request in server.asked("Mine was ")]
    assert len(revised) == 3
    for number in (1, 2, 3):
        (prompt,) = [prompt for prompt in revised if f"You are participant {number} " in prompt]
        assert f"argument {number}" in data_in(prompt, "own")
        assert f"argument {number}" not in data_in(prompt, "others")
        assert data_in(prompt, "others").count("argument ") == 2
        assert 'Again: the data named "question" above' in prompt


async def test_a_debater_without_an_answer_is_told_so(model: str, server: ModelServer) -> None:
    """It sees the answers of those who have one."""
    server.on("You are participant 1 ", Reply(status=418), times=1)
    for number, answer in ((2, "yes"), (3, "no")):
        reply = {"rationale": f"argument {number}", "choice": answer, "confidence": 0.5}
        server.on(f"You are participant {number} ", Reply(json=reply))
    graph = create_debate(model=model, choices=["yes", "no"], max_rounds=2, rule=majority(quorum=2))
    await graph.ainvoke(QUESTION)
    (prompt,) = [r.prompt for r in server.asked("You have not answered yet.")]
    assert "You are participant 1 " in prompt
    assert data_in(prompt, "answers").count("argument ") == 2
