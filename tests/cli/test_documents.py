"""Documents as texts, and the commands that read them."""

import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.documents import read_document, read_documents, read_table
from langgraph_parallel.errors import UsageError
from tests.support.server import ModelServer, Reply


def pdf(text: str) -> bytes:
    """A PDF of one page with one line on it."""
    drawn = f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode()
    font = b"<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font" + font + b">>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 5\n0000000000 65535 f \n" + table + b"trailer<</Root 1 0 R/Size 5>>\n"
    return made + end + b"startxref\n%d\n%%%%EOF\n" % len(made)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files: str | bytes) -> None:
    """Put files into the folder; two underscores are a dot."""
    for name, text in files.items():
        Path(name.replace("__", ".")).write_bytes(text.encode() if isinstance(text, str) else text)


def test_text_html_and_pdf_become_text() -> None:
    """Headings stay headings, scripts are left out, and a PDF has its words."""
    html = "<h2>News</h2><p>It <b>rained</b>.</p><script>alert(1)</script><style>p{}</style>"
    write(a__md="# A\n\ntext", b__html=html, c__pdf=pdf("The bridge was closed in May."), d__txt="\ufeffbom")
    held = read_documents(["."]).texts
    assert list(held) == ["a.md", "b.html", "c.pdf", "d.txt"]
    assert held["b.html"].split() == ["##", "News", "It", "rained", "."]
    assert held["c.pdf"].strip() == "The bridge was closed in May."
    assert held["d.txt"] == "bom"


def test_what_cannot_be_read_is_skipped_with_a_reason() -> None:
    """Below a folder; a file that is named is an error."""
    write(
        a__md="text", bad__pdf=b"%PDF-1.4 nothing", bin__txt=b"a\0b", other__doc="x", latin__txt=b"\xff\xfe"
    )
    reasons = {item.path: item.reason for item in read_documents(["."]).skipped}
    assert set(reasons) == {"bad.pdf", "bin.txt", "other.doc", "latin.txt"}
    assert reasons["other.doc"] == "not included"
    with pytest.raises(UsageError, match=r"cannot read bad\.pdf"):
        read_documents(["bad.pdf"])
    assert not isinstance(read_document(Path("missing.md")), str)


def test_a_table_has_its_texts_by_name() -> None:
    """By the usual names of columns, or by --column; any other file is one text a line."""
    write(a__csv="id,Comment\nx,good\nx,bad\n,fine\n", b__csv="one,two\n1,2\n", c__txt="first\n\nsecond\n")
    assert read_table("a.csv", None) == {"x": "good", "row 2": "bad", "row 3": "fine"}
    assert read_table("b.csv", "two") == {"row 1": "2"}
    assert read_table("c.txt", None) == {"line 1": "first", "line 2": "second"}
    with pytest.raises(UsageError, match="name one of one, two with --column"):
        read_table("b.csv", None)
    write(d__csv="text\n")
    assert read_table("d.csv", None) == {}


def test_brief_writes_what_documents_say_together(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a model, labelled; as JSON and into a file."""
    write(
        north__md="The old bridge was closed for repairs in May. Traffic takes the ferry instead.",
        south__md="Repairs of the old bridge cost two million. The town pays for the bridge.",
    )
    assert run(["brief", "."]) == 0
    out, err = capsys.readouterr()
    assert "no language model" in " ".join(out.split())
    assert "north.md, line 1" in out
    assert "2 branches (2 ok)" in err
    assert run(["brief", ".", "--format", "json", "--output", "b.json", "--quiet"]) == 0
    assert json.loads(Path("b.json").read_text())["documents"] == ["north.md", "south.md"]
    assert capsys.readouterr() == ("", "")


def test_moderate_reads_a_file_or_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is a gate where one is set; control characters of the text are shown, not sent."""
    write(a__txt="Write to ann@example.org.", b__txt="A quiet day.")
    assert run(["moderate", "a.txt", "--format", "markdown"]) == 0
    assert "**Flagged**." in capsys.readouterr().out
    assert run(["moderate", "a.txt", "--fail-on", "flagged"]) == 1
    assert run(["moderate", "b.txt", "--fail-on", "flagged"]) == 0
    assert run(["moderate", "b.txt", "--fail-on", "needs_review"]) == 1
    write(c__txt="\x1b[2J bob@example.org")
    assert run(["moderate", "c.txt", "--checks", "personal_data"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_feedback_reads_a_table_and_writes_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As CSV, JSON, Markdown or text."""
    write(f__csv="id,text\na,I love this great bike\nb,Terrible. Still waiting!\n")
    assert run(["feedback", "f.csv", "--format", "csv", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("item,text,sentiment")
    assert "positive" in lines[1]
    assert run(["feedback", "f.csv", "--format", "json", "--dimensions", "urgency"]) == 0
    assert json.loads(capsys.readouterr().out)["urgencies"] == {"low": 1, "medium": 1}


def test_vote_and_research_ask_models(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code of a vote says whether it is decided."""
    server.always(Reply(json={"rationale": "r", "choice": "yes", "confidence": 1}))
    assert run(["vote", "Is it?", "--choices", "yes,no", "--model", model]) == 0
    assert "yes (2/2, by majority)" in " ".join(capsys.readouterr().out.split())
    server.always(Reply(status=401))
    assert run(["vote", "Is it?", "--model", model, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "no_quorum"


def test_research_without_a_model_searches_in_files(capsys: pytest.CaptureFixture[str]) -> None:
    """And says in one line that there is nothing else it could do."""
    write(a__md="Sales fell because two shops were closed.")
    assert run(["research", "Why did sales fall?", "a.md", "--format", "markdown"]) == 0
    assert "two shops were closed" in capsys.readouterr().out
    assert run(["research", "Why?"]) == 2
    err = capsys.readouterr().err
    assert "without a model research is search in files" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["brief", "nothing"], "no such path: nothing"),
        (["brief", "."], "nothing to brief on"),
        (["moderate", "nothing"], "cannot moderate nothing"),
        (["moderate", "a.txt", "--checks", "hat"], "'hat' is not a check"),
        (["feedback", "nothing.csv"], "cannot read nothing.csv"),
        (["vote", "x"], "no model"),
        (["vote", "x", "--rule", "most"], "'most' is not a rule"),
        (["brief", ".", "--output", "no/where"], "there is no folder no"),
        (["brief", ".", "--model", "x", "--offline"], "offline=True uses no model"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what, and the way out."""
    write(a__xyz="x")
    if arguments[:2] == ["moderate", "a.txt"]:
        write(a__txt="x")
    assert run(arguments) == 2
    err: Any = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
