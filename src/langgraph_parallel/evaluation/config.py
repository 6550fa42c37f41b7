"""The configuration of an evaluation: a TOML file, checked as a whole before anything is asked."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.api import EvaluateOptions
from langgraph_parallel.evaluation.scoring.choose import as_scorer
from langgraph_parallel.evaluation.variants import Variant, as_variants

_NOT_IN_FILES = ("watch", "client")
_TOP = ("dataset", "scorer", "variants")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "dataset": (str,),
    "scorer": (str, dict),
    "variants": (dict,),
    "key": (str,),
    "expected": (str,),
    "margin": (int, float),
    "level": (int, float),
    "stop": (bool,),
    "limits": (dict,),
    "store": (str,),
    "redrive": (bool,),
    "batch": (int,),
    "repeats": (int,),
    "limit": (int,),
    "seed": (int,),
    "experiment": (str,),
}
_WORDS = {str: "text", dict: "table", int: "number", float: "number", bool: "true or false"}


def read_config(path: Path) -> dict[str, Any]:
    """Read the arguments of `evaluate` from a TOML file.

    Paths in it are relative to the folder of the command, as on the command line.

    Returns:
        `variants`, `dataset`, `scorer` and the options that the file sets.

    Raises:
        UsageError: it cannot be read, or something in it is not valid; all faults at once.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    problems = [*_unknown(given), *_wrong_kinds(given), *_missing(given), *_in_parts(given)]
    if problems:
        raise UsageError(f"{path}: {'; '.join(problems)}")
    return {"scorer": "exact", **given}


def _unknown(given: Mapping[str, Any]) -> list[str]:
    known = [*_TOP, *(name for name in EvaluateOptions.__annotations__ if name not in _NOT_IN_FILES)]
    return [f"there is no {name!r}; {_meant(name, known)}" for name in given if name not in known]


def _wrong_kinds(given: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, kinds in _KINDS.items():
        value = given.get(name)
        is_flag = isinstance(value, bool) and bool not in kinds
        if value is not None and (is_flag or not isinstance(value, kinds)):
            expected = " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds))
            problems.append(f"{name} is {value!r}; expected {expected}")
    return problems


def _missing(given: Mapping[str, Any]) -> list[str]:
    problems = []
    if "dataset" not in given:
        problems.append("it has no dataset; name a file, as dataset = 'questions.jsonl', or langsmith:NAME")
    if "variants" not in given:
        problems.append("it has no variants; write a table [variants.NAME] for each, with graph = '...'")
    return problems


def _in_parts(given: Mapping[str, Any]) -> list[str]:
    problems = []
    variants = given.get("variants")
    if isinstance(variants, dict):
        problems += _of_variants(variants)
    if isinstance(scorer := given.get("scorer"), str | dict):
        problems += _problem_of(lambda: as_scorer(scorer))
    return problems


def _of_variants(variants: Mapping[str, Any]) -> list[str]:
    problems, known = [], [one.name for one in fields(Variant)]
    for name, variant in variants.items():
        if not isinstance(variant, dict):
            problems.append(f"variants.{name} is {variant!r}; expected a table with graph = '...'")
            continue
        problems += [
            f"variants.{name} has no field {key!r}; {_meant(key, known)}"
            for key in variant
            if key not in known
        ]
        if not isinstance(variant.get("graph"), str):
            problems.append(f"variants.{name} has no graph; name a pattern, or a graph as module:attribute")
    return problems or _problem_of(lambda: as_variants(variants))


def _problem_of(check: Any) -> list[str]:
    try:
        check()
    except UsageError as error:
        return [str(error)]
    return []


def _meant(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(known)}"
