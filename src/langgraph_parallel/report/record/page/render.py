"""The page: its parts put into the template, with its styles and its script."""

import base64
import hashlib
import time
from functools import cache
from importlib.resources import files
from string import Template

from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.report.record.lines import LABELS, measured_lines
from langgraph_parallel.report.record.numbers import Measured
from langgraph_parallel.report.record.page import tables
from langgraph_parallel.report.record.page.charts import charts
from langgraph_parallel.report.record.page.data import page_data
from langgraph_parallel.report.record.page.markup import Html, tag, together
from langgraph_parallel.report.record.wording import status_word

_SCRIPTS = ("data", "rows", "grid", "details", "page")
"""The files of the script, in their order."""
_NOTHING = ("base-uri 'none'", "form-action 'none'")


def run_page(record: RunRecord) -> str:
    """Return the page of a run: one HTML file that needs no network, and runs no script but its own.

    Without a script it shows all but the timeline of the branches. Messages and values are cut to about a
    megabyte in all.
    """
    measured = Measured(record)
    style, script = _file("page.css"), _script()
    lines = zip(LABELS, measured_lines(measured), strict=True)
    parts = {
        "policy": _policy(style, script),
        "title": together([f"{record.name or 'Run'}: {status_word(record.status)}"]),
        "name": together([record.name or "Run"]),
        "status": tag("span", status_word(record.status), class_=f"status {record.status}"),
        "origin": together([_origin(record)]),
        "lines": together(tag("div", tag("dt", label), tag("dd", line)) for label, line in lines),
        "facts": tables.facts(measured),
        "charts": charts(measured),
        "path": tables.section("path", "Critical path", tables.path_list(measured)),
        "votes": tables.section("votes", "Votes", tables.vote_table(measured)),
        "failures": tables.section("failures", "Failures by cause", tables.failure_list(measured.report)),
        "costs": tables.section("costs", "Tokens and cost", tables.cost_tables(measured)),
        "waits": tables.section("waits", "Waits", tables.wait_table(record)),
        "remarks": tables.section("remarks", "Remarks", tables.remark_list(record)),
        "data": page_data(measured),
        "style": style,
        "script": script,
    }
    return Template(_file("page.html")).substitute(parts)


def _origin(record: RunRecord) -> str:
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.started))
    versions = ", ".join(f"{name.replace('_', '-')} {version}" for name, version in record.versions.items())
    thread = f"thread {record.thread}" if record.thread else ""
    contents = "with answers and messages" if record.contents else "without answers and messages"
    return "; ".join(part for part in (f"began {began}", thread, versions, contents) if part)


def _policy(style: str, script: str) -> Html:
    """Return the policy by which the page runs and loads nothing that is not in it."""
    rules = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        *_NOTHING,
    )
    return together(["; ".join(rules)])


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    return "\n".join(_file(f"{name}.js") for name in _SCRIPTS)
