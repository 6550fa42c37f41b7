"""One form of all that people are asked, and the answers of a UI that knows this form."""

from typing import Any, Literal

import pytest
from langgraph.types import Interrupt
from pydantic import BaseModel, TypeAdapter

from langgraph_parallel import agents, errors
from langgraph_parallel.records.events import Interrupt as ToldInterrupt

SEND: Any = {
    "action_requests": [{"name": "send", "args": {"to": "ann"}, "description": "Send it?"}],
    "review_configs": [{"action_name": "send", "allowed_decisions": ["approve", "reject"]}],
}
BOTH: Any = {
    "action_requests": [{"name": name, "args": {}} for name in ("drop", "send", "drop")],
    # One config for each kind of action, as the protocol has it.
    "review_configs": [
        {"action_name": "send", "allowed_decisions": ["edit"], "args_schema": {"type": "object"}},
        {"action_name": "drop", "allowed_decisions": ["approve", "reject"]},
    ],
}
APPROVE = {"type": "approve"}


class Size(BaseModel):
    """What a worker asks for."""

    width: int


def asked(value: Any, schema: Any = None, id: str = "a") -> Interrupt[Any]:
    """Return an interrupt, with the schema of its answer as a caller sees it."""
    shown = None if schema is None else TypeAdapter(schema).json_schema()
    return Interrupt(value, id, response_schema=shown)


def edited(answer: Any) -> dict[str, Any]:
    """Return the edit by which a UI answers a question."""
    return {"type": "edit", "edited_action": {"name": "answer_question", "args": {"answer": answer}}}


def said(text: Any) -> dict[str, Any]:
    """Return the response by which a UI answers a question."""
    return {"type": "respond", "message": text}


def test_a_form_keeps_its_requests_and_configs() -> None:
    """Each request with the config of its place, or of its name where one config stands for several."""
    form = agents.one_form([asked(SEND, id="b"), asked(BOTH, id="a")])
    assert [request["name"] for request in form["action_requests"]] == ["drop", "send", "drop", "send"]
    allowed = [config["allowed_decisions"] for config in form["review_configs"]]
    assert allowed == [["approve", "reject"], ["edit"], ["approve", "reject"], ["approve", "reject"]]
    assert form["review_configs"][1]["args_schema"] == {"type": "object"}
    assert form["action_requests"][3] == {**SEND["action_requests"][0], "interrupt_id": "b"}


def test_each_interrupt_gets_its_part_in_whatever_order_they_are_listed() -> None:
    """An answer never reaches another question than the one that it was given to."""
    listed = [asked(SEND, id="b"), asked("why?", id="c"), asked(BOTH, id="a")]
    edit = {"type": "edit", "edited_action": {"name": "send", "args": {}}}
    no = {"type": "reject", "message": "no"}
    decisions = [APPROVE, edit, no, no, said("so")]
    expected = {"a": {"decisions": [APPROVE, edit, no]}, "b": {"decisions": [no]}, "c": "so"}
    for order in (listed, listed[::-1]):
        assert agents.one_form(order) == agents.one_form(listed)
        assert agents.reply(order, {"decisions": decisions}).resume == expected


def test_interrupts_may_be_json_of_a_server() -> None:
    """With the fields that its API gives them."""
    listed = [{"id": "a", "value": "why?", "response_schema": None}, {"id": "b", "value": SEND}]
    assert len(agents.one_form(listed)["action_requests"]) == 2
    command = agents.reply(listed, [said("so"), APPROVE])
    assert command.resume == {"a": "so", "b": {"decisions": [APPROVE]}}


@pytest.mark.parametrize(
    ("schema", "decision", "answer"),
    [
        (None, said("3"), "3"),
        (str, said("3"), "3"),
        (Literal["yes", "no"], said("no"), "no"),
        (str | None, said("null"), "null"),
        (int, said("3"), 3),
        (bool, said("false"), False),
        (Literal[1, 2], said("2"), 2),
        (Size, said('{"width": 2}'), {"width": 2}),
        (int | list[int], said("[1]"), [1]),
        (Size, edited({"width": 2}), {"width": 2}),
        (None, edited(False), False),
    ],
)
def test_a_question_is_answered_by_a_text_or_by_json(schema: Any, decision: Any, answer: Any) -> None:
    """A text is read as JSON only where the schema takes no text."""
    question = [asked({"which": "size", "of": object}, schema)]
    form = agents.one_form(question)
    assert form["action_requests"][0]["name"] == "answer_question"
    assert '"which": "size"' in form["action_requests"][0]["description"]
    assert form["review_configs"][0]["allowed_decisions"] == ["respond", "edit"]
    assert agents.reply(question, [decision]).resume == {"a": answer}


