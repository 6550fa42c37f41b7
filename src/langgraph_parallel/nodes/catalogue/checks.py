"""Checks of a text: criteria for models, or workers of the caller's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import check_fields, check_named
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.roster import Roster, as_roster, require_models
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.prompts import Prompt, list_prompts, load_prompt
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.settings import as_settings

FLAG, CLEAN = "flag", "clean"


class JudgementNotes(BaseModel):
    """What breaks the rule."""

    quotes: list[str] = Field(
        [], description="The words that decide for `flag`, copied exactly, as short as possible."
    )


class Judgement(BaseModel):
    """The judgement of one check."""

    rationale: str = Field("", description="Why, in one sentence.", json_schema_extra={"maxLength": 400})
    choice: Literal["flag", "clean"] | None = Field(
        description="`flag` if the text breaks the rule, `clean` if it does not; null if you cannot tell."
    )
    confidence: float | None = Field(None, ge=0, le=1, description="How sure you are.")
    notes: JudgementNotes = JudgementNotes()


@dataclass(frozen=True)
class Check:
    """One check: criteria by which models judge, or a worker of your own.

    Args:
        criteria: what breaks the rule, for models.
        worker: gets the text instead, and returns whether it is flagged, or an object with `flagged` and
            optionally `reason`, `confidence`, and `quotes` or `spans` (pairs of character offsets).
        voters: number of models that judge (the majority flags), or a `Roster` of models and temperatures.
        blocking: whether the message of a guarded answer must have passed before anything else starts. Only
            for checks of a message in `create_guarded`.

    Raises:
        UsageError: both `criteria` and `worker` are set, or neither is, or `voters` is not valid.
    """

    criteria: str = ""
    worker: WorkerLike | None = None
    voters: int | Roster = 1
    blocking: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if bool(self.criteria.strip()) == (self.worker is not None):
            raise UsageError("a check needs either criteria or a worker; pass exactly one of them")
        require_models(as_roster(self.voters, "voters"), "voters")


CheckLike = TypeAliasType("CheckLike", str | Check | Mapping[str, Any] | WorkerLike)


def as_check(given: CheckLike) -> Check:
    """Return a check; build one from criteria, a worker, or a mapping of its fields."""
    if isinstance(given, Check | Mapping):
        return as_settings(given, Check, "check")
    return Check(given) if isinstance(given, str) else Check(worker=given)


def load_checks(
    given: Mapping[str, CheckLike] | None, folder: str, name: str = "checks", *, may_block: bool = False
) -> dict[str, Check]:
    """Return checks by name.

    Args:
        given: checks by name; None for all that ship.
        folder: folder of the shipped criteria, among the prompts.
        name: of the argument, for error messages.
        may_block: whether a check may be `blocking` here.

    Raises:
        UsageError: there is no check, a name is not a string, or one blocks that cannot.
    """
    if given is None:
        return {name: Check(load_prompt(f"{folder}/{name}").text) for name in list_prompts(folder)}
    check_named(given, name)
    if not given:
        raise UsageError(f"{name} is empty; pass {{'name': 'what breaks the rule'}}")
    checks = {key: as_check(check) for key, check in given.items()}
    if not may_block:
        refuse_blocking(checks, name)
    return checks


def refuse_blocking(checks: Mapping[str, Check], name: str) -> None:
    """Refuse checks that block where there is nothing that they could precede.

    Args:
        checks: by name.
        name: of the argument.

    Raises:
        UsageError: one is blocking.
    """
    if blocking := [key for key, check in checks.items() if check.blocking]:
        raise UsageError(
            f"{name}: {blocking[0]!r} is blocking, but there is nothing here that it could precede; leave "
            "blocking to the checks of a guarded message"
        )


def check_worker_name(check: str) -> str:
    """Return the name of a check's worker."""
    return f"check/{check}"


def build_check_workers(
    checks: Mapping[str, Check],
    prompt: Prompt,
    model: ModelLike | None,
    *,
    variable: str,
    create_voting: Callable[..., Worker],
) -> tuple[dict[str, Worker], dict[str, Callable[[Section], object]]]:
    """Return the workers of checks by name, and the functions that build their inputs.

    Args:
        checks: by name.
        prompt: with `{criteria}`, and the text under `variable`.
        model: of the checks that models make.
        variable: what the prompt calls the text.
        create_voting: builds the vote of a check with several voters.

    Raises:
        PromptError: the prompt has other variables.
    """
    workers: dict[str, Worker] = {}
    inputs: dict[str, Callable[[Section], object]] = {}
    for name, check in checks.items():
        key = check_worker_name(name)
        if check.worker is not None:
            workers[key] = as_worker(check.worker, "voting/question", offers=())
            continue
        prompt.check(["criteria", variable], needs=[variable])
        judges = _build_judges(name, check, prompt, model)
        if len(judges) > 1:
            workers[key] = create_voting(voters=judges, choices=[FLAG, CLEAN], name=name)
        else:
            workers[key] = next(iter(judges.values()))
            inputs[key] = lambda section: {variable: section.content}
    return workers, inputs


def _build_judges(name: str, check: Check, prompt: Prompt, model: ModelLike | None) -> dict[str, Ask]:
    roster = as_roster(check.voters, "voters")
    given = prompt.fitting({"criteria": check.criteria})
    return {
        f"#{i + 1}": roster.ask(
            i,
            prompt,
            f"You are judge {i + 1} of the check {name!r}.",
            model=None if roster.models else model,
            schema=Judgement,
            given=given,
        )
        for i in range(roster.count(default=1))
    }
