"""Documents as texts, and the commands that read them."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.documents import DocumentReader, read_documents
from tests.cli.office import pdf
from tests.cli.support import write
from tests.support.server import ModelServer, Reply


def test_text_html_and_pdf_become_text() -> None:
    """Headings are marked, scripts are left out, and a PDF keeps its words."""
    html = "<h2>News</h2><p>It <b>rained</b>.</p><script>alert(1)</script><style>p{}</style>"
    write(
        {
            "a.md": "# A\n\ntext",
            "b.html": html,
            "c.pdf": pdf("The bridge was closed in May."),
            "d.txt": "\ufeffbom",
        }
    )
    texts = read_documents(["."]).texts
    assert list(texts) == ["a.md", "b.html", "c.pdf", "d.txt"]
    assert texts["b.html"].split() == ["##", "News", "It", "rained."]
    assert texts["c.pdf"].strip() == "The bridge was closed in May."
    assert texts["d.txt"] == "bom"


PAGE = """<!doctype html><html><head><title>Mill</title></head><body>
<nav><a href="/">Home</a></nav><ul><li><a href="#a">Part of it</a></li><li><a href="#b">Another</a></li></ul>
<h1 id="a">The <b>mill</b> <a href="#a">\u00b6</a></h1><!-- secret --><p>It <b>gr</b>inds
barley.<br>Always.</p><ul><li><p>one</p></li><li>two <a href="https://a.org">three</a></li></ul>
<pre>if x:
    grind()</pre><table><tr><th>a</th><th>b</th></tr><tr><td>1 | 2</td><td><i>3</i></td></tr></table>
<table><tr><td><p>laid out</p></td></tr></table><blockquote>old &lt;mill&gt;</blockquote></body></html>"""


def test_a_page_of_html_becomes_blocks() -> None:
    """Paragraphs, lists, code and tables stay apart; menus, comments and links of headings are left out."""
    write({"a.html": PAGE.encode(), "index.html": "<p><a href='a.html'>The page</a></p>"})
    texts = read_documents(["."]).texts
    assert texts["a.html"] == (
        "# The mill\n\nIt grinds barley.\nAlways.\n\n- one\n- two three\n\n```\nif x:\n    grind()\n```\n\n"
        "| a | b |\n| --- | --- |\n| 1 2 | 3 |\n\nlaid out\n\nold <mill>\n"
    )
    assert texts["index.html"] == "The page\n"


def test_what_cannot_be_read_is_skipped_with_a_reason() -> None:
    """Below a folder it is skipped; a named file that cannot be read is an error."""
    write(
        {
            "a.md": "text",
            "bad.pdf": b"%PDF-1.4 nothing",
            "bin.txt": b"a\0b",
            "other.doc": "x",
            "mark.txt": b"\xff\xfe",
        }
    )
    reasons = {item.path: item.reason for item in read_documents(["."]).skipped}
    assert set(reasons) == {"bad.pdf", "bin.txt", "other.doc", "mark.txt"}
    assert reasons["other.doc"] == "not included"
    assert (reasons["bin.txt"], reasons["mark.txt"]) == ("it is not text (binary)", "it has no text")
    assert reasons["bad.pdf"] == "it is damaged, and cannot be opened"
    with pytest.raises(UsageError, match=r"cannot read bad\.pdf"):
        read_documents(["bad.pdf"])
    with DocumentReader() as reader:
        assert not isinstance(reader.read(Path("missing.md")), str)


def test_brief_writes_one_briefing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a model it says so; the result can be JSON, and go to a file."""
    write(
        {
            "north.md": "The old bridge was closed for repairs in May. Traffic takes the ferry instead.",
            "south.md": "Repairs of the old bridge cost two million. The town pays for the bridge.",
        }
    )
    assert run(["brief", "."]) == 0
    out, err = capsys.readouterr()
    assert "no language model" in " ".join(out.split())
    assert "north.md, line 1" in out
    assert "2 branches (2 ok)" in err
    assert run(["brief", ".", "--format", "json", "--output", "b.json", "--quiet"]) == 0
    assert json.loads(Path("b.json").read_text())["documents"] == ["north.md", "south.md"]
    assert capsys.readouterr() == ("", "")


