"""Files of the repository that pages link to, as pages of the site.

On a code host a link such as `../tests/graphs/test_voting.py` works as it is. The site has no such files, so
the build adds each one that is linked to, and points the links at it. The title of a link may name a
function: then the link leads to its line.
"""

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = "source"
"""Folder of the site with these files."""
_HREF = re.compile(r'href="([^"#:?]+)(#[^"]*)?"(?: title="(\w+)")?')
_LINK = re.compile(r'\]\(([^)#:\s]+)(#[^)\s]*)?(?: "(\w+)")?\)')
_DEFINITION = re.compile(r"^\s*(?:async def|def|class) (\w+)")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{path}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 0.85rem/1.5 ui-monospace, monospace; margin: 1.5rem; }}
:target {{ font-weight: bold; border-left: 3px solid #5b7db1; padding-left: 0.4rem; }}
</style>
</head>
<body>
<h1>{path}</h1>
<pre>{lines}</pre>
</body>
</html>
"""


def add(site: Path, root: Path) -> None:
    """Add the files that pages link to, and point the links at them.

    Args:
        site: folder of the site, with its pages as HTML and as Markdown.
        root: folder of the repository.
    """
    added: dict[str, str] = {}
    for page in sorted([*site.rglob("*.html"), *site.rglob("*.md")]):
        folder = page.parent.relative_to(site).as_posix()
        pattern = _HREF if page.suffix == ".html" else _LINK

        def point(link: "re.Match[str]", folder: str = folder, page: Path = page) -> str:
            path = _outside(link[1], folder, root)
            if path is None:
                return link[0]
            if path not in added:
                added[path] = _add_file(site, root, path)
            place = posixpath.relpath(added[path], folder)
            anchor = f"#{link[3]}" if link[3] else link[2] or ""
            return f'href="{place}{anchor}"' if page.suffix == ".html" else f"]({place}{anchor})"

        text = page.read_text(encoding="utf-8")
        pointed = pattern.sub(point, text)
        if pointed != text:
            page.write_text(pointed, encoding="utf-8")


def _outside(link: str, folder: str, root: Path) -> str | None:
    """Return the path of a linked file below the root of the repository; None for a link inside of the site.

    Args:
        link: relative to the folder.
        folder: of the page, relative to the site.
        root: folder of the repository.
    """
    path = posixpath.normpath(posixpath.join("docs", folder, link))
    if link.startswith("/") or path.startswith(("docs/", "..")) or not (root / path).is_file():
        return None
    return path


def _add_file(site: Path, root: Path, path: str) -> str:
    """Write one file into the site, text as a page; return its path in the site."""
    given = (root / path).read_bytes()
    try:
        text = given.decode()
    except UnicodeDecodeError:
        place, content = f"{FOLDER}/{path}", given
    else:
        page = _PAGE.format(path=html.escape(path), lines="\n".join(_lines(text)))
        place, content = f"{FOLDER}/{path}.html", page.encode()
    (site / place).parent.mkdir(parents=True, exist_ok=True)
    (site / place).write_bytes(content)
    return place


def _lines(text: str) -> Iterator[str]:
    """Yield the lines as HTML; those that define something have its name as their anchor."""
    for line in text.splitlines():
        defined = _DEFINITION.match(line)
        shown = html.escape(line)
        yield f'<span id="{defined[1]}">{shown}</span>' if defined else shown
