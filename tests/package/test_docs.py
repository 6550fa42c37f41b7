"""The documentation as a whole: its menu, its links, the pages that programs write, and the site."""

import html
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

import langgraph_parallel
from docsite import build, drawings, sources
from docsite.__main__ import DOCS, stale
from langgraph_parallel import Limits, errors
from langgraph_parallel.cli.app import app
from langgraph_parallel.records import events
from tests.support.documents import ROOT

PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
_LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)(?: "([^"]*)")?\)')
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """Return a document without its blocks of code, in which nothing is a link or a heading."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def links(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield file, anchor and title of each link of a document to this repository."""
    for target, title in _LINK.findall(re.sub(r"`[^`\n]*`(?!\])", "", prose(path))):
        if not re.match(r"[a-z]+:", target):
            place, _, anchor = target.partition("#")
            yield place, anchor, title


def headings(path: Path) -> list[str]:
    """Return the headings of a document, as plain text."""
    found = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).strip() for heading in found]


def anchors_of_a_code_host(path: Path) -> set[str]:
    """Return the anchors that a code host makes of headings."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in headings(path):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def anchors_of_the_site(path: Path) -> set[str]:
    """Return the anchors that Python-Markdown makes of headings; a repeated one leads to the first."""
    slugs = set()
    for heading in headings(path):
        plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
        slugs.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return slugs


def menu(items: list[Any]) -> Iterator[str]:
    """Yield the pages in a menu."""
    for item in items:
        if isinstance(item, str):
            yield item
        else:
            for inside in item.values():
                yield from [inside] if isinstance(inside, str) else menu(inside)


def test_every_page_is_in_the_menu() -> None:
    """Once, and the menu has no page that is not there."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(menu(site["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