@pytest.mark.parametrize(
    ("value", "schema", "decision", "message"),
    [
        ("why?", None, APPROVE, ".*approve.* is not possible; the type is respond or edit"),
        ("why?", None, {"type": "respond"}, "a response needs a message, a text, and has None"),
        ("why?", int, said("two"), "'two' is a text, and integer is expected, as JSON"),
        ("why?", None, edited(None), r"an edit needs the answer in edited_action\.args\.answer"),
        (SEND, None, edited(3), ".*the type is approve or reject, as in {'type': 'approve'}"),
        (SEND, None, {"type": "reject", "message": 3}, "the message 3 is not a text"),
        (SEND, None, {"type": ["approve"]}, ".*is not possible"),
        (SEND, None, "approve", "'approve' is not possible"),
    ],
)
def test_a_decision_that_is_not_possible_is_refused(
    value: Any, schema: Any, decision: Any, message: str
) -> None:
    """The error names the request, what was given, and what is possible."""
    name = "send" if value is SEND else "answer_question"
    with pytest.raises(errors.InputError, match=f"^decision 1, on {name}: {message}"):
        agents.reply([asked(value, schema)], {"decisions": [decision]})


@pytest.mark.parametrize("response", [{}, {"decisions": APPROVE}, "approve", None])
def test_a_response_without_a_list_of_decisions_is_refused(response: Any) -> None:
    """It says what for."""
    with pytest.raises(errors.InputError, match="is not a list of decisions; expected one for each of: send"):
        agents.reply([asked(SEND)], response)


def test_a_tool_call_offers_what_its_schema_takes() -> None:
    """One decision alone has no union in its schema."""
    call = {"type": "tool_approval", "tool_call_id": "1", "name": "send", "args": {}, "description": "Send?"}
    only: Any = {"type": "object", "properties": {"type": {"const": "approve", "type": "string"}}}
    question = [Interrupt(call, "a", response_schema=only)]
    assert agents.one_form(question)["review_configs"][0]["allowed_decisions"] == ["approve"]
    assert agents.reply(question, [APPROVE]).resume == {"a": APPROVE}
    with pytest.raises(errors.InputError, match="the type is approve, as in"):
        agents.reply(question, [{"type": "reject"}])


def test_what_is_not_an_interrupt_is_refused() -> None:
    """An output, for example, or nothing at all."""
    given: Any = {"__interrupt__": [asked(SEND)]}
    with pytest.raises(errors.UsageError, match="is not an interrupt; pass those of"):
        agents.one_form(given)
    with pytest.raises(errors.UsageError, match="no interrupts were passed"):
        agents.reply([], [APPROVE])
    assert agents.one_form([]) == {"action_requests": [], "review_configs": []}


def test_interrupts_of_events_are_taken() -> None:
    """With the schemas of their answers, as those of the output."""
    listed = [asked("why?", int, id="a"), asked(SEND, id="b")]
    told = [ToldInterrupt(id=one.id, value=one.value, response_schema=one.response_schema) for one in listed]
    assert agents.one_form(told) == agents.one_form(listed)
    assert agents.reply(told, [said("3"), APPROVE]).resume == {"a": 3, "b": {"decisions": [APPROVE]}}


def vote(choice: dict[str, Any]) -> Any:
    """Return the form of an undecided vote, with the schema of its choice."""
    schema = {"type": "object", "properties": {"choice": choice}, "required": ["choice"]}
    config = {"action_name": "decide_vote", "allowed_decisions": ["edit"], "args_schema": schema}
    return {"action_requests": [{"name": "decide_vote", "args": {}}], "review_configs": [config]}


@pytest.mark.parametrize(
    ("schema", "args", "message"),
    [
        ({"enum": ["red", "blue"]}, {"choice": "green"}, "choice 'green' is not one of 'red', 'blue'"),
        ({"enum": ["red", "blue"]}, {}, "choice is missing"),
        ({"type": "number"}, {"choice": "four"}, "choice 'four' is not of the type number"),
        (
            {"items": {"enum": ["x"]}},
            {"choice": ["x", "y"]},
            r"choice\[1\] 'y' is not one of",
        ),
    ],
)
def test_an_edit_is_held_to_the_schema_of_its_arguments(schema: Any, args: Any, message: str) -> None:
    """Before anything is resumed."""
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": args}}
    expected = f"^decision 1, on decide_vote: the edit does not fit what is asked: {message}"
    with pytest.raises(errors.InputError, match=expected):
        agents.reply([asked(vote(schema))], [edit])


def test_a_vote_takes_a_choice_in_another_spelling_and_a_tool_does_not() -> None:
    """As votes read their voters, and as tools read their arguments."""
    value = vote({"enum": ["red", "blue"]})
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": " Red."}}}
    assert agents.reply([asked(value)], [edit]).resume == {"a": {"decisions": [edit]}}
    value["action_requests"][0]["name"] = value["review_configs"][0]["action_name"] = "paint"
    edit["edited_action"]["name"] = "paint"  # type: ignore[index]
    with pytest.raises(errors.InputError, match=r"' Red\.' is not one of"):
        agents.reply([asked(value)], [edit])


@pytest.mark.parametrize("decision", [said("perhaps"), edited("perhaps"), edited(3)])
def test_an_answer_to_a_question_is_held_to_its_schema(decision: Any) -> None:
    """Else LangGraph would refuse it once other answers of the same command are used."""
    with pytest.raises(
        errors.InputError, match=r"on answer_question: the (edit|answer) does not fit .* not one of"
    ):
        agents.reply([asked("why?", Literal["yes", "no"])], [decision])
