"""The notebooks: they run without a key or a network, and show what is stored."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docsite import notebooks

ROOT = Path(__file__).parents[2]
PATHS = sorted(notebooks.FOLDER.glob("*.ipynb"))
MACHINE = re.compile(r"/(?:home|root|tmp|usr|work|Users)/")
MOST_BYTES = 300_000
TOGETHER = [("limits", "scale"), *((path.stem,) for path in PATHS if path.stem not in ("limits", "scale"))]
"""Names of notebooks that are executed at the same time: the first one waits for most of its time."""


def _cell(*outputs: dict[str, Any], tags: tuple[str, ...] = ()) -> notebooks.Notebook:
    """Return a notebook with one cell."""
    cell = {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": "x",
        "execution_count": 1,
        "outputs": [*outputs],
    }
    return {"cells": [cell]}


def _printed(text: str, stream: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": stream, "text": text}


def _shown(**data: str) -> dict[str, Any]:
    named = {kind.replace("_", "/"): text for kind, text in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


@pytest.mark.parametrize("names", TOGETHER, ids=[" and ".join(names) for names in TOGETHER])
def test_a_notebook_shows_what_is_stored(names: tuple[str, ...]) -> None:
    """Executed again in a new kernel, every output that does not depend on time is the same."""
    command = [sys.executable, "-m", "docsite.notebooks"]
    started = [
        subprocess.Popen(
            [*command, str(notebooks.FOLDER / f"{name}.ipynb")],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * len(names), "\n".join(said)


def test_every_notebook_is_executed() -> None:
    """None is left out, and none is named that is not there."""
    assert sorted(name for names in TOGETHER for name in names) == [path.stem for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_a_notebook_is_stored_without_traces_of_a_machine(path: Path) -> None:
    """It has been executed from top to bottom; it has no paths, versions or times, and is small."""
    text = path.read_text(encoding="utf-8")
    notebook = notebooks.read(path)
    assert text == notebooks.dump(notebooks.normalised(notebook))
    assert len(text) < MOST_BYTES
    assert not MACHINE.search(text)
    assert not [*notebooks.warnings(notebook)]
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == [*range(1, len(counts) + 1)]


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_a_notebook_draws_its_graph(path: Path) -> None:
    """A reader sees a picture, not the text of a diagram."""
    notebook = notebooks.read(path)
    kinds = [
        kind for cell in notebook["cells"] for out in cell.get("outputs", []) for kind in out.get("data", {})
    ]
    assert "image/svg+xml" in kinds
    assert "mermaid" not in path.read_text(encoding="utf-8").lower()


def test_the_pictures_of_the_documents_are_those_of_the_notebooks() -> None:
    """None is older than its notebook, and none is left over."""
    made = dict(pair for path in PATHS for pair in notebooks.pictures(path.stem, notebooks.read(path)))
    assert made == {path.name: path.read_bytes() for path in notebooks.PICTURES.iterdir()}
    assert made


def test_the_documents_list_every_notebook() -> None:
    """The page about them names each."""
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert {path.stem for path in PATHS} == {*re.findall(r"`notebooks/(\w+)\.ipynb`", page)}


@pytest.mark.parametrize(
    ("stored", "executed", "tags"),
    [
        (_printed("12 calls\n"), _printed("13 calls\n"), ()),
        (_shown(text_plain="1"), _shown(text_plain="2"), ()),
        (_shown(text_html="<b>1</b>"), _shown(text_html="<b>2</b>"), ()),
        (_shown(text_plain="1"), _shown(text_plain="1", text_html="1"), ()),
        (_shown(image_png="aaaa"), _shown(text_plain="a"), ()),
        (_shown(image_png="aaaa"), _printed("a"), ("timing",)),
        (_printed("0.5 s"), _printed("0.5 s", "stderr"), ("timing",)),
    ],
)
def test_a_changed_output_is_found(stored: Any, executed: Any, tags: tuple[str, ...]) -> None:
    """Text by its words, in whatever form; pictures and what depends on time by their kind."""
    before, after = _cell(stored, tags=tags), _cell(executed, tags=tags)
    (change,) = notebooks.changes(before, after)
    assert change.startswith("cell 1:\n")
    assert [*notebooks.changes(before, _cell(tags=tags))]
    assert not [*notebooks.changes(before, copy.deepcopy(before))]


@pytest.mark.parametrize(
    ("stored", "executed", "tags"),
    [
        (_printed("0.51 s"), _printed("0.49 s"), ("timing",)),
        (_shown(image_png="aaaa"), _shown(image_png="bbbb"), ()),
    ],
)
def test_what_may_differ_is_no_change(stored: Any, executed: Any, tags: tuple[str, ...]) -> None:
    """Times, in cells that say so, and the bytes of pictures."""
    assert not [*notebooks.changes(_cell(stored, tags=tags), _cell(executed, tags=tags))]


def test_text_is_one_piece_and_names_no_port() -> None:
    """However the kernel has cut it, and wherever the server was."""
    executed = notebooks.normalised(
        _cell(_printed("from 127.0.0.1:4711, "), _printed("twice\n"), _printed("w", "stderr"))
    )
    printed, warned = executed["cells"][0]["outputs"]
    assert printed["text"] == ["from 127.0.0.1:PORT, twice\n"]
    assert warned["text"] == ["w"]
    assert [*notebooks.warnings(executed)] == ["cell 1 writes to standard error:\nw"]


def test_a_check_says_what_changed_and_writing_stores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it is stored, the same outputs are no change; a warning is never stored."""
    monkeypatch.setattr(notebooks, "PICTURES", tmp_path / "pictures")
    path = tmp_path / "some.ipynb"
    old, new = (notebooks.normalised(_cell(_printed(text), tags=("picture",))) for text in ("1\n", "2\n"))
    new["cells"][0]["outputs"].append(_shown(image_png="YWE="))
    path.write_text(notebooks.dump(old))
    (change,) = notebooks.check(path, write=False, execute=lambda _: new)
    assert change.startswith("some.ipynb, cell 1:\n")
    assert {"-1", "+2"} <= {*change.splitlines()}
    assert notebooks.check(path, write=True, execute=lambda _: new) == []
    assert notebooks.check(path, write=False, execute=lambda _: new) == []
    assert (tmp_path / "pictures" / "some.png").read_bytes() == b"aa"
    warned = notebooks.normalised(_cell(_printed("old name", "stderr")))
    assert notebooks.check(path, write=True, execute=lambda _: warned)
    assert notebooks.read(path) == new
