"""Unified diffs: which lines are new, and which parts are reviewed."""

from collections.abc import Sequence

import pytest

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.text.diff import parts_under_review, ranges, read_diff
from langgraph_parallel.records import Lines, Part

MODIFIED = """\
diff --git a/app.py b/app.py
index 1111111..2222222 100644
--- a/app.py
+++ b/app.py
@@ -1,3 +1,4 @@ def head():
 one
-two
+TWO
+new
 three
@@ -10,2 +11,3 @@
 ten
+added
 eleven
"""
AFTER = "one\nTWO\nnew\nthree\n" + "".join(f"{n}\n" for n in range(5, 11)) + "ten\nadded\neleven\nrest\n"
ADDED = """\
diff --git a/new.py b/new.py
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+a
+b
"""
DELETED = """\
diff --git a/old.py b/old.py
deleted file mode 100644
index 4444444..0000000
--- a/old.py
+++ /dev/null
@@ -1,2 +0,0 @@
-a
-b
"""
RENAMED = """\
diff --git a/before.py b/after.py
similarity index 80%
rename from before.py
rename to after.py
index 5555555..6666666 100644
--- a/before.py
+++ b/after.py
@@ -1,2 +1,2 @@
 a
-b
+B
"""
ONLY_RENAMED = """\
diff --git a/before.py b/after.py
similarity index 100%
rename from before.py
rename to after.py
"""
BINARY = """\
diff --git a/logo.png b/logo.png
index 7777777..8888888 100644
Binary files a/logo.png and b/logo.png differ
"""
ONLY_REMOVES = """\
--- a/less.py
+++ b/less.py
@@ -1,3 +1,2 @@
 a
-b
 c
"""
NO_NEWLINE = """\
--- a/end.py
+++ b/end.py
@@ -1 +1,2 @@
-a
\\ No newline at end of file
+a
+b
\\ No newline at end of file
"""


def shown(parts: Sequence[Part]) -> list[tuple[str, int, str, bool, list[str]]]:
    """Return parts as plain values: path, first line, text, whether whole, changed ranges."""
    return [
        (part.path, part.first, part.text, part.whole, [str(lines) for lines in part.changed or []])
        for part in parts
    ]


def reviewed(diff: str, **files: str) -> list[tuple[str, int, str, bool, list[str]]]:
    """Return the parts to review; keywords are the available files: `app` for `app.py`."""
    parts, _ = parts_under_review({f"{name}.py": text for name, text in files.items()}, diff)
    return shown(parts)


def left_out(diff: str) -> list[tuple[str, str]]:
    """Return the files of a diff without a line to review, and why."""
    _, skipped = read_diff(diff)
    return [(item.path, item.reason) for item in skipped]


def test_an_available_file_is_reviewed_whole_with_its_changes_marked() -> None:
    """All hunks match the file, so it is one part, and its new lines are the changed ranges."""
    assert reviewed(MODIFIED, app=AFTER) == [("app.py", 1, AFTER, True, ["2-3", "12"])]


def test_a_file_that_is_not_available_is_reviewed_in_fragments() -> None:
    """Each hunk is a part, with the line numbers of the file after the change."""
    assert reviewed(MODIFIED) == [
        ("app.py", 1, "one\nTWO\nnew\nthree\n", False, ["2-3", "12"]),
        ("app.py", 11, "ten\nadded\neleven\n", False, ["2-3", "12"]),
    ]


@pytest.mark.parametrize(
    "other",
    [AFTER.replace("TWO", "two"), AFTER.replace("eleven", "11"), "extra\n" + AFTER, "one\nTWO\n", ""],
    ids=["changed-line", "context", "shifted", "cut", "empty"],
)
def test_a_file_that_differs_from_the_diff_is_reviewed_in_fragments(other: str) -> None:
    """Line numbers of another version of the file would mislead, so the hunks are reviewed instead."""
    assert [whole for _, _, _, whole, _ in reviewed(MODIFIED, app=other)] == [False, False]


def test_lines_of_a_fragment_are_found_by_their_number() -> None:
    """The lines and changes of a fragment have the numbers of the file."""
    parts, _ = parts_under_review({}, MODIFIED)
    assert (parts[1].line(12), str(parts[1].span)) == ("added", "11-13")
    assert parts[1].under_review(Lines(first=12, last=12))
    assert not parts[1].under_review(Lines(first=11, last=11))


def test_a_new_file_is_changed_in_all_of_its_lines() -> None:
    """Whether the file is available or not."""
    assert reviewed(ADDED) == [("new.py", 1, "a\nb\n", False, ["1-2"])]
    assert reviewed(ADDED, new="a\nb\n") == [("new.py", 1, "a\nb\n", True, ["1-2"])]


def test_a_renamed_file_has_its_new_name() -> None:
    """The part has the path after the change."""
    assert reviewed(RENAMED, after="a\nB\n") == [("after.py", 1, "a\nB\n", True, ["2"])]


@pytest.mark.parametrize(
    ("diff", "path", "reason"),
    [
        (DELETED, "old.py", "deleted"),
        (BINARY, "logo.png", "binary"),
        (ONLY_REMOVES, "less.py", "no line is new"),
        (ONLY_RENAMED, "after.py", "no line is new"),
    ],
    ids=["deleted", "binary", "only-removes", "only-renamed"],
)
def test_a_file_without_a_new_line_is_skipped_with_the_reason(diff: str, path: str, reason: str) -> None:
    """It is reported, and has no part to review."""
    assert left_out(diff) == [(path, reason)]
    assert reviewed(diff) == []


