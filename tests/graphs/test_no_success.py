"""No failure looks like success: what every graph and command makes of models that do not answer."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import (
    Ask,
    Limits,
    create_best_of,
    create_brainstorm,
    create_briefing,
    create_debate,
    create_feedback,
    create_guarded,
    create_labeling,
    create_map_reduce,
    create_market_study,
    create_moderation,
    create_research,
    create_review,
    create_sectioning,
    create_voting,
    plan,
    split,
)
from langgraph_parallel.cli.app import run
from tests.support.server import ModelServer, Reply, Request

DOCUMENT = "Sales fell because two shops were closed.\n"
Build = Callable[[str], tuple[Any, dict[str, Any], str | None]]
GRAPHS: dict[str, Build] = {
    "best of": lambda m: (create_best_of(model=m), {"task": "Write."}, "best"),
    "brainstorm": lambda m: (create_brainstorm(model=m), {"topic": "Bikes"}, "ideas"),
    "briefing": lambda m: (create_briefing(model=m), {"documents": {"a": DOCUMENT}}, "briefing"),
    "debate": lambda m: (create_debate(model=m), {"question": "?"}, None),
    "feedback": lambda m: (create_feedback(model=m), {"texts": ["Good."]}, "feedback"),
    "guarded": lambda m: (create_guarded(model=m), {"message": "Hi"}, "answer"),
    "labeling": lambda m: (create_labeling(labels=["a", "b"], model=m), {"items": ["x"]}, None),
    "map-reduce": lambda m: (
        create_map_reduce(worker=Ask("{content}", model=m), synthesizer=Ask("{results}", model=m)),
        {"items": ["a", "b"]},
        "result",
    ),
    "market study": lambda m: (create_market_study(model=m), {"subject": "Bikes"}, "market_study"),
    "moderation": lambda m: (create_moderation(model=m, checks=["hate"]), {"text": "x"}, None),
    "research": lambda m: (
        create_research(model=m, tools=[_look_up]),
        {"question": "Why did sales fall?"},
        "research",
    ),
    "review": lambda m: (
        create_review(model=m, engines=False),
        {"files": {"a.py": "print(1)\n"}},
        "findings",
    ),
    "sectioning": lambda m: (
        create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=m)),
        {"content": "# a\nx\n# b\ny"},
        "result",
    ),
    "sectioning by a plan": lambda m: (
        create_sectioning(planner=plan.by_model(m), worker=Ask("{content}", model=m)),
        {"content": "x"},
        "result",
    ),
    "voting": lambda m: (create_voting(model=m, voters=5), {"question": "?"}, None),
}
"""For each graph: how it is built, its input, and the key of its result, which is None without models."""


def _look_up(query: str) -> str:
    """Look something up."""
    return DOCUMENT


@pytest.mark.parametrize("name", GRAPHS)
async def test_a_run_that_no_model_answered_has_failed(name: str, model: str, server: ModelServer) -> None:
    """There is no result, the status says so, one cause is named, and the endpoint is asked no further."""
    server.always(Reply(status=401, body={"error": {"message": "Incorrect API key provided: sk-abc123456."}}))
    graph, given, key = GRAPHS[name](model)
    out = await graph.ainvoke(given)
    report = out["run_report"]
    assert report.status == "failed"
    assert key is None or out[key] is None
    ours = ("none of ", "KeptBack: ", "withheld: ")
    causes = {cause for cause in report.failures.values() if not cause.startswith(ours)}
    assert len(causes) == 1
    assert f"401 from {server.url}: check OPENAI_API_KEY" in causes.pop()
    assert "sk-abc" not in str(out)
    assert len(server.requests) <= 25


COMMANDS = {
    "brief": ["brief", "a.md"],
    "feedback": ["feedback", "a.csv"],
    "moderate": ["moderate", "a.md", "--checks", "hate"],
    "research": ["research", "Why did sales fall?", "a.md"],
    "review": ["review", "a.py"],
    "vote": ["vote", "Is it?", "--choices", "yes,no"],
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write something for each command to work on."""
    monkeypatch.chdir(tmp_path)
    Path("a.md").write_text(DOCUMENT)
    Path("a.csv").write_text("text\nGood.\nBad.\n")
    Path("a.py").write_text("import os\nos.system(input())\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_no_model_answered_fails_with_one_paragraph(
    command: str, files: None, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, no traceback, no key, the cause once; `review` still shows what its engines found."""
    server.always(Reply(status=401, body={"error": {"message": "Incorrect API key provided: sk-abc123456."}}))
    assert run([*COMMANDS[command], "--model", model, *(["--quiet"] if command != "review" else [])]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "sk-abc" not in out + err
    assert err.count(f"401 from {server.url}: check OPENAI_API_KEY") == 1
    assert "nothing to report" not in out
    if command not in ("review", "moderate", "vote"):
        assert out == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_not_there_is_named(
    command: str, files: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is not called a timeout."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0.001")
    assert run([*COMMANDS[command], "--model", "openai:x"]) == 2
    err = capsys.readouterr().err
    assert "cannot reach http://127.0.0.1:9/v1: is the server running?" in err
    assert "imeout" not in err
    assert "timed out" not in err


@pytest.mark.parametrize("url", ["127.0.0.1:9", "localhost/v1", "ftp://x/v1", "http://", "/v1"])
def test_a_base_url_without_a_scheme_or_a_host_fails_before_any_call(
    url: str, files: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error shows what was expected."""
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert run(["brief", "a.md", "--model", "openai:x"]) == 2
    err = capsys.readouterr().err
    assert "OPENAI_BASE_URL" in err
    assert "expected http://host/v1 or https://host/v1" in err


@pytest.mark.parametrize("option", ["--timeout", "--concurrency"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_limits_of_calls(
    command: str, option: str, files: None, model: str, server: ModelServer
) -> None:
    """What the errors name can be set."""
    server.always(Reply(status=401))
    assert run([*COMMANDS[command], "--model", model, option, "7"]) == 2


async def test_a_content_filter_is_evidence_in_moderation(model: str, server: ModelServer) -> None:
    """Not a gap: the text needs review, and the reason says why; by one model, and by a vote."""
    server.always(Reply(json={"rationale": "r", "choice": "clean", "confidence": 1, "notes": {"quotes": []}}))
    server.on("'spam'", Reply(text="", finish="content_filter"))
    server.on("'hate'", Reply(status=400, body={"error": {"code": "content_filter", "message": "no"}}))
    out = await create_moderation(model=model, checks=["spam", "hate", "copyright"]).ainvoke({"text": "x"})
    outcomes = {outcome.check: outcome for outcome in out["moderation"].outcomes}
    assert out["status"] == "needs_review"
    assert outcomes["copyright"].status == "clean"
    for check in ("spam", "hate"):
        assert outcomes[check].status == "undecided"
        assert outcomes[check].reasons == ["the provider's content filter refused the text"]


WITHHELD = [
    Reply(text="The first half", finish="length"),
    Reply(text="Some", finish="content_filter"),
    Reply(text=""),
    Reply(text="<think>secret</think>"),
    Reply(text="", reasoning="secret"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", WITHHELD)
async def test_guarded_releases_no_part_of_an_answer(
    reply: Reply, stream: bool, model: str, server: ModelServer
) -> None:
    """Cut, filtered, empty or nothing but thinking: there is no answer."""
    server.always(Reply(json={"rationale": "r", "choice": "clean", "confidence": 1, "notes": {"quotes": []}}))
    server.on("Answer the message", reply)
    out = await create_guarded(model=model, stream=stream).ainvoke({"message": "Hi"})
    assert (out["answer"], out["released"]) == (None, False)
    assert out["reason"]


@pytest.mark.parametrize(
    "text",
    [
        "<think>The user is from ACME; hide it.</think>\n\nWater boils.",
        "The user is from ACME; hide it.\n</think>\n\nWater boils.<|im_end|>",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["openai:deepseek-r1", "openai:test-model"])
async def test_guarded_releases_no_thinking(
    text: str, name: str, stream: bool, server: ModelServer, model: str
) -> None:
    """Neither in the answer nor in its stream, by whatever name the model goes."""
    server.always(Reply(json={"rationale": "r", "choice": "clean", "confidence": 1, "notes": {"quotes": []}}))
    server.on("Answer the message", Reply(text=text))
    graph = create_guarded(model=name, stream=stream)
    shown = ""
    out: Any = None
    stream_of_both: Any = graph.astream({"message": "Hi"}, stream_mode=["custom", "values"])
    async for mode, data in stream_of_both:
        if mode == "values":
            out = data
        elif data.get("event") == "token":
            shown += data["text"]
    assert out["answer"] == "Water boils."
    assert shown == ("Water boils." if stream else "")


def too_long(most: int) -> Callable[[Request], bool]:
    """Return whether a prompt has more characters than a server takes."""
    return lambda request: len(request.prompt) > most


OVERFLOW = Reply(status=400, body={"error": {"message": "the request exceeds the available context size"}})
LINES = "\n".join(f"In year {i} the cats purr loudly and sleep." for i in range(100))


async def test_a_document_that_is_too_long_for_the_model_is_read_in_parts(
    model: str, server: ModelServer
) -> None:
    """Nothing of it is lost; the next run cuts it at once, because the size is remembered."""
    server.on("Write a briefing", Reply(json={"summary": "s", "themes": [], "contradictions": []}))
    point = {"point": "Cats purr.", "quote": "the cats purr loudly"}
    server.on("Read a part", Reply(json={"points": [point]}))
    server.on(too_long(3000), OVERFLOW)
    graph = create_briefing(model=model)
    first = await graph.ainvoke({"documents": {"a.md": LINES}})
    assert (first["run_report"].status, first["missing"]) == ("ok", [])
    assert len(first["sections"]) == 1
    assert "in parts" in next(iter(first["branches"].values())).notes[0]
    assert all(
        f"In year {i} " in "".join(r.prompt for r in server.requests if r.status == 200) for i in range(100)
    )
    again = await graph.ainvoke({"documents": {"a.md": LINES}})
    assert len(again["sections"]) > 1


async def test_code_that_is_too_long_for_the_model_is_reviewed_in_parts(
    model: str, server: ModelServer
) -> None:
    """Findings keep their lines."""
    code = "".join(f"x{i} = eval(input({i}))\n" for i in range(150))
    last = {
        "path": "a.py",
        "line": 150,
        "quote": "x149 = eval(input(149))",
        "message": "Bad.",
        "severity": "high",
    }
    server.on("Review source", Reply(json={"findings": []}))
    server.on("x149 = ", Reply(json={"findings": [last]}))
    server.on(too_long(4500), OVERFLOW)
    graph = create_review(model=model, voters=1, aspects=["security"], engines=False)
    out = await graph.ainvoke({"files": {"a.py": code}})
    (finding,) = out["findings"]
    assert (str(finding.lines), finding.confirmed) == ("150", True)


async def test_an_item_that_is_too_long_for_the_model_is_mapped_in_parts(
    model: str, server: ModelServer
) -> None:
    """Its parts are reduced as items are."""
    server.on("Sum up", Reply(text="a part"))
    server.on("Join", Reply(text="joined"))
    server.on(too_long(3000), OVERFLOW)
    graph = create_map_reduce(
        worker=Ask("Sum up {content}", model=model), synthesizer=Ask("Join {results}", model=model)
    )
    out = await graph.ainvoke({"items": [LINES, "short"]})
    assert (out["result"], out["missing"], out["run_report"].status) == ("joined", [], "ok")


async def test_a_prompt_that_cannot_be_cut_is_a_cause_of_its_own(model: str, server: ModelServer) -> None:
    """A question is asked as a whole, or not at all."""
    server.always(OVERFLOW)
    out = await create_voting(model=model, voters=1).ainvoke({"question": LINES})
    (branch,) = out["branches"].values()
    assert branch.cause == "context"
    assert "lower section_tokens" in branch.error


async def test_limits_of_patience_do_not_hide_a_success(model: str, server: ModelServer) -> None:
    """One branch that is answered makes the run partial."""
    server.on("x", Reply(text="fine"))
    server.on("# b", Reply(status=418))
    worker = Ask("{content}", model=model, limits=Limits(attempts=1))
    graph = create_sectioning(planner=split.by_heading(), worker=worker)
    out = await graph.ainvoke({"content": "# a\nx\n# b\nx"})
    assert out["run_report"].status == "partial"
    assert (await graph.ainvoke({"content": "# a\nx"}))["run_report"].status == "ok"
    assert os.environ["OPENAI_BASE_URL"] == server.url