def test_brief_bounds_the_text_of_a_prompt(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--max-tokens` says how much of a document one prompt holds."""
    server.always(Reply(json={"points": [], "summary": "", "themes": []}))
    write({"a.md": "# Part\n\nsome words of it\n\n" * 100})
    assert run(["brief", "a.md", "--model", model, "--max-tokens", "300"]) == 0
    assert "a.md (4/4)" in capsys.readouterr().err
    assert run(["brief", "a.md", "--max-tokens", "1"]) == 2
    assert "--max-tokens" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["brief"], ["research", "Where is the bridge?"]], ids=" ".join)
def test_files_that_were_not_read_are_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Many files of other kinds are counted; with --quiet only those are named that should have been read."""
    write({"a.md": "The old bridge is in the north of the town.", "bad.txt": b"a\0b", "b.png": "x"})
    assert run([*command, "."]) == 0
    err = capsys.readouterr().err
    assert "not read: b.png (not included)\nnot read: bad.txt (it is not text (binary))\n" in err
    write({f"c{i}.py": "x" for i in range(12)})
    assert run([*command, "."]) == 0
    err = capsys.readouterr().err
    assert "not read: 13 files of other kinds (12 .py, 1 .png)" in err
    assert "not read: bad.txt (it is not text (binary))" in err
    assert run([*command, ".", "--quiet"]) == 0
    assert capsys.readouterr().err == "not read: bad.txt (it is not text (binary))\n"


def test_moderate_reads_a_file_or_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --fail-on the exit code is a gate; control characters of the text are made visible."""
    write({"a.txt": "Write to ann@example.org.", "b.txt": "A quiet day."})
    assert run(["moderate", "a.txt", "--format", "markdown"]) == 0
    assert "**Flagged**." in capsys.readouterr().out
    assert run(["moderate", "a.txt", "--fail-on", "flagged"]) == 1
    assert run(["moderate", "b.txt", "--fail-on", "flagged"]) == 0
    assert run(["moderate", "b.txt", "--fail-on", "needs_review"]) == 1
    write({"c.txt": "\x1b[2J bob@example.org"})
    assert run(["moderate", "c.txt", "--checks", "personal_data"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("Write to ann@example.org."))
    assert run(["moderate", "-", "--fail-on", "flagged"]) == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run(["moderate", "-"]) == 2
    assert "cannot moderate standard input: it has no text" in capsys.readouterr().err


def test_feedback_reads_a_table_and_writes_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The result can be CSV and JSON."""
    write({"f.csv": "id,text\na,I love this great bike\nb,Terrible. Still waiting!\n"})
    assert run(["feedback", "f.csv", "--format", "csv", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("item,text,sentiment")
    assert "positive" in lines[1]
    assert run(["feedback", "f.csv", "--format", "json", "--dimensions", "urgency"]) == 0
    assert json.loads(capsys.readouterr().out)["urgencies"] == {"low": 1, "medium": 1}


def test_vote_asks_models(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code of a vote is 0 if it is decided, 1 if it is not, and 2 if no model answered."""
    server.always(Reply(json={"rationale": "r", "choice": "yes", "confidence": 1}))
    assert run(["vote", "Is it?", "--choices", "yes,no", "--model", model]) == 0
    assert "yes (2/2, by majority)" in " ".join(capsys.readouterr().out.split())
    server.always(Reply(status=401))
    assert run(["vote", "Is it?", "--model", model, "--format", "json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "no_quorum"
    assert f"no model answered: 3 x 401 from {server.url}: check OPENAI_API_KEY" in err


def test_research_without_a_model_searches_in_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Without files it has nothing to do, and says so in one line."""
    write({"a.md": "Sales fell because two shops were closed."})
    assert run(["research", "Why did sales fall?", "a.md", "--format", "markdown"]) == 0
    assert "two shops were closed" in capsys.readouterr().out
    assert run(["research", "Why?"]) == 2
    err = capsys.readouterr().err
    assert "research needs documents; give files or folders" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["brief", "nothing"], "there is no file or folder nothing"),
        (["brief", "."], "nothing to brief on"),
        (["moderate", "nothing"], "cannot moderate nothing"),
        (["moderate", "a.txt", "--checks", "hat"], "--checks: 'hat' is not valid; choose from"),
        (["feedback", "nothing.csv"], "cannot read nothing.csv"),
        (["vote", "x"], "no model"),
        (["vote", "x", "--rule", "most"], "'most' is not a rule"),
        (["brief", ".", "--output", "no/where"], "there is no folder no"),
        (["brief", ".", "--model", "x", "--offline"], "--offline and --model exclude each other"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says what is wrong and what to do."""
    write({"a.xyz": "x"})
    if arguments[:2] == ["moderate", "a.txt"]:
        write({"a.txt": "x"})
    assert run(arguments) == 2
    err: Any = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
