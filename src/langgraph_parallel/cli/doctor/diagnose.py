"""The diagnosis: all sections, one after another, without what must not be shown."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from langgraph_parallel.cli.doctor.masking import clean, secret_values
from langgraph_parallel.cli.doctor.record import Check, Diagnosis, Section, look_at, make_check

_ROOM = "langgraph_parallel.cli.doctor"


def diagnose(model: str | None, *, offline: bool, timeout: float) -> Diagnosis:
    """Look at everything.

    Args:
        model: of the command line; None for that of the environment.
        offline: whether to ask no endpoint.
        timeout: seconds for one request.
    """
    return asyncio.run(_diagnose(model, offline=offline, timeout=timeout))


async def _diagnose(model: str | None, *, offline: bool, timeout: float) -> Diagnosis:
    secrets = secret_values()
    package = await _section("package", "installed", "installed_checks")
    settings = await _section("settings", "environment", "environment_checks")
    about_model = await _section("model", "asked_model", "model_checks", model)
    named = next((str(check.value) for check in about_model if check.name == "model" and check.value), None)
    if why := _why_not_asked(named, [*settings, *about_model], offline=offline):
        endpoint = [make_check("endpoint", "address", "unknown", f"not asked: {why}")]
    else:
        endpoint = await _section("endpoint", "endpoint", "endpoint_checks", named, timeout)
    return clean(Diagnosis.of([*package, *settings, *about_model, *endpoint]), secrets)


async def _section(section: Section, module: str, function: str, *arguments: Any) -> list[Check]:
    """Look at a section; what it imports may be broken, too, and is then its finding."""

    def look() -> Any:
        return getattr(import_module(f"{_ROOM}.{module}"), function)(*arguments)

    return await look_at(section, module, look)


def _why_not_asked(named: str | None, checks: Sequence[Check], *, offline: bool) -> str:
    """Return why the endpoint is not to be asked; empty if it is."""
    if offline:
        return "--offline"
    if named is None:
        return "no model is named"
    wrong = {check.name for check in checks if check.status == "problem"}
    return "correct the problems above first" if wrong & {"variables", "model", "price"} else ""
