"""Pages in Chromium."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
AXE = os.environ.get("AXE", "")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
"""Milliseconds that a step may take. Only what never comes is a fault, also on a machine that is busy."""
NEEDS_CHROMIUM: list[Any] = [
    pytest.mark.skipif(
        not CHROMIUM, reason="CHROMIUM names no browser, and there is no chromium; CI has one"
    ),
    pytest.mark.skipif(not find_spec("playwright"), reason="playwright is missing: uv run --group browser"),
]
"""Why a test that needs a browser is skipped."""
NEEDS_BROWSER = [pytest.mark.needs_browser, *NEEDS_CHROMIUM]
"""Marks of a module whose tests need a browser."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Run the browser, which loads nothing by itself. Beside its driver nothing can be forked."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS, timeout=PATIENCE)
        yield running
        running.close()


def is_fault(said: Any) -> bool:
    """Whether the console tells of a fault of the page, and not of a refusal or a service that is gone."""
    return said.type == "error" and "Failed to load resource" not in said.text


def faults_in(page: Any) -> list[str]:
    """Return what is wrong with the page as it is now, at two widths, light and dark. Needs `AXE`."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in ((360, 800), (1280, 900)):
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{scheme} {width}: wider than the window")
            page.evaluate(Path(AXE).read_text())
            for fault in page.evaluate("axe.run()")["violations"]:
                if fault["impact"] in ("serious", "critical"):
                    places = [node["target"] for node in fault["nodes"]]
                    found.append(f"{scheme} {width}: {fault['id']} {places}")
    return found
