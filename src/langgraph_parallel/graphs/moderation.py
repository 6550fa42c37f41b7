"""Moderation: all checks of a text at once; any flag flags it, and a text is clean only if all checks ran."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.checks import CheckLike, build_check_workers
from langgraph_parallel.nodes.catalogue.moderation import ENGINES, ModerationSteps, moderation_checks
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.conversation import last_text_from_messages
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Moderation
from langgraph_parallel.runtime.models import ModelLike


class ModerationInput(TypedDict):
    """The text."""

    text: Annotated[
        str,
        Field(title="Text", description="What to check.", examples=["Call me at +1 202 456 1111, now!!!"]),
    ]


class ModerationOutput(TypedDict):
    """The outcome of all checks."""

    moderation: Annotated[
        Moderation, Field(title="Moderation", description="The outcome of each check, with places.")
    ]
    status: Annotated[
        str, Field(title="Status", description="flagged, clean or needs_review: of all checks together.")
    ]
    markdown: Annotated[str, Field(title="Markdown", description="The report as Markdown.")]


@checked
def create_moderation(
    *,
    model: ModelLike | None = None,
    checks: Sequence[str] | Mapping[str, CheckLike] | None = None,
    offline: bool = False,
    region: str | None = None,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "moderation",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that runs all checks of a text at once.

    Input: `text`; or a conversation as `messages`, which gets the answer. Output: `moderation` (`Moderation`:
    the outcome of each check, with spans of characters, its confidence, and who judged), `status` (`flagged`
    if any check flags; `clean` only if every check ran and found nothing; otherwise `needs_review`),
    `markdown`, `missing`, `sections`, `branches`, `run_report`. A long text is checked in parts.

    Without a model only patterns are searched: personal data and signs of spam. Hate speech and copyright are
    not assessed then, and the text is never called clean.

    Args:
        model: of all checks that models make; by default the one that the environment names.
        checks: names of shipped checks (hate, on which three models vote, spam, personal_data, copyright); or
            a mapping of name to criteria for a model, to a worker, or to a `Check`; a shipped check may be
            named with an empty text. By default all that ship.
        offline: whether to use no model, even if the environment names one.
        region: two-letter country code, such as `US`, whose national telephone numbers are found, too. Others
            need a `+`, or a word such as `tel` beside them.
        prompts: replacement of the shipped prompt: `check`.
        name: shown in traces: `moderation[hate]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownCheck: no check of this name ships.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    by_name = moderation_checks(checks)
    prompt = load_prompts("moderation", prompts)["check"]
    moderating = ModerationSteps(by_name, model, offline=offline, region=region)
    check_workers, check_inputs = build_check_workers(
        by_name, prompt, model, variable="text", create_voting=create_voting
    )
    flow = Flow(
        name=name,
        kind="moderation",
        input=ModerationInput,
        output=ModerationOutput,
        plan=moderating.plan,
        workers=Workers(
            {**check_workers, ENGINES: moderating.find_patterns},
            foreign_input=lambda section: section if section.worker == ENGINES else section.content,
            inputs=check_inputs,
        ),
        uses_model=moderating.uses_model,
        close=moderating.close,
        needs_results=False,
        work_name="check",
        close_name="decide",
        from_text=lambda title, text: {"text": text},
        from_messages=last_text_from_messages("text"),
    )
    return flow_graph(flow, **options)
