"""Roster: who sits on a panel, and how its members differ."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import at_least, check_named, checked
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.prompts import Prompt, PromptLike, as_prompt
from langgraph_parallel.runtime.models import ModelLike, read_fallbacks

T = TypeVar("T")
QUESTION_KEYS = frozenset({"question"})
"""What a graph gets as a voter."""
SIZE = 3
"""Default number of members of a panel."""


class Roster:
    """The members of a panel: model voters, or workers of your own.

        Roster(5)                                        # five model voters
        Roster(models=["openai:gpt-5", "openai:gpt-5-mini"])  # one for each model
        Roster(9, temperatures=[0.2, 0.9])               # nine, temperatures dealt out in turn
        Roster(agent, 5)                                 # five votes of one worker
        Roster({"ann": ann, "ben": ben})                 # one vote each

    Wherever a factory takes a roster it also takes the size, the workers, or their mapping alone. Member i
    gets `models[i % len(models)]`, and likewise its wording and temperature. Each member is told its number,
    so that no two members send the same request: a cache cannot serve one answer to several members.

    Args:
        members: the size of a panel of model voters; one worker; or several, as a list or by name.
        size: number of members. By default 3, or one for each entry of the longest list below if that is
            longer; with `models`, one for each entry of the longest list.
        models: models that are dealt out. With several, the runtime context's model does not apply. By
            default all members ask the graph's model.
        wordings: prompts that are dealt out instead of one prompt for all.
        temperatures: sampling temperatures that are dealt out.
        fallbacks: models that are asked where that of a member does not answer: first those that no other
            member has, in the given order. None for the graph's. A member has fallbacks of its own as
            `models=[llm.with_fallbacks([other]), ...]`, which come before these.

    Raises:
        UsageError: the arguments contradict each other, or the size is too small to use every entry.
    """

    @checked
    def __init__(
        self,
        members: "int | WorkerLike | Sequence[WorkerLike] | Mapping[str, WorkerLike] | None" = None,
        size: int | None = None,
        *,
        models: Sequence[ModelLike] = (),
        wordings: Sequence[PromptLike] = (),
        temperatures: Sequence[float] = (),
        fallbacks: Sequence[ModelLike] | None = None,
    ) -> None:
        if isinstance(members, int):
            if size is not None:
                raise UsageError(f"Roster({members!r}, size={size!r}) has two sizes; leave one of them out")
            members, size = None, members
        if size is not None:
            at_least(size, "the size of the roster")
        for name, entries in (("models", models), ("wordings", wordings)):
            if isinstance(entries, str) or not isinstance(entries, Sequence):
                what = "models" if name == "models" else "prompts"
                raise UsageError(f"{name} is {entries!r}; expected a list of {what}")
        if members is not None and (models or wordings or temperatures or fallbacks):
            raise UsageError(
                "members are workers, which have models, prompts and temperatures of their own; leave out "
                "models=, wordings=, temperatures= and fallbacks="
            )
        if isinstance(members, str | bytes | float):
            raise UsageError(f"members is {members!r}; expected a number, workers, or a mapping of workers")
        self.members, self.size = members, size
        self.models, self.wordings, self.temperatures = list(models), list(wordings), list(temperatures)
        self.fallbacks = read_fallbacks(fallbacks)

    @property
    def is_workers(self) -> bool:
        """Whether the members are workers of the caller's, not model voters."""
        return self.members is not None

    def count(self, default: int = SIZE) -> int:
        """Return the number of model voters.

        Raises:
            UsageError: an entry of a list would never be used.
        """
        longest = max(len(self.models), len(self.wordings), len(self.temperatures))
        size = self.size if self.size is not None else longest if self.models else max(default, longest)
        if longest > size:
            raise UsageError(
                f"the roster has {longest} models, wordings or temperatures for {count(size, 'member')}; "
                "raise the size, or some would never be used"
            )
        return size

    def or_size(self, size: int) -> "Roster":
        """Return this roster, with another default size for model voters."""
        if self.is_workers or self.size is not None or self.models:
            return self
        longest = max(len(self.wordings), len(self.temperatures))
        return Roster(
            max(size, longest),
            wordings=self.wordings,
            temperatures=self.temperatures,
            fallbacks=self.fallbacks,
        )

    def ask(
        self,
        number: int,
        prompt: Prompt,
        number_line: str,
        *,
        model: ModelLike | None = None,
        schema: type[BaseModel] | None = None,
        given: Mapping[str, str] | None = None,
        instructing: Collection[str] = (),
        role: str = "",
    ) -> Ask:
        """Build the model voter of a number, from 0.

        Args:
            number: its place on the panel.
            prompt: what it is asked, unless the roster has wordings.
            number_line: the sentence that tells it its number, by which alone it may differ from others.
            model: asked where the roster names none.
            schema: of its answer.
            given: values of prompt variables that may instruct the model; others than its prompt has are
                left out.
            instructing: input variables that may instruct the model.
            role: who it is.
        """
        wording = _deal(self.wordings, number)
        asked = prompt
        if wording is not None:
            asked = as_prompt(wording, f"wordings[{number % len(self.wordings)}]").sharing(prompt.shared)
        ask = Ask(
            asked,
            model=_deal(self.models, number) or model,
            temperature=_deal(self.temperatures, number),
            schema=schema,
            given=asked.fitting(given or {}),
            instructing=instructing,
            role=role,
            pinned=len(self.models) > 1,
            fallbacks=self.fallbacks,
        )
        if ask.pinned:
            place = number % len(self.models)
            ask.spare = ask.spare.beside([*self.models[:place], *self.models[place + 1 :]])
        return ask.numbered(number_line) if number_line else ask

    def workers(self, prompt: str, offers: Collection[str] | None = QUESTION_KEYS) -> dict[str, Worker]:
        """Return the members that are workers, by name: their own names where these differ, else `#1`, `#2`.

        Args:
            prompt: name of the shipped prompt that a chat model is asked with.
            offers: as in `as_worker`; by default the question.

        Raises:
            UsageError: a member is not a worker, or there is none.
        """
        members = self.members
        if isinstance(members, Mapping):
            check_named(members, "members")
            named: Mapping[str, WorkerLike] = members
        elif isinstance(members, Sequence) and not isinstance(members, str):
            named = _name(members)
        else:
            names = [f"#{i}" for i in range(1, (self.size or 1) + 1)]
            return {name: _numbered(as_worker(members, prompt, offers), name) for name in names}  # type: ignore[arg-type]
        if not named:
            raise UsageError("the roster is empty; pass at least one member")
        if self.size not in (None, len(named)):
            raise UsageError(
                f"size={self.size} for {count(len(named), 'member')}; leave size out, or pass one worker"
            )
        return {name: as_worker(member, prompt, offers) for name, member in named.items()}


