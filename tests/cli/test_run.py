"""`run` and `graphs`: every graph of the catalogue, and graphs of the user's own."""

import json
import sys
from typing import Any

import pytest

from langgraph_parallel.catalogue.graphs import CATALOGUE
from langgraph_parallel.cli.app import run
from tests.cli.support import write
from tests.support.server import ModelServer, Reply

INPUTS: dict[str, list[str]] = {
    "best_of": ["Write a headline."],
    "brainstorm": ["Uses of a brick"],
    "briefing": ["documents=@a.md", "--offline"],
    "debate": ["Is it?", "--set", 'choices=["yes", "no"]'],
    "feedback": ["texts=@posts.csv", "--offline"],
    "guarded": ["message=How do I mend a tube?"],
    "labeling": ["items=@posts.csv", "--set", 'labels=["praise", "complaint"]'],
    "map_reduce": ["items=one", "items=two"],
    "market_study": ["subject=Bicycles", 'regions:=["Norway"]'],
    "moderation": ["text=Write to ann@example.org", "--offline"],
    "research": ["Who wrote it?", "files=@a.md", "--offline"],
    "review": ['files:={"a.py": "assert True\\n"}', "--offline"],
    "scatter_gather": ["request=a bell"],
    "sectioning": ["content=@a.md"],
    "voting": ["Is it?", "--set", "voters=5"],
}
"""For each graph, what runs it."""


