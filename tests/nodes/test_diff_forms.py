"""Diffs as settings and programs make them: every new line is read, or its place is named."""

import base64
import quopri

import pytest

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.text.diff import parts_under_review, read_diff, without

HUNK = "@@ -1,2 +1,2 @@ class A:\n one\n-two\n+TWO\n"
PLAIN = f"diff --git a/app.py b/app.py\nindex 1111111..2222222 100644\n--- a/app.py\n+++ b/app.py\n{HUNK}"
OTHER = (
    "diff --git a/logo.png b/logo.png\nindex 1111111..2222222 100644\n"
    "Binary files a/logo.png and b/logo.png differ\n"
)
IN_SUBMODULE = "submodule at another commit: its code is not in the diff"
ESC = "\x1b["


def added(text: str) -> list[tuple[str, list[int]]]:
    """The paths of a diff with the numbers of their new lines."""
    changes, _ = read_diff(text)
    return [(change.path, change.added) for change in changes]


def uncovered(text: str) -> list[tuple[str, str, str]]:
    """What of a diff could not be read: path, lines, reason."""
    _, skipped = read_diff(text)
    return [(item.path, str(item.lines or ""), item.reason) for item in skipped if item.uncovered]


def coloured(text: str, *, plus: str = "32", meta: str = "1", context: str = "") -> str:
    """A diff in colours, as git writes it."""
    lines = []
    for line in text.splitlines():
        if line.startswith(("diff ", "index ", "--- ", "+++ ")):
            line = f"{ESC}{meta}m{line}{ESC}m"
        elif line.startswith("@@"):
            start, _, rest = line.rpartition("@@")
            line = f"{ESC}36m{start}@@{ESC}m{rest}"
        elif line.startswith("+"):
            line = f"{ESC}{plus}m+{ESC}m{ESC}{plus}m{line[1:]}{ESC}m"
        elif line.startswith("-"):
            line = f"{ESC}31m{line}{ESC}m"
        elif context:
            line = f"{ESC}{context}m{line}{ESC}m"
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        coloured(PLAIN),
        coloured(PLAIN, plus="1;36", meta="1;33"),
        coloured(PLAIN, context="2"),
        coloured(PLAIN, plus="38;5;28", meta="38:2::1:2:3"),
        coloured(PLAIN).replace("\n", "\r\n"),
        coloured(PLAIN).replace("m\n", f"m{ESC}K\n"),
        coloured(PLAIN).replace(f"TWO{ESC}m", f"TWO{ESC}m{ESC}41m"),
        coloured(PLAIN, plus=""),
        coloured("commit 1234567\nAuthor: A <a@b>\n\n    Say why\n\n" + PLAIN),
        coloured(PLAIN) + coloured(OTHER),
    ],
    ids=["git", "other", "context", "many", "windows", "erase", "space", "reset", "log", "binary"],
)
def test_colours_are_no_part_of_a_diff(text: str) -> None:
    """They come from `color.ui = always`, `colorMoved`, highlighted spaces, or a program in a pipe."""
    assert added(text) == [("app.py", [2])]
    assert uncovered(text) == []
    assert "\x1b" not in without(text, lambda paths: False)[0]


