"""Moderation: all checks of a text at once; any flag flags, and what was not checked is never clean."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UnknownCheck, UsageError
from langgraph_parallel.graphs.checking import check_worker
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.checks import Check, CheckLike, as_check
from langgraph_parallel.nodes.catalogue.moderation import ENGINES, Moderating, checked
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import check_named
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load, load_prompts, names
from langgraph_parallel.records import Moderation, Section
from langgraph_parallel.runtime.models import ModelLike

VOTERS = {"hate": 3}
"""Checks of those that ship which several models judge."""


class ModerationInput(TypedDict):
    """What to check."""

    text: Annotated[
        str,
        Field(title="Text", description="What to check.", examples=["Call me at +1 202 456 1111, now!!!"]),
    ]


class ModerationOutput(TypedDict):
    """What was found."""

    moderation: Annotated[
        Moderation, Field(title="Moderation", description="What every check came to, where, and how sure.")
    ]
    status: Annotated[
        str, Field(title="Status", description="flagged, clean or needs_review: of all checks together.")
    ]
    markdown: Annotated[str, Field(title="Markdown", description="The report, to be read.")]


def create_moderation(
    *,
    model: ModelLike | None = None,
    checks: Sequence[str] | Mapping[str, CheckLike] | None = None,
    offline: bool = False,
    region: str | None = None,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "moderation",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that checks a text for everything at once.

    Input: `text`. Output: `moderation` (`Moderation`: what each check came to, with spans of characters, how
    sure it is, and who judged), `status` (`flagged` if any check flags; `clean` only if every check was run
    and found nothing; else `needs_review`), `markdown`, `sections`, `branches`, `report`. A long text is
    checked in parts.

    Without a model the patterns alone are looked for: personal data and signs of spam. What they cannot
    judge, hate speech and copyright, is not assessed, and the text is never called clean.

    Args:
        model: for all checks that models make; by default, what the environment names.
        checks: names of those that ship (hate, which three models vote on, spam, personal_data, copyright);
            or a mapping of name to criteria for a model, to a worker, or to a `Check`; names that ship may
            stand in it with an empty text. By default all that ship.
        offline: use no model, whatever the environment names.
        region: two letters of the country whose telephone numbers are found without their +.
        prompts: your own instead of the one that ships: `check`.
        name: shown in traces: `moderation[hate]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UnknownCheck: a check that does not ship.
        UsageError: there is no check, or `model` and `offline`.
    """
    if offline and model is not None:
        raise UsageError("offline=True uses no model; leave out model=, or offline=")
    held = _checks(checks)
    prompt = load_prompts("moderation", prompts)["check"]
    workers: dict[str, WorkerLike] = {
        checked(one): check_worker(one, check, prompt, model, "text") for one, check in held.items()
    }
    moderating = Moderating(held, model, offline=offline, region=region)
    flow = Flow(
        name=name,
        takes=["text"],
        plan=moderating.plan,
        workers=Workers(
            {**workers, ENGINES: moderating.patterns},
            foreign=lambda section: section if section.worker == ENGINES else section.content,
            inputs={one: _as_text for one, worker in workers.items() if isinstance(worker, Ask)},
        ),
        needs_model=moderating.uses_model,
        close=moderating.close,
        closes_with="close",
        gives=["moderation", "status", "markdown"],
    )
    return flow_graph(
        flow, ModerationInput, ModerationOutput, takes=lambda title, text: {"text": text}, **options
    )


def _as_text(section: Section) -> dict[str, str]:
    return {"text": section.content}


def _checks(given: Sequence[str] | Mapping[str, CheckLike] | None) -> dict[str, Check]:
    shipped = names("moderation/checks")
    if isinstance(given, str):
        raise UsageError(f"checks is {given!r}; pass a list of names, or a mapping")
    if isinstance(given, Mapping):
        check_named(given, "checks")
    chosen: Mapping[str, CheckLike] = (
        given if isinstance(given, Mapping) else dict.fromkeys(shipped if given is None else given, "")
    )
    if not chosen:
        raise UsageError("there is no check; pass names, or {'name': 'what breaks the rule'}")
    made = {}
    for one, check in chosen.items():
        if check == "" and one not in shipped:
            raise UnknownCheck.of(one, shipped)
        text = load(f"moderation/checks/{one}").text if check == "" else ""
        made[one] = Check(text, voters=VOTERS.get(one, 1)) if check == "" else as_check(check)
    return made
