"""How large the page on a run is, what it takes to make, and to open in Chromium.

    uv run --group browser python -m benchmarks.run_page [--branches 5000] [--chromium PATH]

The run is made up: votes of three in each branch, one call in ten refused, waits before most calls. Opened is
the page when its list of branches is drawn, in seconds since its address was asked for; the best of three. A
jump scrolls the list of all branches to another place, and draws it there; the median of 60.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from tests.support.made_records import huge

_DRAWN = "() => new Promise(done => requestAnimationFrame(() => done(performance.now() / 1000)))"
_JUMP = """() => {
    const times = [];
    for (let place = 0; place < 60; place++) {
        const begun = performance.now();
        grid.scrollTop = place * 2300;
        draw();
        grid.getBoundingClientRect();
        times.push((performance.now() - begun) / 1000);
    }
    return times.sort((a, b) => a - b)[30];
}"""


def measure(branches: int, chromium: str | None) -> None:
    """Write a page, open it where there is a browser, and print what was measured."""
    record = huge(branches)
    began = time.process_time()
    page = record.to_html()
    wrote = time.process_time() - began
    size = f"{len(page.encode()) / 1e6:.2f} MB"
    run = f"{len(record.branches):,} branches, {len(record.calls):,} calls"
    print(f"{run}: {size}, made in {wrote:.2f} s of CPU")
    if chromium is None:
        print("no chromium: not opened")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.html"
        file.write_text(page, encoding="utf-8")
        opened = [_opened(file, chromium) for _ in range(3)]
    seconds, jumps = (min(each) for each in zip(*opened, strict=True))
    print(f"opened in {seconds:.2f} s; a jump takes {1000 * jumps:.0f} ms")


def _opened(file: Path, chromium: str) -> tuple[float, float]:
    """Return the seconds that it takes to open a page, and those of a jump in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(file.as_uri())
        page.locator(".row").nth(10).wait_for()
        seconds = float(page.evaluate(_DRAWN))
        page.get_by_role("button", name="Expand all").click()
        jump = float(page.evaluate(_JUMP))
        browser.close()
    return seconds, jump


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--branches", type=int, default=5000)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="path of the browser")
    options = parser.parse_args()
    measure(options.branches, options.chromium)


if __name__ == "__main__":
    main()
