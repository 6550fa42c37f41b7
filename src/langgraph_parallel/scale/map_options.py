"""The options of a run over many items, as functions of Python take them."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from textwrap import indent
from typing import Any, Literal, TypedDict, TypeVar

from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.snapshot import Snapshot

Watch = Callable[[Snapshot], None]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_SEE = "options: see `MapOptions`."
"""In the docstring of a function that takes them."""


class MapOptions(TypedDict, total=False):
    """How a run over many items is to be made; each may be left out.

    Attributes:
        key: column of the keys. Default: the number of a row, counted from "1"; the path of a document; a
            table's primary key. The index of a data frame is not used.
        engine: where items run. None: this process; a number, or `"processes:4"`: as many processes;
            `"dask"`, `"dask:4"`, the address of a Dask scheduler or a `Client`; an `Executor` of
            `concurrent.futures`; an `Engine`.
        limits: of the whole run, as `Limits` or a mapping: rates, concurrency, budgets and deadline hold over
            all items and workers, and budgets over all commands on the same sink.
        completion: when the run is complete, over all items: `tolerated_failures(0.05)` ends it as soon as
            more have failed.
        chunk: items that are handed out together. Default: as many as take about a second.
        inputs: for each key of the graph's input, where its value comes from: a column; a template, such as
            `"Is this spam? {text}"`; or `=` and JSON, the same for all items. Default: the columns of the
            same names; if one needed key has none, the one column of texts.
        outputs: for each column of the output, the path in the graph's output, such as `verdict.choice`.
            Default: what matters most of it, such as choice and support of a vote.
        settings: arguments of the factory of a graph by name, as a mapping or as `NAME=VALUE`.
        model: `provider:model`, for graphs of this package. Default: their own, or the environment's.
        fallbacks: models that are asked where the first does not answer.
        cache: whether answers are kept. Default: as the graph says.
        record: folder for the record of each run, `KEY.json`, or `KEY +9.json` for one with the nine items
            after it; the worker writes it on its machine. Only for graphs of this package. Default: none.
        offline: whether no model may be asked.
        redrive: whether items are run again that failed, and no others. Default: only items without a row
            are run.
        mixed: whether rows may be added to those of another graph, prompt, model or setting.
        limit: number of items from the start of the input, those with a row included. Default: all.
        stop_after_errors: number of items that fail in this command, after which no more begin; those that
            run have the `grace` of the limits to end. Default: the run ends if the first 20 all fail.
        watch: called with a `Snapshot` at most five times a second, and at the end.
    """

    key: str | None
    engine: Any
    limits: Limits | Mapping[str, Any] | None
    completion: Completion | str | None
    chunk: int | None
    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    settings: Mapping[str, Any] | Sequence[str] | None
    model: str | None
    fallbacks: Sequence[str] | None
    cache: bool | None
    record: str | os.PathLike[str] | None
    offline: bool
    redrive: bool | Literal["failed"]
    mixed: bool
    limit: int | None
    stop_after_errors: int | None
    watch: Watch | None


def check_names(caller: str, options: Mapping[str, object]) -> None:
    """Refuse options that do not exist.

    Args:
        caller: name of the function that was called.
        options: by name.

    Raises:
        TypeError: there is no such option; says what may be meant.
    """
    known = MapOptions.__annotations__
    for name, value in options.items():
        if name in known:
            continue
        if name in Limits.model_fields:
            meant = f'; it is one of the limits: limits={{"{name}": {value!r}}}'
        elif close := get_close_matches(name, known, 1):
            meant = f"; did you mean {close[0]!r}?"
        else:
            meant = f"; it takes graph, items, sink, {', '.join(known)}"
        raise TypeError(f"{caller}() has no argument {name!r}{meant}")


def listing_options(function: FunctionT) -> FunctionT:
    """Have `help` of a function list the options with their meanings."""
    if function.__doc__ and MapOptions.__doc__:  # not so with python -OO
        listed = inspect.cleandoc(MapOptions.__doc__).partition("Attributes:\n")[2]
        options = f"options: these, each of which may be left out:\n\n{indent(listed, ' ' * 4)}"
        function.__doc__ = inspect.cleandoc(function.__doc__).replace(_SEE, options)
    return function
