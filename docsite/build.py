"""Build the documentation strictly: each page as a web page, and as the Markdown that agents read.

uv run python -m docsite.build            # into site/
uv run python -m docsite.build FOLDER     # into another folder, which is emptied
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docsite import sources

ROOT = Path(__file__).parents[1]


def main(target: Path = ROOT / "site") -> int:
    """Build the site; a broken link, a missing anchor or a page in no menu is a failure.

    Args:
        target: folder of the site; what is in it is deleted.

    Returns:
        The exit code.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shutil.copytree(ROOT / "docs", work / "docs")
        shutil.copyfile(ROOT / "zensical.toml", work / "zensical.toml")
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        if code := subprocess.run(command, cwd=work, check=False).returncode:
            return code
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(work / "site", target)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        copy = target / page.relative_to(ROOT / "docs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, copy)
    sources.add(target, ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:2])))
