"""Code in a message: every form of a fence, diffs, files, and nothing but code; no line is lost silently."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.review.pasted import CODE_FROM_MESSAGES, read_pasted
from tests.support.ids import readable

DIFF = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
PROGRAM = (
    'def show(name):\n    """Show a name.\n\n    ```\n    show("x")\n    ```\n    """\n    return name\n'
)


def files_in(*content: object) -> dict[str, str]:
    """Return the files that a review gets from a message."""
    read: dict[str, str] = CODE_FROM_MESSAGES.read([HumanMessage([*content])])["files"]  # type: ignore[list-item]
    return read


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("```python\nx = 1\n```", {"pasted.py": "x = 1\n"}),
        ("~~~~ js\nlet x = 1;\n~~~~", {"pasted.js": "let x = 1;\n"}),
        ("```\nimport os\n```", {"pasted.py": "import os\n"}),
        ("```\nall is well\n```", {"pasted.txt": "all is well\n"}),
        ("```python\nx = 1", {"pasted.py": "x = 1"}),
        ("```py\na = 1\n```\nand\n```py\nb = 2\n```", {"pasted.py": "a = 1\n", "pasted-2.py": "b = 2\n"}),
        ("```zig\nconst x = 1;\n```", {"pasted.zig": "const x = 1;\n"}),
        ('```ts title="src/a.ts"\nlet a;\n```', {"src/a.ts": "let a;\n"}),
        ('``` {.python filename="b.py"}\nb = 1\n```', {"b.py": "b = 1\n"}),
        ("```python:lib/c.py\nc = 1\n```", {"lib/c.py": "c = 1\n"}),
        ("```d.go\npackage d\n```", {"d.go": "package d\n"}),
        ("### `src/e.rb`\n\n```ruby\nputs 1\n```", {"src/e.rb": "puts 1\n"}),
        ("**f.py**\n```python\nf = 1\n```", {"f.py": "f = 1\n"}),
        ("File: ./g.py\n```\ng = 1\n```", {"g.py": "g = 1\n"}),
        ("In `h.py`, for example:\n```\nh = 1\n```", {"h.py": "h = 1\n"}),
        ("Dockerfile:\n```dockerfile\nFROM a\n```", {"Dockerfile": "FROM a\n"}),
        ("src\\i.py\n```\ni = 1\n```", {"src/i.py": "i = 1\n"}),
        ("- one\n\n  ```py\n  a = 1\n  ```\n", {"pasted.py": "a = 1\n"}),
        ("> ```py\n> a = 1\n> ```\n", {"pasted.py": "a = 1\n"}),
        ("    ```py\n    a = 1\n    ```\n", {"pasted.py": "a = 1\n"}),
        ("<details>\n```py\na = 1\n```\n</details>", {"pasted.py": "a = 1\n"}),
        ("````md\n# T\n```py\na = 1\n```\n````", {"pasted.md": "# T\n```py\na = 1\n```\n"}),
        ("```py\r\na = 1\r\n```\r\n", {"pasted.py": "a = 1\n"}),
        (
            "Look at this:\n\n    import os\n    os.getcwd()\n\nIs it fine?",
            {"pasted.py": "import os\nos.getcwd()\n"},
        ),
        ("Please review this.\n\ndef f(x):\n    return x\n", {"pasted.py": "def f(x):\n    return x\n"}),
        ("x = 1\nprint(x)", {"pasted.py": "x = 1\nprint(x)\n"}),
        (PROGRAM, {"pasted.py": PROGRAM}),
        ('{"a": [1]}', {"pasted.json": '{"a": [1]}\n'}),
        ("#!/usr/bin/env bash\nrm -rf $1\n", {"pasted.sh": "#!/usr/bin/env bash\nrm -rf $1\n"}),
        ("SELECT *\nFROM t\nWHERE id = 1;", {"pasted.sql": "SELECT *\nFROM t\nWHERE id = 1;\n"}),
    ],
    ids=readable,
)
def test_pasted_code_becomes_files(text: str, files: dict[str, str]) -> None:
    """Under the name that stands beside it, else under one by its language."""
    assert files_in(text) == files


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Is this good code?",
        "Note: x is 1",
        "Please review (carefully).",
        "What does a, b = c mean?",
        "- a\n- b",
    ],
)
def test_what_is_no_code_is_said(text: str) -> None:
    """With what to paste, and what there is besides."""
    with pytest.raises(InputError, match="has no code; paste it in a fenced block"):
        files_in(text)
    with pytest.raises(InputError, match=r"no code \(only image plan.png\)"):
        files_in(
            text,
            {"type": "image", "base64": "AA==", "mime_type": "image/png", "extras": {"name": "plan.png"}},
        )


@pytest.mark.parametrize(
    ("text", "around"),
    [
        (DIFF, 0),
        (f"```diff\n{DIFF}```", 0),
        (f"What do you think?\n\n{DIFF}", 1),
        (f"```\n{DIFF}```\nThanks!", 1),
    ],
    ids=readable,
)
def test_a_diff_is_reviewed_as_one(text: str, around: int) -> None:
    """With a fence or without, behind a sentence, or attached."""
    message = HumanMessage(text)
    assert CODE_FROM_MESSAGES.read([message]) == {"files": None, "diff": DIFF}
    said = ["1 line of text around the code"] if around else []
    assert CODE_FROM_MESSAGES.unread(message) == said
    block = {"type": "text-plain", "text": DIFF, "title": "a.patch", "mime_type": "text/x-diff"}
    assert CODE_FROM_MESSAGES.read([HumanMessage([block])])["diff"] == DIFF


def test_attached_files_and_pasted_ones_are_reviewed_together() -> None:
    """Two of one name are two files."""
    block = {"type": "text-plain", "text": "a = 1\n", "title": "a.py", "mime_type": "text/x-python"}
    assert files_in(block, "a.py\n```py\na = 2\n```") == {"a.py": "a = 1\n", "a-2.py": "a = 2\n"}


lines = st.sampled_from(
    [
        "",
        "x = 1",
        "def f(a):",
        "    return a",
        "A sentence of words.",
        "- item",
        "> quoted",
        "  indented",
        "#",
        "***",
    ]
)
texts = st.lists(lines | st.text(alphabet=" ab`~>-#\t\\", max_size=8), max_size=6)
marks = st.sampled_from(["```", "````", "~~~", "~~~~~", "``````"])


@given(texts, marks, st.sampled_from(["", "py", "js a.js", "{.go}"]), texts, texts)
def test_a_block_holds_what_was_pasted(
    before: list[str], mark: str, info: str, inside: list[str], after: list[str]
) -> None:
    """Whatever stands around it, as long as no mark of its own is in it."""
    before = [
        line
        for line in before
        if not line.strip(" >-\t").startswith(("```", "~~~")) and line[:1] not in " >-\t"
    ]
    inside = [line for line in inside if mark[:3] not in line]
    text = "\n".join([*before, "", f"{mark}{info}", *inside, mark, *after])
    pasted = read_pasted(text)
    joined = "".join(f"{line}\n" for line in inside)
    assert any(joined.strip() in content for _, _, content in pasted.files), text


@given(st.lists(lines | marks | st.text(alphabet=" ab`~>-#=(\t\\", max_size=10), max_size=14))
@example(["- ```", "x = 1", "- ```"])
@example(["```", "> x = 1", "```", "```"])
def test_no_line_is_lost_silently(given: list[str]) -> None:
    """Each line is in a file or a diff, marks a fence, or is counted as text around the code."""
    pasted = read_pasted("\n".join(given))
    reviewed = [line for _, _, text in pasted.files for line in text.split("\n")]
    reviewed += [line for text in pasted.diffs for line in text.split("\n")]
    kept = sum(bool(line.strip()) for line in reviewed)
    fences = sum(line.strip(" >-\t").startswith(("```", "~~~")) for line in given)
    said = sum(bool(line.strip()) for line in given)
    assert said - fences <= kept + pasted.around <= said
