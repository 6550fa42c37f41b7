"""A diagnosis as text, and as JSON."""

from typing import Any

import typer

from langgraph_parallel.cli.doctor.record import Diagnosis, Section, Status
from langgraph_parallel.report.wording import count

_TITLES: dict[Section, str] = {
    "package": "Package",
    "settings": "Settings",
    "model": "Model",
    "endpoint": "Endpoint",
}
_SIGNS: dict[Status, str] = {"ok": "✓", "missing": "–", "warning": "!", "problem": "✗", "unknown": "?"}  # noqa: RUF001 - a dash
_COLORS: dict[Status, str] = {
    "ok": "green",
    "missing": "bright_black",
    "warning": "yellow",
    "problem": "red",
    "unknown": "bright_black",
}
_WIDTH = max(map(len, _SIGNS))


def doctor_text(diagnosis: Diagnosis, *, signs: bool, color: bool) -> str:
    """Render one line for each finding, with a word that marks it, and a line below it for the way out.

    Args:
        diagnosis: cleaned.
        signs: whether to write signs before the words, which are not ASCII.
        color: whether to colour the marks.
    """
    lines: list[str] = []
    for section, title in _TITLES.items():
        checks = [check for check in diagnosis.checks if check.section == section]
        if not checks:
            continue
        lines += ["", title] if lines else [title]
        for check in checks:
            mark = f"{check.status:<{_WIDTH}}"
            mark = f"{_SIGNS[check.status]} {mark}" if signs else mark
            indent = " " * (len(mark) + 4)
            lines.append(f"  {typer.style(mark, fg=_COLORS[check.status]) if color else mark}  {check.text}")
            lines += [f"{indent}-> {check.way_out}"] if check.way_out else []
    text = "\n".join([*lines, "", _summary(diagnosis), ""])
    return text if signs else text.replace("…", "...")


def doctor_json(diagnosis: Diagnosis) -> str:
    """Render a diagnosis as JSON; `Diagnosis.model_validate_json` reads it back."""
    return diagnosis.model_dump_json(indent=2) + "\n"


def doctor_schema() -> dict[str, Any]:
    """Return the JSON schema of `doctor_json`."""
    return Diagnosis.model_json_schema(mode="serialization")


def _summary(diagnosis: Diagnosis) -> str:
    statuses = [check.status for check in diagnosis.checks]
    problems, warnings = statuses.count("problem"), statuses.count("warning")
    noted = f", {count(warnings, 'warning')}" if warnings else ""
    return f"{count(problems, 'problem') if problems else 'No problems'}{noted}."