@pytest.fixture(autouse=True)
def files() -> None:
    """A document and a table."""
    write({"a.md": "# One\n\nAnn wrote it in May.\n\n# Two\n\nBen read it.\n"})
    write({"posts.csv": "id,text\n1,Great bike!\n2,It came late.\n"})


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("format", ["text", "json"])
def test_every_graph_runs(
    name: str, format: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each graph of the catalogue has a result as text and as JSON, whatever its input is."""
    offline = "--offline" in INPUTS[name]
    arguments = [] if offline else ["--model", model]
    code = run(["run", name, *INPUTS[name], *arguments, "--format", format, "--quiet"])
    out, err = capsys.readouterr()
    assert code in (0, 1), err  # a vote on the smallest answers may be undecided
    assert out.strip()
    assert "Traceback" not in err
    assert bool(server.requests) is not offline
    if format == "json":
        assert not json.loads(out).keys() & {"branches", "sections", "run_report", "run", "stamp", "asking"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_graph_is_described(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key of the input, setting and key of the output is explained."""
    assert run(["graphs", name, "--format", "json"]) == 0
    described: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert described["input"]
    assert described["settings"]
    for part in ("input", "settings", "output"):
        for key, form in described[part].items():
            assert form["description"], (part, key)


def test_all_graphs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The list has a sentence for each."""
    assert run(["graphs", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [graph["name"] for graph in listed] == [*CATALOGUE]
    assert all(graph["description"][0].isupper() for graph in listed)
    assert run(["graphs"]) == 0
    assert "labeling: Labels many items at once" in capsys.readouterr().out


def test_settings_reach_the_graph(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON is read as JSON, text is a prompt where a worker is expected, and limits hold."""
    server.on("Shout: one", Reply(text="ONE"))
    server.on("Join", Reply(text="joined"))
    settings = [
        "--set",
        "worker=Shout: {content}",
        "--set",
        "synthesizer=Join {results}",
        "--set",
        "fan-in=2",
    ]
    assert run(["run", "map_reduce", "items=one", "items=two", *settings, "--model", model]) == 0
    assert "joined" in capsys.readouterr().out
    limited = ["--budget-calls", "1", "--set", "voters=5", "--format", "json", "--summary", "report"]
    run(["run", "voting", "Is it?", *limited, "--model", model])
    assert len(json.loads(capsys.readouterr().out)["run"]["calls"]) <= 1


def test_an_input_from_a_file_is_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--input FILE` reads the whole input as JSON; `key=@FILE` reads one text or JSON."""
    write({"in.json": '{"text": "Write to ann@example.org"}', "t.txt": "Write to ann@example.org"})
    shown = []
    for arguments in (["--input", "in.json"], ["text=@t.txt"], ['text:="Write to ann@example.org"']):
        assert run(["run", "moderation", *arguments, "--offline", "-q"]) == 0
        shown.append(capsys.readouterr().out.strip())
    assert len(set(shown)) == 1


def test_a_graph_of_the_user_runs(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compiled graph, or a function that builds one, is imported from the current folder."""
    source = (
        "from langgraph_parallel import create_voting\n"
        "graph = create_voting(voters=5)\n"
        "def build(voters=1):\n    return create_voting(voters=voters)\n"
        "other = 3\n"
    )
    write({"mine_for_run.py": source})
    command = ["Is it?", "--model", model, "--format", "json"]
    assert run(["run", "mine_for_run:graph", *command]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["asked"] == 3
    assert run(["run", "mine_for_run:build", *command, "--set", "voters=1"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["asked"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vote", "x"], "'vote' is not a graph; choose one of best_of"),
        (["voting"], "the input needs question; give question=TEXT"),
        (["voting", "qustion=x"], "the input has no 'qustion'; choose from question"),
        (["voting", "x", "--set", "voter=3"], "--set 'voter' is not a setting of this graph"),
        (["voting", "x", "--set", "voters"], "--set 'voters' has no value"),
        (["voting", "x", "--set", "voters=3", "--set", "voters=4"], "--set has 'voters' twice"),
        (["voting", "x", "--set", "rule=most"], "--set: 'most' is not a rule"),
        (["review", "--set", "min_support=1e999"], "--set: min_support is inf; expected a number above 0"),
        (["review", "--set", "min_support=NaN"], "--set: min_support is nan; expected a number"),
        (["voting", "question:=[1"], "question:= is not JSON"),
        (["debate", "a", "b"], "question is given 2 times"),
        (["review", "a", "--offline"], "'a' has no key; write KEY=TEXT, with one of"),
        (["voting", "x", "--offline"], "voting needs a model; leave out --offline"),
        (["labeling", "items=a"], "labeling needs --set labels=VALUE"),
        (["sectioning", "x", "--set", "planner=by_line"], "--set planner: 'by_line' is not a planner"),
        (["sectioning", "x", "--set", "planner=[1]"], "--set planner: [1] is not a planner"),
        (["sectioning", "x", "--set", 'planner={"by_file": 1}'], "is not a planner; choose from by_file"),
        (["moderation", "text=@"], "text=@ names no file; write text=@FILE"),
        (["voting", "question=@"], "question=@ names no file; write question=@FILE"),
        (["moderation", "text=@nowhere.txt"], "nowhere.txt"),
        (["moderation", "text=@."], "is a folder"),
        (["moderation", "text=x", "--input", "a.json"], "--input and KEY=VALUE exclude each other"),
        (["moderation", "--input", "list.json"], "is not a JSON object"),
        (["nowhere_at_all:graph", "x"], "there is no module 'nowhere_at_all'"),
        (["json:loads2", "x"], "module json has no 'loads2'"),
        (["json:JSONDecodeError", "x"], "cannot be called"),
        (["string:digits", "x"], "string:digits is not a langgraph_parallel graph"),
        ([":graph", "x"], "is not a graph; write module:graph"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_line(
    arguments: list[str], message: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says what is wrong in terms of the command line, and no model is called."""
    write({"list.json": "[1]"})
    asks = [] if "--offline" in arguments else ["--model", model]
    assert run(["run", *arguments, *asks]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert server.requests == []


def test_an_estimate_asks_nobody(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The bounds of any graph are printed without a call."""
    assert run(["run", "voting", "Is it?", "--estimate", "--model", model]) == 0
    assert "calls to models" in capsys.readouterr().out
    assert server.requests == []


MODULES = {
    "no_syntax": "def (",
    "nul": "x = 1\0",
    "raising": "\nraise RuntimeError('no\\n  database')\n",
    "ending": "import sys\nsys.exit(3)\n",
    "half": "from os import nothing_there\n",
    "needing": "import not_installed_here\n",
    "built": """
from langgraph_parallel import create_briefing
print("loading")
graph = create_briefing(offline=True)
def silent(): raise ValueError
def wrong(): return len(5)
def needs(path): return graph
def ends(): raise SystemExit("bye")
async def later(): return graph
class Lazy:
    @property
    def graph(self): raise LookupError("no settings")
lazy = Lazy()
""",
}
"""Modules of the user's own."""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_syntax:graph", "no_syntax fails when it is imported, at no_syntax.py line 1: "),
        ("nul:graph", "nul fails when it is imported: source code string cannot contain null bytes"),
        ("raising:graph", "raising fails when it is imported, at raising.py line 2: no database"),
        ("ending:graph", "ending ends the program when it is imported"),
        (
            "half:graph",
            "half fails when it is imported, at half.py line 1: cannot import name 'nothing_there'",
        ),
        ("needing:graph", "needing needs not_installed_here, which is not installed"),
        ("built:silent", "built:silent fails when it is called, at built.py line 5: an error without a text"),
        ("built:wrong", "built:wrong fails when it is called, at built.py line 6: object of type 'int'"),
        (
            "built:needs",
            "built:needs cannot be called: missing a required argument: 'path'; set its arguments",
        ),
        ("built:ends", "built:ends ends the program when it is called"),
        ("built:later", "built:later is an async function"),
        ("built:lazy.graph", "built:lazy.graph fails when it is looked up, at built.py line 12: no settings"),
        ("built:", "'built:' is not a graph; write module:graph"),
        ("..:graph", "'..:graph' is not a graph; write module:graph"),
        (".built:graph", "'.built:graph' is not a graph; write module:graph"),
        ("./built.py:graph", "'./built.py:graph' is not a graph; write module:graph"),
    ],
)
def test_a_module_that_fails_is_one_line(
    name: str, message: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says where the user's code fails, and why, without a traceback."""
    write({f"{module}.py": text for module, text in MODULES.items()})
    monkeypatch.setattr(sys, "path", [*sys.path])
    for module in MODULES:
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert run(["run", name, "documents={}"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert f"langgraph-parallel: error: {message}" in err
    assert err.removeprefix("loading\n").count("\n") == 1


def test_what_a_module_prints_is_not_the_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prints of an imported module go to standard error, so that the result stays JSON."""
    write({"built.py": MODULES["built"]})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "built", raising=False)
    assert run(["run", "built:graph", "documents=@a.md", "-f", "json", "-q"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)
    assert err == "loading\n"


def test_records_in_a_text_keep_their_lines(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list of records is indented JSON, as text and as Markdown, and not one paragraph."""
    for format in ("text", "markdown"):
        run(["run", "labeling", *INPUTS["labeling"], "--model", model, "-q", "-f", format])
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        assert {"[", "{", "]"} <= {*lines}
        assert '"item": "text 1",' in lines or any(line.startswith('"item": ') for line in lines)


@pytest.mark.parametrize("url", ["http://ann:hunter22@127.0.0.1:1/v1", "http://[::1/v1", "http://h:99999/v1"])
def test_an_address_of_the_environment_that_is_none_is_a_usable_error(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable is named, without the class of an error and without what the address holds."""
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert run(["run", "voting", "x", "--model", "openai:test", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "OPENAI_BASE_URL" in err
    assert "hunter22" not in err
    assert "Error" not in err
