"""Settings of a graph as text: `NAME=VALUE`."""

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from langgraph_parallel.catalogue.spelling import COMMAND, Spelling, naming
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.flow import split
from langgraph_parallel.nodes.flow.synthesizer import by_model
from langgraph_parallel.nodes.work.ask import Ask


def parse_settings(
    settings: Sequence[str], known: Collection[str], spelling: Spelling = COMMAND
) -> dict[str, Any]:
    """Parse `NAME=VALUE`; a value is JSON if it can be read as JSON, else text.

    Where a factory takes a worker, text is the prompt of a model; where it takes a planner, the name of a
    function of `split`.

    Args:
        settings: as on the command line.
        known: names that are valid.
        spelling: how the caller writes them.

    Raises:
        UsageError: a setting has no name, no value, a name that is not known, or one that came before.
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise UsageError(
                f"{spelling.settings} {setting!r} has no value; write {spelling.one(name or 'NAME')}"
            )
        if name not in known:
            raise UsageError(
                f"{spelling.settings} {name!r} is not a setting of this graph; choose from {', '.join(known)}"
            )
        if name in parsed:
            raise UsageError(f"{spelling.settings} has {name!r} twice; set each once")
        with naming(f"{spelling.settings} {name}"):
            parsed[name] = _as_argument(name, _parse(text))
    return parsed


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _as_argument(name: str, value: Any) -> Any:
    convert = _CONVERTERS.get(name)
    return value if convert is None else convert(value)


def _as_worker(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_worker(prompt) for name, prompt in value.items()}
    if not isinstance(value, str):
        raise UsageError(f"expected the text of a prompt, or a JSON object of prompts by name, not {value!r}")
    return Ask(value)


def _as_synthesizer(value: Any) -> Any:
    return by_model() if value == "by_model" else _as_worker(value)


def _as_planner(value: Any) -> Any:
    if not isinstance(value, str) or value not in _PLANNERS:
        raise UsageError(f"{value!r} is not a planner; choose from {', '.join(_PLANNERS)}")
    return _PLANNERS[value]()


_PLANNERS: dict[str, Callable[[], Any]] = {
    "by_file": split.by_file,
    "by_heading": split.by_heading,
    "by_pages": split.by_pages,
    "in_batches": split.in_batches,
}
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "worker": _as_worker,
    "sources": _as_worker,
    "judge": _as_worker,
    "synthesizer": _as_synthesizer,
    "planner": _as_planner,
}
"""By argument of a factory, for those that are neither JSON nor text."""
