"""What is installed: the package, what it requires, its extras, the static engines, git, other providers."""

import asyncio
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.specifiers import SpecifierSet

from langgraph_parallel.cli.doctor.record import Check, look_at, make_check
from langgraph_parallel.cli.doctor.requirements import (
    PACKAGE,
    Fault,
    Requirements,
    find_faults,
    find_version,
)
from langgraph_parallel.cli.input.isolated_git import find_git
from langgraph_parallel.offline.engines import Engine
from langgraph_parallel.offline.families import ENGINES
from langgraph_parallel.offline.process import EngineError, run_module
from langgraph_parallel.runtime.providers import PROVIDERS

_EXTRAS: Mapping[str, str] = {
    "agents": "LangChain's agents, and providers other than OpenAI",
    "cli": "the command line",
    "documents": "reading HTML, PDF, .docx and spreadsheets",
    "mcp": "the server of tools for editors and agents",
    "offline": "engines that need no model",
    "redis": "limits shared by processes",
    "testing": "fixtures for pytest",
}
"""What each extra is for."""
_SHOWN = ("langgraph", "langchain-core", "openai")
"""Requirements whose versions are shown; the value has all."""
_SECONDS = 30.0
"""For a program to say its version."""
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_check = partial(make_check, "package")


async def installed_checks() -> list[Check]:
    """Look at all that is installed."""
    looks = [
        look_at("package", "python", _look_at_python),
        look_at("package", "requirements", _look_at_core),
        look_at("package", "extras", _look_at_extras),
        *(
            look_at("package", f"engine_{engine.name}", partial(_look_at_engine, engine))
            for engine in ENGINES
        ),
        look_at("package", "git", _look_at_git),
        look_at("package", "providers", _look_at_providers),
    ]
    return [check for found in await asyncio.gather(*looks) for check in found]


def _look_at_python() -> list[Check]:
    own, python = version(PACKAGE), platform.python_version()
    wanted = (distribution(PACKAGE).metadata.get_all("Requires-Python") or [""])[0]
    place = Path(sys.prefix)
    place = Path("~") / place.relative_to(Path.home()) if place.is_relative_to(Path.home()) else place
    fits = SpecifierSet(wanted).contains(python, prereleases=True)
    return [
        _check("version", "ok", f"{PACKAGE} {own}", value=own),
        _check(
            "python",
            "ok" if fits else "problem",
            f"Python {python} on {platform.system()}, in {place}{'' if fits else f': expected {wanted}'}",
            "" if fits else "use another Python",
            python,
        ),
    ]


def _look_at_core() -> list[Check]:
    requirements = Requirements.read().core
    found = {one.name: find_version(one.name) for one in requirements}
    faults = find_faults(requirements)
    if not faults:
        shown = ", ".join(f"{name} {found[name]}" for name in _SHOWN if found.get(name))
        return [_check("requirements", "ok", f"{shown}; all requirements are met", value=found)]
    return [_check("requirements", "problem", "; ".join(map(str, faults)), _install(faults), found)]


def _look_at_extras() -> Iterable[Check]:
    required = Requirements.read()
    core = {one.name for one in required.core}
    for extra, requirements in required.extras.items():
        found = {one.name: find_version(one.name) for one in requirements}
        faults = find_faults(requirements)
        text = f"extra {extra} ({_EXTRAS[extra]})" if extra in _EXTRAS else f"extra {extra}"
        if not faults:
            yield _check(f"extra_{extra}", "ok", text, value=found)
        elif not any(number for name, number in found.items() if name not in core):
            text, install = f"{text}: not installed", f"pip install '{PACKAGE}[{extra}]'"
            yield _check(f"extra_{extra}", "missing", text, install, found)
        else:
            text = f"{text}: {'; '.join(map(str, faults))}"
            yield _check(f"extra_{extra}", "warning", text, _install(faults), found)


def _install(faults: Sequence[Fault]) -> str:
    return f"pip install --upgrade {' '.join(dict.fromkeys(fault.wanted for fault in faults))}"


async def _look_at_engine(engine: Engine) -> list[Check]:
    name = f"engine_{engine.name}"
    if not engine.installed:
        install = f"pip install '{PACKAGE}[offline]'"
        return [_check(name, "missing", f"engine {engine.name}: not installed", install)]
    found = find_version(engine.name)
    shown = f"engine {engine.name} {found or ''}".rstrip()
    try:
        with tempfile.TemporaryDirectory() as folder:
            output = await run_module(
                engine.module,
                ["--version"],
                Path(folder),
                cpu_seconds=_SECONDS,
                hangs_after=_SECONDS,
                codes=(0,),
            )
    except (EngineError, TimeoutError, OSError) as error:
        again = f"pip install --force-reinstall {engine.name}"
        return [_check(name, "warning", f"{shown} does not start: {error}", again, found)]
    if engine.needs and engine.needs not in output.stdout:
        text = f"{shown}: {engine.module} does not load it"
        return [_check(name, "warning", text, f"pip install --force-reinstall {engine.needs}", found)]
    return [_check(name, "ok", f"{shown} starts", value=found)]


async def _look_at_git() -> list[Check]:
    git = find_git()
    if git is None:
        return [_check("git", "missing", "git: not found; review --diff needs it", "install git")]
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        git, "--version", stdin=nothing, stdout=asyncio.subprocess.PIPE, stderr=nothing
    )
    try:
        async with asyncio.timeout(_SECONDS):
            stdout, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    said = _VERSION.search(stdout.decode(errors="replace"))
    if process.returncode or said is None:
        return [_check("git", "warning", "git does not start; review --diff needs it", "install git again")]
    return [_check("git", "ok", f"git {said[0]}", value=said[0])]


def _look_at_providers() -> list[Check]:
    packages = sorted({provider.package for provider in PROVIDERS})
    found = {name: number for name in packages if (number := find_version(name))}
    langchain = find_version("langchain")
    others = len(found) > 1 and langchain is None
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    text = f"providers: {listed}" + ("; those other than openai need langchain" if others else "")
    return [
        _check(
            "providers",
            "warning" if others else "ok",
            text,
            "pip install langchain" if others else "",
            {**found, **({"langchain": langchain} if langchain else {})},
        )
    ]