def test_a_hunk_that_only_removes_gives_no_fragment() -> None:
    """Another hunk of the same file gives one."""
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1 @@\n a\n-b\n@@ -8 +7,2 @@\n h\n+i\n"
    assert reviewed(diff) == [("x.py", 7, "h\ni\n", False, ["8"])]


def test_a_file_that_does_not_end_with_a_newline_is_the_same_file() -> None:
    """The marker `No newline at end of file` is not a line."""
    assert reviewed(NO_NEWLINE, end="a\nb") == [("end.py", 1, "a\nb", True, ["1-2"])]
    assert [text for _, _, text, _, _ in reviewed(NO_NEWLINE)] == ["a\nb\n"]


def test_the_files_of_one_diff_are_separated() -> None:
    """They are in the order of the diff when read, and by path when reviewed; skipped files are separate."""
    changes, skipped = read_diff(MODIFIED + DELETED + ADDED + BINARY)
    assert [change.path for change in changes] == ["app.py", "new.py"]
    assert [item.path for item in skipped] == ["old.py", "logo.png"]
    parts, _ = parts_under_review({"app.py": AFTER}, ADDED + MODIFIED)
    assert [part.path for part in parts] == ["app.py", "new.py"]


def test_a_diff_without_git_headers_is_read() -> None:
    """`diff -u` writes such diffs, with times after the names."""
    diff = "--- x.py\t2024-01-01 00:00:00\n+++ x.py\t2024-01-02 00:00:00\n@@ -1 +1 @@\n-a\n+b\n"
    assert reviewed(diff, x="b\n") == [("x.py", 1, "b\n", True, ["1"])]


def test_form_feeds_and_separators_shift_no_line() -> None:
    """Only line feeds end a line of a diff."""
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n a\n+b\fc\u2028d\x85e\n"
    assert reviewed(diff, x="a\nb\fc\u2028d\x85e\n")[0][3:] == (True, ["2"])


def test_windows_line_ends_in_the_file_are_not_a_difference() -> None:
    """Git shows carriage returns as part of the lines."""
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n a\r\n+b\r\n"
    assert reviewed(diff, x="a\r\nb\r\n") == [("x.py", 1, "a\r\nb\r\n", True, ["2"])]


def test_a_diff_with_windows_line_ends_throughout_names_its_files() -> None:
    """A diff saved on Windows also has carriage returns after the names."""
    assert [path for path, *_ in reviewed(ADDED.replace("\n", "\r\n"))] == ["new.py"]


def test_a_quoted_path_is_unquoted() -> None:
    """By default git quotes names outside of ASCII, as octal bytes of UTF-8."""
    name = '"{}/caf\\303\\251.py"'
    diff = f"--- {name.format('a')}\n+++ {name.format('b')}\n@@ -1 +1 @@\n-a\n+b\n"
    assert [path for path, *_ in reviewed(f"diff --git {name.format('a')} {name.format('b')}\n{diff}")] == [
        "café.py"
    ]


def test_a_path_with_spaces_is_read_whole() -> None:
    """Git adds a tab after such names."""
    diff = "diff --git a/my app.py b/my app.py\n--- a/my app.py\t\n+++ b/my app.py\t\n@@ -1 +1 @@\n-a\n+b\n"
    assert [path for path, *_ in reviewed(diff)] == ["my app.py"]


def test_a_blank_line_that_the_file_lacks_is_a_difference() -> None:
    """The empty text after the last newline is not a line."""
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n a\n+\n"
    assert reviewed(diff, x="a\n\n") == [("x.py", 1, "a\n\n", True, ["2"])]
    assert [whole for _, _, _, whole, _ in reviewed(diff, x="a\n")] == [False]


@pytest.mark.parametrize("empty", ["", "\n", "  \n"])
def test_an_empty_diff_changes_nothing(empty: str) -> None:
    """It is a valid diff without files."""
    assert read_diff(empty) == ([], [])
    assert parts_under_review({"app.py": "x\n"}, empty) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "def f():\n    return 1\n",
        "@@ -1 +1 @@\n-a\n+b\n",
        "--- a/x.py\n+++ b/x.py\n@@ -1 +1,5 @@\n a\n+b\n",
        "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n*a\n",
    ],
    ids=["prose", "code", "no-file", "cut-hunk", "bad-line"],
)
def test_text_that_is_not_a_diff_is_rejected(text: str) -> None:
    """The error says so in the same words, whatever the library says."""
    with pytest.raises(InputError, match="not a unified diff"):
        read_diff(text)


def test_without_a_diff_whole_files_are_reviewed() -> None:
    """They are in the order of their paths, with every line under review."""
    parts, skipped = parts_under_review({"b.py": "b\n", "a.py": "a\n"}, None)
    assert parts == [Part(path="a.py", text="a\n"), Part(path="b.py", text="b\n")]
    assert skipped == []
    assert parts[0].under_review(Lines(first=1, last=1))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([5], ["5"]), ([3, 1, 2, 7, 7], ["1-3", "7"]), ([2, 4], ["2", "4"])],
    ids=["none", "one", "unsorted", "apart"],
)
def test_line_numbers_become_ranges(numbers: list[int], expected: list[str]) -> None:
    """Consecutive numbers are one range; order and repetition do not matter."""
    assert [str(lines) for lines in ranges(numbers)] == expected
