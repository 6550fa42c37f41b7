"""What a prompt says about the answer: fields, choices, ranges."""

from typing import Literal

from pydantic import BaseModel, Field

from langgraph_parallel.answers.fields import ceiling_of, describe_fields
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.form import answer_form, repair_message


class Item(BaseModel):
    """An item."""

    name: str = Field(description="As written.")
    kind: Literal["a", "b"] | None = None


class Answer(BaseModel):
    """An answer."""

    items: list[Item] = Field(description="All of them.")
    score: float = Field(ge=0, le=10)
    count: int = Field(0, ge=1)
    done: bool
    fixed: Literal["x"]
    either: int | str | None = None


def test_every_field_is_described() -> None:
    """With its type, its choices and its range, at every depth."""
    assert describe_fields(Answer).splitlines() == [
        "- `items` (list; each item: object): All of them.",
        "  - `name` (text): As written.",
        '  - `kind` (one of "a", "b", or null)',
        "- `score` (number from 0 to 10)",
        "- `count` (whole number of at least 1)",
        "- `done` (true or false)",
        '- `fixed` ("x")',
        "- `either` (whole number or text, or null)",
    ]


def test_a_ballot_names_its_choices() -> None:
    """In the first request and in a repair, which shows the schema, too, and what was wrong."""
    schema = answer_schema(["pro", "con"])
    assert 'one of "pro", "con", or null' in answer_form(schema)
    from langgraph_parallel.errors import InvalidAnswer

    repair = str(repair_message(InvalidAnswer("it does not fit"), schema).content)
    assert 'one of "pro", "con"' in repair
    assert '"enum": ["pro", "con"]' in repair
    assert "it does not fit" in repair


def test_a_ceiling_leaves_room_for_what_the_schema_asks_for() -> None:
    """A list may have many items; a text without a schema has no ceiling."""
    assert ceiling_of(None) is None
    small, large = ceiling_of(answer_schema(["a"])), ceiling_of(Answer)
    assert small is not None
    assert large is not None
    assert 500 < small < large < 20_000
