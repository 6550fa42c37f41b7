"""Build the documentation strictly: each page as a web page, and as the Markdown that agents read.

uv run python -m docsite.build    # into site/
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Build the site; a broken link, a missing anchor or a page in no menu is a failure.

    Returns:
        The exit code.
    """
    site = ROOT / "site"
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code == 0:
        for page in sorted((ROOT / "docs").rglob("*.md")):
            target = site / page.relative_to(ROOT / "docs")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, target)
    return code


if __name__ == "__main__":
    sys.exit(main())
