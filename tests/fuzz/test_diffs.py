"""The reader of diffs under any text: a result or one clear error, and no new line that nobody names."""

import difflib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.text.diff import parts_under_review, read_diff, without
from langgraph_parallel.records import Skipped
from tests.support.fuzzing import fuzz

fuzzed = partial(fuzz, examples=400)
CODE = st.lists(
    st.sampled_from(["", "x = 1", "    y", "-- a", "++ b", "@@ -1 +1 @@", "\tz\r", "é"]), max_size=9
)
NAMES = st.sampled_from(["a.py", "docs b/x.py", "a/b/c.py", "b/x y.py", "ü.py", "w/x.py"])
HEADS = (
    "diff --git a/x b/x", "diff --cc x", "Index: x", "index 12345..67890 100644", "--- a/x", "+++ b/x",
    "--- /dev/null", "+++ /dev/null", "@@ -1 +1 @@", "@@ -0,0 +1,2 @@", "@@@ -1 -1 +1 @@@",
    "@@ -1,3 +1,99 @@",
    "new file mode 120000", "deleted file mode 100644", "rename to b/y", 'diff --git "a/\\303" "b/\\x"',
    "Binary files a/x and b/y differ", "GIT binary patch", "literal 12", "Only in a: b",
    "Submodule s 1234567..abcdef0:", "Property changes on: x", "## -0,0 +1 ##", "Subject: x",
    "commit 1234567", "From x Mon Sep 17 00:00:00 2001",
    "Content-Transfer-Encoding: base64", "Content-Type: multipart/mixed; boundary=a", "--a", "-- ", "---",
    "\\ No newline at end of file", "\x1b[32m+x\x1b[m", "+x", "-x", " x", "", "[-a-]{+b+}", "***************",
)  # fmt: skip
PASSED = {"symbolic link", "its properties are not reviewed"}
"""Reasons for which a new line may pass a gate, named."""
LINES = st.one_of(st.sampled_from(HEADS), st.text(max_size=12))


def diff_of(name: str, old: Sequence[str], new: Sequence[str], context: int) -> list[str]:
    """A diff of one file, as git writes it."""
    body = [*difflib.unified_diff(old, new, f"a/{name}\t", f"b/{name}\t", n=context, lineterm="")]
    return [f"diff --git a/{name} b/{name}", "index 1111111..2222222 100644", *body] if body else []


def error_of(text: str) -> str | None:
    """The error that a text gives; None if it is read."""
    try:
        read_diff(text)
    except InputError as error:
        return str(error)
    return None


def read(text: str) -> tuple[Counter[str], list[Skipped]]:
    """The new lines that are reviewed, and what is named; an error names all of a text."""
    if error := error_of(text):
        assert error.startswith("diff is not a unified diff: ")
        assert len(error) < 300
        assert "\n" not in error
        return Counter(), [Skipped(path="", reason=error, uncovered=True)]
    changes, skipped = read_diff(text)
    new = Counter(line for c in changes for hunk in c.hunks for n, line in hunk.items() if n in {*c.added})
    return new, skipped


@given(
    st.lists(LINES, max_size=40),
    st.sampled_from(["\n", "\r\n"]),
    st.dictionaries(NAMES, st.text(max_size=30)),
)
@fuzzed
def test_any_text_gives_a_result_or_one_clear_error(
    lines: list[str], end: str, files: dict[str, str]
) -> None:
    """Whatever is written, no other exception arises, and what is left in a diff has the same lines."""
    text = end.join(lines)
    if error_of(text):
        return
    parts, _ = parts_under_review(files, text)
    assert all(part.path and part.changed for part in parts)
    rest, _ = without(text, lambda paths: False)
    assert read(rest)[0] == read(text)[0]


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda octets: octets.decode(errors="surrogateescape"))
)
@fuzzed
def test_text_that_is_no_diff_is_no_surprise(text: str) -> None:
    """Bytes that are not UTF-8, controls and separators included."""
    read(text)