def test_escapes_of_a_file_stay_in_its_lines() -> None:
    """Without colours the diff is taken as it is."""
    text = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n \x1b[1mdiff\n+\x1b[31mred\x1b[m\n"
    parts, _ = parts_under_review({"x.py": "\x1b[1mdiff\n\x1b[31mred\x1b[m\n"}, text)
    assert [(part.whole, part.text) for part in parts] == [(True, "\x1b[1mdiff\n\x1b[31mred\x1b[m\n")]


def with_prefixes(old: str, new: str, name: str = "pkg/app.py") -> str:
    """A diff with other prefixes than a/ and b/."""
    names = f"--- {old}{name}\n+++ {new}{name}\n"
    return f"diff --git {old}{name} {new}{name}\nindex 1111111..2222222 100644\n{names}{HUNK}"


@pytest.mark.parametrize(
    ("old", "new"),
    [("a/", "b/"), ("i/", "w/"), ("c/", "i/"), ("c/", "w/"), ("o/", "w/"), ("w/", "i/"), ("1/", "2/"),
     ("", ""), ("old/", "newer/"), ("x.", "y."), ("before/v1/", "after/v2/")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["pkg/app.py", "a/b/app.py", "docs b/x.py", "b/b/b.py", "ü y/z.py"])
def test_prefixes_are_seen_from_the_names(old: str, new: str, name: str) -> None:
    """Of `diff.mnemonicPrefix`, `diff.noprefix`, `--src-prefix`; also for files that are only on one side."""
    expected = name if "." not in old else f"{new}{name}"
    texts = [with_prefixes(old, new, name)]
    if "v1" not in old:  # without names of their own such prefixes cannot be told from folders
        head = f"diff --git {old}{name} {new}{name}\n"
        texts.append(f"{head}new file mode 100644\n--- /dev/null\n+++ {new}{name}\n@@ -0,0 +1,2 @@\n+x\n+y\n")
    if expected == name:
        assert [path for text in texts for path, _ in added(text)] == [name] * len(texts)
    assert [item for text in texts for item in uncovered(text)] == []


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("+++ b/docs b/x.py\t", "docs b/x.py"),
        ('+++ "b/caf\\303\\251 \\"q\\".py"', 'café "q".py'),
        ('+++ "b/tab\\there.py"', "tab\there.py"),
        ('+++ "b/back\\\\slash.py"', "back\\slash.py"),
        ('+++ "b/line\\nfeed.py"', "line\nfeed.py"),
        ('+++ "b/odd\\x.py"', "odd\\x.py"),
        ("+++ b/ümlaut.py", "ümlaut.py"),
        ("+++ b/trailing .py \t", "trailing .py "),
        ("+++ b/x.py\t2024-01-01 00:00:00.000000000 +0000", "x.py"),
        ("+++ b/x.py  2024-01-01 00:00:00.000000000 +0000", "x.py"),
        ("+++ b/x.py\tThu Jan 01 00:00:00 1970 +0000", "x.py"),
        ("+++ b/x.py\t(working copy)", "x.py"),
        ("+++ b/日本/語.py", "日本/語.py"),
    ],
)
def test_names_are_read_as_their_program_writes_them(line: str, path: str) -> None:
    """With quotes, escapes, spaces, and times or revisions after them."""
    assert added(f"--- a/{line.removeprefix('+++ b/')}\n{line}\n{HUNK}" if '"' not in line else (
        f"{line.replace('+++', '---').replace('b/', 'a/', 1)}\n{line}\n{HUNK}"
    )) == [(path, [2])]  # fmt: skip


@pytest.mark.parametrize("name", ["docs b/x.bin", "a b/c b/d", "x y", "ü b/ü.bin"])
@pytest.mark.parametrize(("old", "new"), [("a/", "b/"), ("", ""), ("i/", "w/")])
def test_a_name_with_b_is_found_without_other_lines(name: str, old: str, new: str) -> None:
    """A file of which only the mode changes has its name in one line, twice."""
    _, skipped = read_diff(f"diff --git {old}{name} {new}{name}\nold mode 100644\nnew mode 100755\n{PLAIN}")
    assert [(item.path, item.reason) for item in skipped] == [(name, "no line is new")]


MERGE = (
    "diff --cc app.py\nindex 1111111,2222222..3333333\n--- a/app.py\n+++ b/app.py\n"
    "@@@ -1,3 -1,2 +1,3 @@@\n  one\n- two\n -zwei\n++both\n +theirs\n"
)


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (MERGE, [2, 3]),
        (coloured(MERGE), [2, 3]),
        (MERGE.replace("--cc", "--combined"), [2, 3]),
        (MERGE.replace("--- a/app.py\n", "--- a/app.py\n--- a/app.py\n"), [2, 3]),
        ("commit 1234567\nMerge: 1 2\n\n    Merge\n\n" + MERGE, [2, 3]),
        ("diff --cc x\nindex 1,2,3..4\n--- a/x\n+++ b/x\n@@@@ -1 -1 -1 +1,2 @@@@\n   a\n+++b\n", [2]),
    ],
)
def test_a_merge_has_a_column_for_each_parent(text: str, new: list[int]) -> None:
    """A line is new if it is so for any parent, and gone if it is so for any."""
    assert [numbers for _, numbers in added(text)] == [new]
    assert uncovered(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "@@ -1,2 +1,2 @@\none\n[-two-]{+TWO+}\n",
        "@@ -1,2 +1,2 @@\n    one\n    [-two-]{+TWO+}\n",
        "@@ -1,2 +1,2 @@\n one\n~\n-two\n+TWO\n~\n",
        f"{ESC}36m@@ -1,2 +1,2 @@{ESC}m\n    one\n    {ESC}31mtwo{ESC}m{ESC}32mTWO{ESC}m\n",
        "@@ -1,2 +1,2 @@\n one\n<two\n>TWO\n",
        "@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n",
        "@@ -1,2 +1,1 @@\n one\n-two\n+TWO\n",
        "@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n+more\n",
        "@@ -1,2 +1,2 @@\n one\n two\n",
        "@@ -1,2 +0,2 @@\n one\n-two\n+TWO\n",
        "@@ -1,2 +1,2 @@ \n one\n-two\n+TWO\n+++ b/evil.py\n",
        "*** 1,2 ****\n  one\n! two\n--- 1,2 ----\n  one\n! TWO\n",
        "2c2\n< two\n---\n> TWO\n",
        "@@ -1,2 +1,2 @@\n one\n-two\n",
    ],
    ids=["words", "indented", "porcelain", "colour-words", "indicators", "short", "shorter", "long",
         "unmarked", "zero", "names", "context", "normal", "cut"],
)  # fmt: skip
@pytest.mark.parametrize("beside", [OTHER, PLAIN.replace("app", "other")], ids=["binary", "text"])
def test_what_is_not_understood_is_named(text: str, beside: str) -> None:
    """Beside something that is understood it has its place; alone it is an error."""
    broken = f"diff --git a/app.py b/app.py\nindex 1..2 100644\n--- a/app.py\n+++ b/app.py\n{text}"
    for whole in (broken + beside, beside + broken):
        named = uncovered(whole)
        assert named
        assert {path for path, _, _ in named} == {"app.py"}
        assert "of the diff not understood" in named[0][2]


