"""The findings of the command `doctor`, as records. `docs/doctor.schema.json` is generated from them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from langgraph_parallel.records.base import Record
from langgraph_parallel.runtime.redact import in_words

Section = Literal["package", "settings", "model", "endpoint"]
Status = Literal["ok", "missing", "warning", "problem", "unknown"]
"""`missing`: something optional is not there; `warning`: a run works, though not as one might expect;
`problem`: it would stop a run; `unknown`: it was not found out."""


class Check(Record):
    """One thing that was looked at."""

    section: Section
    name: str = Field(description="What was looked at; the same in every version of the format.")
    status: Status
    text: str = Field(description="The finding, for people; may change.")
    way_out: str = Field("", description="What to do about it; empty if there is nothing to do.")
    value: JsonValue = Field(None, description="The finding, for programs; null if there is none.")


class Diagnosis(Record):
    """All findings of the command `doctor`."""

    format: Literal["langgraph-parallel/doctor"] = "langgraph-parallel/doctor"
    version: Literal[1] = Field(
        1, description="Raised when a field or a name is removed or changes its meaning, not for new ones."
    )
    ok: bool = Field(description="Whether nothing was found that would stop a run.")
    checks: list[Check]

    @classmethod
    def of(cls, checks: Sequence[Check]) -> "Diagnosis":
        """Make a diagnosis of findings."""
        return cls(ok=all(check.status != "problem" for check in checks), checks=list(checks))


def make_check(
    section: Section, name: str, status: Status, text: str, way_out: str = "", value: object = None
) -> Check:
    """Make a check of positional arguments; its value is checked to be JSON."""
    fields = {"section": section, "name": name, "status": status, "text": text}
    return Check.model_validate({**fields, "way_out": way_out, "value": value})


Look = Callable[[], Iterable[Check] | Awaitable[Iterable[Check]]]
"""A look at one or several things."""


async def look_at(section: Section, name: str, look: Look) -> list[Check]:
    """Look at something; if that fails, this is the finding, so that the others are shown all the same."""
    try:
        found = look()
        return list(await found if isinstance(found, Awaitable) else found)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        return [Check(section=section, name=name, status="unknown", text=f"{name}: {in_words(error)}")]
