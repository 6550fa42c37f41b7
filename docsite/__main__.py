"""Write the pages that programs write, or check that they are up to date."""

import sys
from itertools import chain
from pathlib import Path

from docsite import api, command_line, event_page, keys, llms, settings

DOCS = Path(__file__).parents[1] / "docs"


def stale(*, write: bool) -> list[str]:
    """Return the pages that are not up to date.

    Args:
        write: whether they are written.
    """
    found = []
    for pages in (
        chain(api.pages(), command_line.pages(), keys.pages(), settings.pages(), event_page.pages()),
        llms.pages(DOCS),
    ):
        for path, text in pages:  # llms.txt reads the others, so it comes after them
            target = DOCS / path
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                found.append(path)
                if write:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(text, encoding="utf-8")
    return found


def main() -> int:
    """Write the pages; with `--check`, say which are stale, and exit with 1 if there are any."""
    check = sys.argv[1:] == ["--check"]
    found = stale(write=not check)
    for path in found:
        print(f"docs/{path} {'is not up to date: run python -m docsite' if check else 'written'}")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