@pytest.mark.parametrize(
    "between",
    ["hello\n", "+evil()\n", "  context\n", "=== done ===\nx\n", "@@ -9 +9 @@\n-a\n", "evil(1)\n",
     "--- a/x\n", "> quoted\n", "diff\n", "modified: x.py\n"],
)  # fmt: skip
def test_text_between_files_is_named(between: str) -> None:
    """Nothing is dropped without a word; what belongs to a commit or a mail is known."""
    assert len(uncovered(PLAIN + between + OTHER)) == 1
    assert added(PLAIN + between + OTHER) == [("app.py", [2])]


@pytest.mark.parametrize(
    "before",
    [
        "commit 1234567890 (HEAD -> main)\nAuthor: A <a@b>\nDate:   now\n\n    - bullet\n    + bullet\n\n",
        "1234567 Say why\n",
        "From 1234567890 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] x\n\n- one\n+ two\n---\n"
        " app.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\n",
        "# HG changeset patch\n# User a\n# Date 0 0\n# Node ID 12\nSay why\n\n- bullet\n",
        "changeset:   1:1234567890ab\nuser: a\nsummary: x\n\n",
        "Index: app.py\n===================================================================\n",
        ":100644 100644 1111111 2222222 M\tapp.py\n\n",
        "1\t1\tapp.py\n\n",
        "tag v1\nTagger: a\n\nsay\n- bullet\n\ncommit 1234567\n\n    x\n\n",
        "=== modified file 'app.py'\n",
        " create mode 100644 x.py\n rename a => b (90%)\n",
    ],
)
@pytest.mark.parametrize("first", ["", PLAIN.replace("app", "first")], ids=["first", "later"])
def test_messages_and_headers_are_known(before: str, first: str) -> None:
    """Of logs, mails, patches of a distribution, and other version control systems; also between files."""
    assert uncovered(first + before + PLAIN) == []
    assert added(first + before + PLAIN)[-1] == ("app.py", [2])