RosterLike = TypeAliasType("RosterLike", int | Roster | Sequence[WorkerLike] | Mapping[str, WorkerLike])
"""A roster, or what makes one: a size, workers, or workers by name."""


def as_roster(given: RosterLike | None, name: str, model: ModelLike | None = None) -> Roster:
    """Return a roster for an argument of a factory.

    Args:
        given: the argument.
        name: of the argument, for errors.
        model: of the graph, which workers would not use.

    Raises:
        UsageError: it is not a roster, a size, or workers; or workers and a model are given.
    """
    if isinstance(given, bool | str | float):
        raise UsageError(f"{name} is {given!r}; expected a number, workers, or a Roster")
    if isinstance(given, int):
        at_least(given, name)
    elif given is not None and not isinstance(given, Roster | Mapping | Sequence):
        raise UsageError(f"{name} is {given!r}; expected a number, a list of workers, or a Roster")
    elif isinstance(given, Mapping | Sequence) and not given:
        raise UsageError(f"{name} is empty; pass at least one worker")
    elif isinstance(given, Mapping):
        check_named(given, name)
    roster = given if isinstance(given, Roster) else Roster(given)
    if roster.is_workers and model is not None:
        raise UsageError(f"{name} are workers with models of their own; leave out model=")
    if roster.models and model is not None:
        raise UsageError(f"pass model= or {name}=Roster(models=...), not both")
    if not roster.is_workers:
        roster.count()
    return roster


def require_models(roster: Roster, name: str) -> None:
    """Check that the members of a roster are models that share the graph's prompt.

    Args:
        roster: the argument.
        name: of the argument, for errors.

    Raises:
        UsageError: they are workers, or have wordings of their own.
    """
    if roster.is_workers or roster.wordings:
        raise UsageError(
            f"{name} must be models that share one prompt; pass a number, or "
            "Roster(models=[...], temperatures=[...])"
        )


def _deal(entries: Sequence[T], number: int) -> T | None:
    return entries[number % len(entries)] if entries else None


def _name(members: Sequence[WorkerLike]) -> dict[str, WorkerLike]:
    """Name workers by their functions where all names differ, else by number."""
    names = [getattr(member, "__name__", None) for member in members]
    telling = all(isinstance(name, str) and name.isidentifier() for name in names)
    use_names = telling and len(set(names)) == len(names)
    return {
        str(name) if use_names else f"#{i}": member
        for i, (name, member) in enumerate(zip(names, members, strict=True), 1)
    }


def _numbered(worker: Worker, name: str) -> Worker:
    """Tell a repeated `Ask` which member it is, or all members would send the same request."""
    if not isinstance(worker, Ask) or worker.number_line:
        return worker
    return worker.numbered(
        f"Members answer independently of each other. You are member {name} of this panel."
    )
