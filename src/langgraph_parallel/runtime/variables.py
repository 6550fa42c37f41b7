"""The variables of the environment that set this package up: their names, and checks of their values."""

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.runtime.answer_setting import CACHE, cache_of_environment
from langgraph_parallel.runtime.batch.settings import FOLDER
from langgraph_parallel.runtime.chat_progress import CHAT_PROGRESS
from langgraph_parallel.runtime.limit_sources import limits_from_environment
from langgraph_parallel.runtime.limits import PREFIX, Limits
from langgraph_parallel.runtime.models import check_model, fallbacks_from_environment
from langgraph_parallel.runtime.record_setting import CONTENTS, RECORD, find_recording
from langgraph_parallel.runtime.redis_limits import check_url
from langgraph_parallel.runtime.settings import switched
from langgraph_parallel.runtime.trace_feedback import FEEDBACK
from langgraph_parallel.runtime.trace_options import level_of, shows_contents

MODEL, COMPLETION, REDIS_URL = f"{PREFIX}MODEL", f"{PREFIX}COMPLETION", f"{PREFIX}REDIS_URL"
_CHECKS: Mapping[str, Callable[[str], object]] = {
    MODEL: check_model,
    COMPLETION: as_completion,
    REDIS_URL: check_url,
    f"{PREFIX}FALLBACKS": lambda _: fallbacks_from_environment(),
    CACHE: lambda _: cache_of_environment(),
    FOLDER: lambda text: text,
    f"{PREFIX}TRACE": lambda _: level_of(),
    f"{PREFIX}TRACE_CONTENTS": lambda _: shows_contents(),
    FEEDBACK: lambda _: switched(None, FEEDBACK),
    f"{PREFIX}ANNOTATION_QUEUE": lambda text: text,
    RECORD: lambda text: text,
    CHAT_PROGRESS: lambda _: switched(None, CHAT_PROGRESS),
    CONTENTS: lambda _: find_recording(None, None),
}
"""Checks of the variables that are not fields of `Limits`; each raises `UsageError`."""
KNOWN = (*_CHECKS, *(f"{PREFIX}{name.upper()}" for name in Limits.model_fields))
"""All variables that the package reads under its own prefix."""


def set_variables() -> list[str]:
    """Return the names of the package's variables that are set and not empty, known or not, in order."""
    return sorted(name for name, text in os.environ.items() if name.startswith(PREFIX) and text.strip())


def problem_with(name: str) -> str:
    """Return what is wrong with the value of a known variable; empty if it is valid."""
    text = os.environ.get(name, "").strip()
    try:
        if check := _CHECKS.get(name):
            check(text)
        else:
            limits_from_environment({name: text})
    except UsageError as error:
        return str(error)
    return ""


def nearest_known(name: str) -> str:
    """Return the known variable that a name may be a slip of; empty if none is near."""
    return next(iter(get_close_matches(name, KNOWN, n=1, cutoff=0.8)), "")