@pytest.mark.parametrize("path", LINKING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    """To a file, to a heading as a code host and as the site name it, to a test that exists."""
    for place, anchor, title in links(path):
        target = (path.parent / place).resolve() if place else path
        assert target.is_relative_to(ROOT), place
        assert target.exists(), place
        # The site adds files that pages link to, but no folders.
        assert target.is_file() or not path.is_relative_to(DOCS), place
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of_a_code_host(target), f"{place}#{anchor}"
            assert anchor in anchors_of_the_site(target) or path.parent == ROOT, f"{place}#{anchor}"
        if title:
            assert re.search(rf"^\s*(async )?def {title}\(", target.read_text(), re.MULTILINE), title


def test_every_guarantee_has_a_test() -> None:
    """Each item of the contract ends with one, named by the title of its link."""
    items = re.findall(r"^- .+?(?=^- |^#|\Z)", prose(DOCS / "guarantees.md"), re.MULTILINE | re.DOTALL)
    promised = [item for item in items if not item.startswith("- **")]
    assert len(promised) > 60
    for item in promised:
        assert re.search(r'\(\[test\]\(\.\./tests/[\w/]+\.py "test_\w+"\)\)$', item.strip()), item


def test_pages_that_programs_write_are_up_to_date() -> None:
    """`uv run python -m docsite` writes them."""
    assert stale(write=False) == []


def test_no_page_shows_an_address_in_memory() -> None:
    """Such a page would differ each time it is written."""
    pages = (path for path in DOCS.rglob("*") if path.suffix in {".md", ".json", ".txt"})
    assert not [path.name for path in pages if " at 0x" in path.read_text(encoding="utf-8")]


def test_no_page_needs_a_script() -> None:
    """A drawing in Mermaid would have the site load one from the network."""
    assert [page.name for page in PAGES if "```mermaid" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("source", sorted(drawings.OTHERS.glob("*.dot")), ids=lambda source: source.stem)
def test_drawings_of_other_pages_are_up_to_date(source: Path) -> None:
    """Their labels are those of the source; `python -m docsite.drawings` draws them."""
    named = re.findall(r'label="([^"]+)"', source.read_text(encoding="utf-8"))
    labels = [line for label in named for line in label.split("\\n")]
    svg = (drawings.FOLDER / f"{source.stem}.svg").read_text(encoding="utf-8")
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    plain = [" ".join(html.unescape(text).replace("\N{NO-BREAK SPACE}", " ").split()) for text in drawn]
    assert sorted(plain) == sorted(" ".join(label.split()) for label in labels)
    assert "<script" not in svg


def test_the_excerpts_of_the_examples_are_in_them() -> None:
    """The page about deployment shows a part of `examples/server.py`."""
    page = (DOCS / "guides" / "deployment.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^    @asynccontextmanager\n(?:(?:    .*)?\n)+", page, re.MULTILINE)
    code = "\n".join(line.removeprefix("    ") for line in shown.strip("\n").splitlines())
    assert code in (ROOT / "examples" / "server.py").read_text(encoding="utf-8")


def excerpts(page: Path) -> list[tuple[str, str]]:
    """Return the blocks of a page that begin with the name of an example, and the name."""
    blocks = re.findall(r"^    # (examples/\S+)\n((?:(?:    .*)?\n)+)", page.read_text("utf-8"), re.MULTILINE)
    return [(name, "\n".join(line[4:] for line in code.strip("\n").splitlines())) for name, code in blocks]


@pytest.mark.parametrize(
    ("name", "code"),
    [pytest.param(*found, id=found[0]) for page in PAGES for found in excerpts(page)],
)
def test_what_pages_show_of_an_example_is_in_it(name: str, code: str) -> None:
    """Word for word, below the name of the file."""
    assert code.strip()
    assert code in (ROOT / name).read_text(encoding="utf-8")


def described(page: str) -> set[str]:
    """Return the names that have a heading or a bullet of their own on a page of the reference."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    return set(re.findall(r"^(?:## |- )`([\w.]+)`", text, re.MULTILINE))


def event_names() -> set[str]:
    """Return the events of runs, and those that only `events` yields."""
    of_runs = get_args(get_args(events.RunEvent)[0])
    records = {*of_runs, events.Interrupted, events.Output, events.Custom}
    return {get_args(record.model_fields["event"].annotation)[0] for record in records}


def test_the_reference_is_complete() -> None:
    """Factories and other public names, limits, commands, events and errors each have their place."""
    group: Any = typer.main.get_command(app)
    public = {name for name in langgraph_parallel.__all__ if name in langgraph_parallel._MODULES}
    factories = {name for name in public if name.startswith("create_")}
    assert factories
    assert described("factories.md") >= factories
    assert described("parts.md") >= public - factories
    assert described("settings.md") >= set(Limits.model_fields)
    assert described("command-line.md") >= set(group.commands)
    assert described("errors.md") >= {f"errors.{name}" for name in errors.__all__}
    assert len(event_names()) >= 15
    assert described("events.md") >= event_names()
    for namespace in set(langgraph_parallel.__all__) - public - {"__version__"}:
        assert (DOCS / "reference" / f"{namespace}.md").is_file(), namespace


class Loaded(HTMLParser):
    """Collects what a browser loads for a page by itself, and the links to the site's own files."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's addresses."""
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif tag != "link" or given.get("rel") != "canonical":
            self.addresses += [value for name, value in attrs if name in ("href", "src", "srcset") and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, strictly."""
    site = tmp_path_factory.mktemp("site") / "out"
    assert build.main(site) == 0
    return site


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    """No script, style, font or picture."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert [address for address in loaded.addresses if re.match(r"([a-z]+:)?//", address)] == []
        assert 'class="mermaid"' not in page.read_text(encoding="utf-8")
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), (
            style
        )


def test_the_site_has_the_files_that_it_links_to(site: Path) -> None:
    """Tests and examples, at the line that is meant; and each page as Markdown, too."""
    found = 0
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        for link in loaded.links:
            place, _, anchor = link.partition("#")
            if f"{sources.FOLDER}/" not in place or sources.FOLDER in page.relative_to(site).parts:
                continue
            found += 1
            target = (page.parent / place).resolve()
            assert target.is_file(), link
            assert not anchor or f'id="{anchor}"' in target.read_text(encoding="utf-8"), link
    assert found > 60
    assert (site / "guarantees.md").read_text(encoding="utf-8").count(f"]({sources.FOLDER}/") > 60


@pytest.mark.parametrize(
    ("heading", "host", "own"),
    [
        ("Best of n", {"best-of-n"}, {"best-of-n"}),
        ("`Roster`, and `Ask`", {"roster-and-ask"}, {"roster-and-ask"}),
        ("A - b", {"a---b"}, {"a-b"}),
        ("Twice\n\n# Twice", {"twice", "twice-1"}, {"twice"}),
    ],
)
def test_anchors_are_those_of_each_renderer(
    heading: str, host: set[str], own: set[str], tmp_path: Path
) -> None:
    """Where they differ, a link cannot lead to the heading in both, and the test above says so."""
    page = tmp_path / "page.md"
    page.write_text(f"# {heading}\n\nText.\n\n```text\n# no heading\n```\n")
    assert anchors_of_a_code_host(page) == host
    assert anchors_of_the_site(page) == own