def test_a_header_is_at_the_beginning_and_a_footer_at_the_end() -> None:
    """What a distribution says of its patch, and what ends a mail; elsewhere such lines may be anything."""
    header = "Description: fix\n - bullet\nAuthor: A <a@b>\n---\nThis patch header follows DEP-3\n"
    footer = "-- \n2.39.5\n\n"
    assert uncovered(header + PLAIN + footer + OTHER) == []
    assert uncovered(PLAIN + header + OTHER)
    assert len(uncovered(footer + PLAIN)) == 1
    assert len(uncovered(PLAIN + footer + "+evil()\n" + OTHER)) == 1


def test_text_before_the_first_file_is_a_description_unless_it_may_be_a_change() -> None:
    """A patch may start with prose, which is named; the rest of a hunk there is text that was not read."""
    _, skipped = read_diff(f"Makes it work.\n\n{PLAIN}")
    assert [(str(item.lines), item.uncovered) for item in skipped] == [("1", False)]
    assert uncovered(f" context\n+evil()\n context\n{PLAIN}") == [("<diff>", "2", "not understood")]


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_mails_are_decoded(encoding: str) -> None:
    """Also in one mailbox with a mail that is not encoded."""
    head = "From 1234567 Mon Sep 17 00:00:00 2001\nSubject: x\n"
    body = PLAIN.replace("TWO", "x = 'ü'" + "y" * 90)
    octets = quopri.encodestring(body.encode()) if encoding != "base64" else base64.encodebytes(body.encode())
    mime = f"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: {encoding}\n\n"
    text = f"{head}{mime}{octets.decode()}\n{head}\n{PLAIN.replace('app', 'other')}"
    changes, skipped = read_diff(text)
    assert [change.path for change in changes] == ["app.py", "other.py"]
    assert changes[0].hunks[0][2] == "x = 'ü'" + "y" * 90
    assert not any(item.uncovered for item in skipped)


@pytest.mark.parametrize(
    ("text", "reason", "fails"),
    [
        (OTHER, "binary", False),
        (OTHER.replace("logo.png", "app.py"), "binary", True),
        ("diff -r 1 logo.png\nBinary file logo.png has changed\n", "binary", False),
        ("Binary files o/a and b.png and n/a and b.png differ\n", "binary", False),
        ("Index: logo.png\n=====================\nCannot display: file marked as a binary type.\n"
         "svn:mime-type = x\n", "binary", False),
        ("diff --git a/a.bin b/a.bin\nindex 1111..2222 100644\nGIT binary patch\nliteral 3\nKcmZQzzzzzz\n\n"
         "literal 2\nJcmZQzzzz\n\n", "binary", False),
        ("diff --git a/s b/s\nindex 1111..2222 160000\n--- a/s\n+++ b/s\n@@ -1 +1 @@\n-Subproject commit 1\n"
         "+Subproject commit 2\n", IN_SUBMODULE, False),
        ("Submodule s 1234567..abcdef0:\n  > Say why\n", IN_SUBMODULE, False),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+a.py\n"
         "\\ No newline at end of file\n", "symbolic link", False),
        ("--- a/big.psd\n+++ b/big.psd\n@@ -1,2 +1,2 @@\n version https://git-lfs.github.com/spec/v1\n"
         "-oid sha256:1\n+oid sha256:2\n", "Git LFS pointer: its content is not in the diff", False),
        ("Only in new: x.py\n", "the diff says that it is new, and does not show it", True),
        ("Files old/x.py and new/x.py differ\n", "the diff says that it differs, and not how", True),
        ("diff --git a/x b/x\nindex 1111..2222 100644\n", "its change is missing in the diff", True),
        ("diff --git a/x b/x\n", "its change is missing in the diff", True),
        ("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n", "no line is new", False),
        ("Property changes on: x.py\n____________________\nAdded: svn:executable\n## -0,0 +1 ##\n+*\n"
         "\\ No newline at end of property\n", "its properties are not reviewed", False),
    ],
)  # fmt: skip
def test_files_without_lines_are_named(text: str, reason: str, fails: bool) -> None:
    """Where a diff keeps code back, that is text which was not read."""
    _, skipped = read_diff(text + PLAIN)
    assert [(item.reason, item.uncovered) for item in skipped] == [(reason, fails)]
    assert added(text + PLAIN) == [("app.py", [2])]


