"""The settings that runs find: variables, keys, traces, proxies, the project's file, the store of runs."""

import locale
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from langgraph_parallel.cli.doctor.record import Check, look_at, make_check
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.providers import PROVIDERS
from langgraph_parallel.runtime.trace_options import level_of, shows_contents
from langgraph_parallel.runtime.variables import KNOWN, REDIS_URL, nearest_known, problem_with, set_variables

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_ALSO_READ = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_PROXY")
"""Variables that OpenAI's client and LangChain's read."""
_LANGSMITH = "https://api.smith.langchain.com"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_check = partial(make_check, "settings")


async def environment_checks() -> list[Check]:
    """Look at all settings; nothing is sent anywhere."""
    looks: dict[str, Callable[[], Iterable[Check]]] = {
        "variables": _look_at_variables,
        "keys": _look_at_keys,
        "openai": _look_at_openai,
        "tracing": _look_at_tracing,
        "proxies": _look_at_proxies,
        "project": _look_at_project,
        "runs": _look_at_runs,
        "terminal": _look_at_terminal,
    }
    return [check for name, look in looks.items() for check in await look_at("settings", name, look)]


def _look_at_variables() -> Iterable[Check]:
    names = set_variables()
    if not names:
        yield _check("variables", "ok", "no LANGGRAPH_PARALLEL_ variable is set: the defaults hold", value=[])
    for name in names:
        if name not in KNOWN:
            near = nearest_known(name)
            way_out = f"did you mean {near}?" if near else f"known are: {', '.join(KNOWN)}"
            yield _check("variables", "warning", f"{name} is set, and nothing reads it", way_out, name)
        elif problem := problem_with(name):
            text = problem if problem.startswith(name) else f"{name}: {problem}"
            yield _check("variables", "problem", text, _expected(name), name)
        else:  # not the address of Redis, which may hold a password
            shown = f"{name} is set" if name == REDIS_URL else f"{name}={os.environ[name].strip()}"
            yield _check("variables", "ok", shown, value=name)


def _expected(name: str) -> str:
    field = Limits.model_fields.get(name.removeprefix("LANGGRAPH_PARALLEL_").lower())
    if field is None or not field.description:
        return f"correct {name}, or unset it"
    default = "none" if field.default is None else field.default
    return f"correct {name}, or unset it (default: {default}): {field.description}"


def _look_at_keys() -> Iterable[Check]:
    found = False
    for provider in PROVIDERS:
        for name in provider.keys:
            value = os.environ.get(name, "")
            if not value.strip():
                continue
            found = True
            if fault := _fault_of_key(value):
                way_out = f"set {name} again, without it"
                yield _check("keys", "warning", f"{name} ({provider.name}) {fault}", way_out, name)
            else:
                yield _check("keys", "ok", f"{name} is set ({provider.name})", value=name)
    if not found:
        names = "OPENAI_API_KEY, or OPENAI_BASE_URL for a server without keys"
        yield _check("keys", "missing", "no key of a provider is set", f"to ask a model: set {names}")


def _fault_of_key(value: str) -> str:
    """Return what is wrong with the form of a key, without a part of it; empty if nothing is."""
    if value != value.strip():
        return "has white space around it"
    if value[0] in "\"'" or value[-1] in "\"'":
        return "has quotation marks around it"
    if not (value.isascii() and value.isprintable()) or " " in value:
        return "holds a character that no header of HTTP may have"
    return ""


def _look_at_openai() -> Iterable[Check]:
    names = [name for name in _ALSO_READ if os.environ.get(name, "").strip()]
    if names:
        yield _check("openai", "ok", f"OpenAI's client also reads {', '.join(names)}", value=names)


def _look_at_tracing() -> Iterable[Check]:
    from langsmith import utils

    if not utils.tracing_is_enabled():
        yield _check("tracing", "ok", "traces are off (LANGSMITH_TRACING)", value=False)
        return
    address = utils.get_env_var("ENDPOINT") or _LANGSMITH
    host = urlsplit(address).hostname or "LangSmith"
    carries = "prompts, documents and answers" if shows_contents() else "times and names, without contents,"
    leaves = "stay on this machine" if host in _LOOPBACK else f"leave this machine for {host}"
    text = f"traces are on ({level_of()}): {carries} {leaves}"
    value = {"level": level_of(), "contents": shows_contents(), "host": host}
    if not utils.get_env_var("API_KEY") and host not in _LOOPBACK:
        way_out = "set LANGSMITH_API_KEY, or LANGSMITH_TRACING=false"
        yield _check("tracing", "warning", f"{text}; LANGSMITH_API_KEY is not set", way_out, value)
        return
    way_out = "LANGGRAPH_PARALLEL_TRACE_CONTENTS=false keeps them here" if shows_contents() else ""
    yield _check("tracing", "ok", text, way_out if host not in _LOOPBACK else "", value)


def _look_at_proxies() -> Iterable[Check]:
    names = [
        name for upper in _PROXIES for name in (upper, upper.lower()) if os.environ.get(name, "").strip()
    ]
    text = f"proxies: {', '.join(names)} set" if names else "no proxy is set"
    yield _check("proxies", "ok", text, value=names)


def _look_at_project() -> Iterable[Check]:
    from langgraph_parallel.cli.review.configuration import read_configuration
    from langgraph_parallel.errors import UsageError

    try:
        configuration = read_configuration(Path.cwd())
    except UsageError as error:
        yield _check("project", "problem", str(error), "correct it: a review of this folder would not start")
        return
    if configuration.file is None:
        yield _check("project", "ok", "no pyproject.toml with [tool.langgraph-parallel] applies here")
        return
    keys = sorted(configuration.values)
    text = f"[tool.langgraph-parallel] in {configuration.file} sets {', '.join(keys) or 'nothing'}"
    yield _check("project", "ok", text, value=keys)


def _look_at_runs() -> Iterable[Check]:
    from langgraph_parallel.cli.run_store import RunStore
    from langgraph_parallel.errors import UsageError

    store = RunStore()
    folder = store.path.parent
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        number = len(store.all())
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except (UsageError, OSError) as error:
        yield _check("runs", "warning", str(error), "or delete the folder: the runs in it are lost then")
        return
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        way_out = "use review --no-keep, or set XDG_STATE_HOME to a folder of yours"
        yield _check("runs", "warning", f"runs cannot be kept in {folder}: not writable", way_out)
        return
    text = f"{count(number, 'run')} kept in {folder}, {_size(size)}"
    yield _check("runs", "ok", text, value={"folder": str(folder), "runs": number, "bytes": size})


def _size(size: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _look_at_terminal() -> Iterable[Check]:
    encoding = (getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(False)).lower()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    color = is_terminal and "NO_COLOR" not in os.environ
    kind = "a terminal" if is_terminal else "no terminal"
    text = f"output: {kind}, {encoding}, {'in colour' if color else 'without colour'}"
    value = {"terminal": is_terminal, "encoding": encoding, "color": color}
    if encoding.replace("-", "").startswith("utf"):
        yield _check("terminal", "ok", text, value=value)
    else:
        yield _check(
            "terminal", "warning", f"{text}; other characters are shown as ?", "set PYTHONUTF8=1", value
        )
