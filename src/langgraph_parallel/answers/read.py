"""Read a record from the answer of a model: tolerant of what is around it, never a guess."""

from typing import Any

from pydantic import ValidationError

from langgraph_parallel.answers.fit import Fitted, Schema, bare_choice, fit
from langgraph_parallel.answers.json_text import find_values, is_all_json
from langgraph_parallel.answers.message import Answer
from langgraph_parallel.errors import EmptyAnswer, InvalidAnswer

_SHOWN = 200
"""Characters of an answer that an error quotes."""


def read_record(answer: Answer, schema: type[Schema], *, abstain: bool = False) -> Fitted[Schema]:
    """Return the record that an answer holds.

    It is looked for in the text, then in the arguments of a tool; in the thinking only if there is nothing
    else and all of it is JSON. If the text holds different records, none of them counts.

    Args:
        answer: of a model.
        schema: of the record.
        abstain: read a required field as null where it is unreadable and may be null.

    Raises:
        RefusedAnswer, CutAnswer, EmptyAnswer: there is no whole answer.
        InvalidAnswer: it holds no record, or different ones; the message names the places.
    """
    answer.check()
    if not answer.text and not answer.arguments and not is_all_json(answer.thinking):
        answer.whole_text()  # says what is missing
        raise EmptyAnswer("the answer is empty")  # pragma: no cover - the line above raises
    try:
        return Fitted(schema.model_validate_json(answer.text), [])
    except ValidationError:
        pass
    values = _candidates(answer)
    if bare := bare_choice(answer.text, schema):
        values = [bare]
    fitted, problems = _fit_all(values, schema, abstain=abstain)
    if len(fitted) == 1:
        return fitted[0]
    problem = problems[0] if problems else f"answer: there is no JSON object in {answer.text[:_SHOWN]!r}"
    if fitted:
        problem = f"answer: {len(fitted)} different objects fit; expected one"
    raise InvalidAnswer(f"the answer does not fit {schema.__name__}: {problem}")


def _candidates(answer: Answer) -> list[Any]:
    if answer.text:
        return find_values(answer.text) or list(answer.arguments)
    return list(answer.arguments) or find_values(answer.thinking)


def _fit_all(
    values: list[Any], schema: type[Schema], *, abstain: bool
) -> tuple[list[Fitted[Schema]], list[str]]:
    """Return the distinct records among some values, and why the others are none."""
    fitted: list[Fitted[Schema]] = []
    problems: list[str] = []
    for value in values:
        try:
            one = fit(value, schema, abstain=abstain)
        except ValidationError as error:
            problems.append("; ".join(map(_problem, error.errors()[:5])))
            continue
        if all(one.record != other.record for other in fitted):
            fitted.append(one)
    return fitted, problems


def _problem(problem: Any) -> str:
    return f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