def test_what_is_only_in_the_folder_before_is_deleted() -> None:
    """The other files of the comparison say which folder that is."""
    compared = f"diff -ru old/x.py new/x.py\n--- old/x.py\n+++ new/x.py\n{HUNK}"
    text = f"Only in old/sub: gone.py\n{compared}Only in new: y.py\n"
    _, skipped = read_diff(text)
    assert [(item.path, item.uncovered) for item in skipped] == [
        ("old/sub/gone.py", False),
        ("new/y.py", True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "known", "path"),
    [
        ("orig/src/x.py", "work/src/x.py", "src/x.py", "src/x.py"),
        ("orig/src/x.py", "work/src/x.py", "work/src/x.py", "work/src/x.py"),
        ("pkg-1.0.orig/x.py", "pkg-1.0/x.py", "x.py", "x.py"),
        ("/tmp/a/proj/src/x.py", "/home/me/proj/src/x.py", "src/x.py", "src/x.py"),
        ("x.py.orig", "x.py", "x.py", "x.py"),
        ("old/proj/x.py", "new/proj/x.py", "x.py", "x.py"),
        ("a/x.py", "b/x.py", "other.py", "x.py"),
    ],
)
def test_names_are_matched_with_files_that_fit(old: str, new: str, known: str, path: str) -> None:
    """Programs that compare folders write the folders they were given; the file tells how many to drop."""
    parts, _ = parts_under_review({known: "one\nTWO\n"}, f"--- {old}\n+++ {new}\n{HUNK}")
    assert [(part.path, part.whole) for part in parts] == [(path, known == path)]


def test_a_file_that_comes_several_times_is_one() -> None:
    """In a log each commit has its own hunks: those that are in the file now are read there, once."""
    older = PLAIN.replace(HUNK, "@@ -3 +3,2 @@\n three\n+four\n")
    gone = PLAIN.replace(HUNK, "@@ -1 +1 @@\n-zero\n+uno\n")
    parts, _ = parts_under_review({"app.py": "one\nTWO\nthree\nfour\n"}, PLAIN + older + gone)
    shown = [(part.whole, part.text, [str(lines) for lines in part.changed or []]) for part in parts]
    assert shown == [(True, "one\nTWO\nthree\nfour\n", ["2", "4"]), (False, "uno\n", ["1"])]


def test_bytes_that_are_not_utf8_are_named_with_their_lines() -> None:
    """The rest of the file is read."""
    text = "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,2 @@\n+a\n+" + b"\xe9".decode(errors="surrogateescape") + "\n"
    assert uncovered(text) == [("x.py", "2", "not UTF-8 text")]
    assert added(text) == [("x.py", [1, 2])]


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("*** a.py\n--- b.py\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n", "a context diff"),
        ("1c1\n< a\n---\n> b\n", "a diff without -u"),
        (" app.py | 2 +-\n 1 file changed\n", "a summary"),
        ("* 1234567 Say\n| diff --git a/x b/x\n", "a log with a graph"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n{+a+}\n", "a diff by words"),
    ],
)
def test_an_error_says_what_the_text_may_be(text: str, likely: str) -> None:
    """And what to pass instead."""
    with pytest.raises(InputError, match=f"it looks like {likely}.*; pass the output of `git diff`"):
        read_diff(text)


def test_what_is_left_of_a_diff_has_the_same_line_numbers() -> None:
    """Files are taken out whole; what is not understood stays where it is."""
    rest, names = without(PLAIN + "hello\n" + OTHER, lambda paths: "logo.png" in paths)
    assert names == ["logo.png"]
    assert read_diff(rest)[1] == read_diff(PLAIN + "hello\n")[1]
    assert rest.count("\n") == (PLAIN + "hello\n" + OTHER).count("\n")
