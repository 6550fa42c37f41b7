"""Commands with records of options, spelled out for typer."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from langgraph_parallel.cli.endpoint import ask_at
from langgraph_parallel.cli.keeping import keep_answers
from langgraph_parallel.cli.recorded import keep_record


def spell_out(command: Callable[..., int]) -> Callable[..., int]:
    """Replace a command's parameter that is a record of options by the options.

    typer reads the options of a command from its signature, so it has to list them all. The command runs with
    the endpoint that `--base-url` names, the cache that `--cache` names, what `--watch` shows, and the record
    and the page that `--record` and `--html` name.
    """
    parameters: dict[str, inspect.Parameter] = {}
    records: dict[str, Any] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.annotation):
            records[name] = parameter.annotation
            hints = get_type_hints(parameter.annotation, include_extras=True)
            options = [
                (field.name, hints[field.name], field.default) for field in fields(parameter.annotation)
            ]
        else:
            options = [(name, parameter.annotation, parameter.default)]
        for option, annotation, default in options:
            parameters[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
            )

    @wraps(command)
    def run(**values: Any) -> int:
        base_url, cache, file = (values.get(name) for name in ("base_url", "cache", "cache_file"))
        record, html, contents = (values.get(name) for name in ("record", "html", "record_contents"))
        shown = _watching(watch=bool(values.get("watch")), quiet=bool(values.get("quiet")))
        made = {
            name: kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            for name, kind in records.items()
        }
        recorded = keep_record(record, html, contents=bool(contents))
        with ask_at(base_url), keep_answers(cache, file), recorded, shown:
            return command(**values, **made)

    run.__signature__ = inspect.Signature([*parameters.values()])  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    return run


def _watching(*, watch: bool, quiet: bool) -> AbstractContextManager[None]:
    """Return what shows the runs of a command while they go on, if it is asked to."""
    if not watch:
        return nullcontext()
    from langgraph_parallel.cli.checks import exclude_each_other
    from langgraph_parallel.cli.watching.display import watching

    if quiet:
        raise exclude_each_other("--watch", "--quiet")
    return watching()


def split_names(text: str | None) -> list[str] | None:
    """Split `A, B` at commas; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