@given(NAMES, CODE, CODE, st.integers(0, 3), st.data())
@fuzzed
def test_a_damaged_diff_loses_no_new_line_in_silence(
    name: str, old: list[str], new: list[str], context: int, data: st.DataObject
) -> None:
    """A line is taken out, put in, doubled or cut off: each new line is reviewed, or something is named."""
    lines = diff_of(name, old, new, context) + diff_of("second.py", ["a"], ["b"], context)
    place = data.draw(st.integers(0, len(lines) - 1))
    damage: Callable[[], list[str]] = data.draw(
        st.sampled_from(
            [
                lambda: lines[:place] + lines[place + 1 :],
                lambda: [*lines[:place], lines[place], *lines[place:]],
                lambda: [*lines[:place], data.draw(LINES), *lines[place:]],
                lambda: lines[:place],
                lambda: lines[place:],
            ]
        )
    )
    damaged = "\n".join(damage()).split("\n")
    reviewed, named = read("\n".join([*damaged, ""]))
    if not any(item.uncovered or item.reason in PASSED for item in named):
        written = Counter(
            line[1:].rstrip("\r")
            for before, line in zip(["", *damaged], damaged, strict=False)
            if line.startswith("+") and not (line.startswith("+++ ") and before.startswith("--- "))
        )
        assert written - reviewed == Counter()


@given(
    st.lists(st.tuples(NAMES, CODE, CODE), min_size=1, max_size=4, unique_by=lambda item: item[0]),
    st.integers(0, 3),
)
@fuzzed
def test_a_whole_diff_is_read_whole(files: list[tuple[str, list[str], list[str]]], context: int) -> None:
    """The numbers of new lines are those of the file after the change, and nothing is left over."""
    text = "".join(f"{line}\n" for item in files for line in diff_of(*item, context))
    parts, skipped = parts_under_review(
        {name: "".join(f"{line}\n" for line in new) for name, _, new in files}, text
    )
    assert not any(item.uncovered for item in skipped)
    assert {item.reason for item in skipped} <= {"no line is new"}
    for part in parts:
        (new,) = (new for name, _, new in files if name == part.path)
        assert part.whole
        assert part.text == "".join(f"{line}\n" for line in new)


HEADER = "--- a/x.py\n+++ b/x.py\n"


@pytest.mark.parametrize(
    "text",
    [
        "diff --git " + " a" * 250_000,
        ("diff --git a/" + " " * 4000 + "b\n") * 60,
        ("Binary files " + " and " * 1600 + " differ\n") * 60,
        ("--- a" + " " * 8000 + "\n+++ b\n@@ -1 +1 @@\n-a\n+b\n") * 60,
        ('--- "' + '\\"' * 4000 + "\n+++ b\n@@ -1 +1 @@\n-a\n+b\n") * 60,
        HEADER + "@@ -1,999999999 +1,999999999 @@\n" + " x\n" * 150_000,
        HEADER + "@@ -1 +1 @@\n" * 40_000,
        "".join(f"{HEADER}@@ -{n} +{n} @@\n-a\n+b\n" for n in range(1, 10_000)),
        "".join(f"--- o{n}/x\n+++ n{n}/x\n@@ -1 +1 @@\n-a\n+b\nOnly in o{n}: y\n" for n in range(5000)),
        "+x\ncommit 1234567\n" * 25_000,
        "[-" * 250_000,
        "\x1b[" + ";" * 500_000,
        "".join(
            f'Content-Transfer-Encoding: base64\nContent-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n'
            for n in range(5000)
        ),
    ],
    ids=["names", "spaces", "and", "times", "quotes", "announced", "hunks", "often", "only", "places",
         "words", "colour", "mails"],
)  # fmt: skip
def test_a_hostile_diff_takes_bounded_time(text: str) -> None:
    """Half a megabyte of what a pattern could stumble over, in seconds of this process."""
    start = time.process_time()
    if error_of(text) is None:
        parts, skipped = parts_under_review({"x.py": "b\n" * 10_000}, text)
        assert len(parts) + len(skipped) <= text.count("\n") + 1
    assert time.process_time() - start < 5
