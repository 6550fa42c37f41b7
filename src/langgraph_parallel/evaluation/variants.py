"""Variants: what is compared."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.items import Item, columns_of
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.making import GraphLike, make_program
from langgraph_parallel.scale.mapping.problem import list_names
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.runner import load

_NAME = re.compile(r"\w[\w .+/()-]{0,59}")
KEPT = "answers_kept"
"""Column of how many calls of a row the cache of answers spared."""
_ANSWERS = ("answer", "choice", "label", "best", "result")
"""Columns that are the answer, where the variant does not say which is."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A graph or a function, and how it answers an item.

    Attributes:
        graph: name of a pattern (`"voting"`), `"module:attribute"`, a graph, or a function of an item; or
            `"langsmith:NAME"` for the answers of an experiment on the same dataset.
        settings: arguments of the factory of a graph by name.
        model: `provider:model`, for graphs of this package. Default: their own, or the environment's.
        fallbacks: models that are asked where the first does not answer.
        inputs: for each key of the graph's input, the column it is read from, as for `map_items`.
        answer: path of the answer in the output, such as `verdict.choice`. Default: what is the answer of
            the pattern, or what a function returns.
        context: further keys of the runtime context, such as `{"stop": "confident(0.95)"}`.
        cache: whether answers are kept. Default: as the graph says.
        offline: whether no model may be asked.
    """

    graph: GraphLike
    settings: Mapping[str, Any] | Sequence[str] | None = None
    model: str | None = None
    fallbacks: Sequence[str] | None = None
    inputs: Mapping[str, str] | None = None
    answer: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    cache: bool | None = None
    offline: bool = False


def as_variants(given: Mapping[str, Any]) -> dict[str, Variant]:
    """Return variants by name; the first is what the others are compared with first.

    Args:
        given: by name: a graph, a function, its name, a `Variant`, or a mapping of its fields.

    Raises:
        UsageError: there are fewer than two, or one is not valid.
    """
    if not isinstance(given, Mapping) or len(given) < 2:
        number = len(given) if isinstance(given, Mapping) else type(given).__name__
        raise UsageError(f"variants is {number}; expected a mapping of two names or more to graphs")
    found = {_name(name): _variant(name, one) for name, one in given.items()}
    if len({name.casefold() for name in found}) < len(found):
        raise UsageError(f"variants are {', '.join(found)}; their names must differ by more than case")
    return found


def make_programs(
    variants: Mapping[str, Variant],
    items: Sequence[Item],
    limits: Limits | None,
    *,
    repeats: int = 1,
    takes_whole: bool = True,
) -> dict[str, Program]:
    """Return what runs each variant, checked before anything is paid for.

    Args:
        variants: by name.
        items: of the dataset.
        limits: of the evaluation.
        repeats: how often each item is asked; if more than once, no answer comes from a cache.
        takes_whole: whether the scorer takes the whole output of a variant that names no answer.

    Raises:
        UsageError: one or more of the variants are not valid; says which, and all that is wrong.
    """
    columns, programs, problems = columns_of(items), {}, []
    for name, variant in variants.items():
        try:
            programs[name] = _program(_uncached(variant) if repeats > 1 else variant, columns, limits)
            if not takes_whole and programs[name].outputs and variant.answer is None:
                check_answer(programs[name].outputs)
        except UsageError as error:
            problems.append(f"variant {name!r}: {error}")
    if problems:
        raise UsageError("; ".join(problems))
    return programs


def answer_in(output: Mapping[str, Any], variant: Variant) -> Any:
    """Return the answer in the columns of a row; all columns, where none of them is it."""
    columns = {name: value for name, value in output.items() if name != KEPT}
    name = "answer" if variant.answer is not None else _answer_of(columns)
    return columns if name is None else columns.get(name)


def check_answer(columns: Iterable[str]) -> None:
    """Check that one of the columns of an output is the answer.

    Raises:
        UsageError: there are several, and none has the name of an answer.
    """
    names = [name for name in columns if name != KEPT]
    if _answer_of(names) is None:
        raise UsageError(
            f"its output has {list_names(names)}; say what in it is the answer: answer='{names[0]}'"
        )


def _answer_of(columns: Iterable[str]) -> str | None:
    names = list(columns)
    known = [name for name in _ANSWERS if name in names]
    return known[0] if known else names[0] if len(names) == 1 else None


def _uncached(variant: Variant) -> Variant:
    if variant.cache:
        raise UsageError("cache=True gives the same answer each time; leave it out, or repeats")
    return replace(variant, cache=False)


def _program(variant: Variant, columns: Sequence[str], limits: Limits | None) -> Program:
    outputs = {} if variant.answer is None else {"answer": variant.answer}

    def make(outputs: Mapping[str, str]) -> Program:
        return make_program(
            variant.graph,
            settings=variant.settings,
            inputs=variant.inputs,
            outputs=outputs,
            model=variant.model,
            fallbacks=variant.fallbacks,
            cache=variant.cache,
            offline=variant.offline,
            limits=limits,
            context=variant.context,
            columns=columns,
        )

    made = make(outputs)
    target = load(made).target
    if not isinstance(target, ParallelGraph) or target.governing.gathers is not None:
        return made
    if "run_report" not in target.get_output_jsonschema().get("properties", {}):
        return made
    return make({**made.outputs, KEPT: "run_report.kept"})


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a variant; expected up to 60 letters, digits, spaces and _.+/()-"
        )
    return name


def _variant(name: str, given: Any) -> Variant:
    if isinstance(given, Variant):
        return given
    if not isinstance(given, Mapping):
        return Variant(graph=given)
    known = [one.name for one in fields(Variant)]
    for key in given:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            meant = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(known)}"
            raise UsageError(f"variant {name!r} has no field {key!r}; {meant}")
    if "graph" not in given:
        raise UsageError(f"variant {name!r} has no graph; name a pattern, or a graph as module:attribute")
    return Variant(**given)
