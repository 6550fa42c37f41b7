"""Answers of other people's models, through whole graphs: what is read, and what is not guessed."""

import json
from typing import Any

import pytest

from langgraph_parallel import create_review, create_voting
from langgraph_parallel.records import Ballot
from tests.support.server import ModelServer, Reply

VOTE = '{"rationale": "r", "choice": "yes", "confidence": 0.9}'
CAST = {
    "a plain record": Reply(text=VOTE),
    "thinking before it": Reply(text=f"<think>\nIs it {{maybe}}?\n</think>\n\n{VOTE}"),
    "thinking apart": Reply(text=VOTE, reasoning="Is it?"),
    "all of it in the thinking": Reply(text="", reasoning=VOTE),
    "a fence after prose": Reply(text=f"Here you are:\n\n```json\n{VOTE}\n```"),
    "a token of the template": Reply(text=f"{VOTE}<|im_end|>"),
    "another case": Reply(text=VOTE.replace("yes", "**YES.**")),
    "the bare choice": Reply(text="Yes."),
    "a confidence in words": Reply(text=VOTE.replace("0.9", '"quite high"')),
    "no confidence": Reply(text='{"choice": "yes"}'),
    "a tool call": Reply(
        body={
            "choices": [
                {
                    "finish_reason": "tool_calls",
                    "message": {
                        "content": None,
                        "tool_calls": [
                            {"id": "t", "type": "function", "function": {"name": "Answer", "arguments": VOTE}}
                        ],
                    },
                }
            ]
        }
    ),
}


async def ballot(model: str) -> Ballot:
    """Return the ballot of one voter."""
    graph = create_voting(model=model, choices=["yes", "no"], voters=1)
    out = await graph.ainvoke({"question": "Is 7 prime?"})
    cast: Ballot = out["ballots"][0]
    return cast


@pytest.mark.parametrize("name", CAST)
async def test_a_ballot_is_read(name: str, model: str, server: ModelServer) -> None:
    """With one request, whatever is around the answer."""
    server.always(CAST[name])
    cast = await ballot(model)
    assert (cast.status, cast.choice) == ("cast", "yes")
    assert "maybe" not in cast.rationale
    assert len(server.requests) == 1


@pytest.mark.parametrize("said", ["Yes and no, it depends", "yes, perhaps", "both", "yes/no", "y", ""])
async def test_what_names_no_choice_abstains(said: str, model: str, server: ModelServer) -> None:
    """After the model was asked again; the ballot says what it was."""
    server.always(Reply(json={"rationale": "r", "choice": said}))
    cast = await ballot(model)
    assert (cast.status, cast.choice) == ("abstained", None)
    assert said in str(cast.error)
    assert len(server.requests) == 2


CODE = (
    "import os\n\n\ndef run(x):\n    return os.system(x)  # runs it\n\n\ndef div(a, b):\n    return a / b\n"
)
SHELL = {
    "path": "a.py",
    "line": 5,
    "quote": "    return os.system(x)  # runs it",
    "message": "Shell injection.",
    "severity": "high",
    "explanation": "e",
    "suggestion": "s",
}


async def review(model: str, *findings: Any) -> dict[str, Any]:
    """Return the output of a review with one voter, and the notes of its ballot."""
    graph = create_review(model=model, voters=1, aspects=["security"], engines=False)
    out = await graph.ainvoke({"files": {"a.py": CODE, "lib/b.py": "pass\n"}})
    (branch,) = out["branches"].values()
    return {**out, "notes": branch.value["ballots"][0]["notes"]}


QUOTES = [
    "    5 |     return os.system(x)  # runs it",
    "5 | return os.system(x)  # runs it",
    "5: return os.system(x)  # runs it",
    "`return os.system(x)  # runs it`",
    "```python\nreturn os.system(x)  # runs it\n```",
    '"return os.system(x)  # runs it"',
    "+     return os.system(x)  # runs it",
    "> return os.system(x)  # runs it",
    "  5 + |     return os.system(x)  # runs it",
    "`  5 |     return os.system(x)  # runs it`",
    "return  os.system( x )",
    "def run(x):\n    return os.system(x)  # runs it",
]


@pytest.mark.parametrize("quote", QUOTES)
async def test_a_quote_is_found_with_what_is_around_it(quote: str, model: str, server: ModelServer) -> None:
    """Our own numbers and bars, backticks, and marks of a diff."""
    server.always(Reply(json={"findings": [{**SHELL, "quote": quote, "line": 6}]}))
    (finding,) = (await review(model))["findings"]
    assert finding.confirmed
    assert finding.doubt is None
    assert finding.lines.last == 5


PATHS = [
    "./a.py",
    "`a.py`",
    "=== a.py",
    "a.py:5",
    "b/a.py",
    "/tmp/x/a.py",
    "File: a.py",
    "**a.py**",
    "a.py#L5",
    '"a.py"',
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_is_matched(path: str, model: str, server: ModelServer) -> None:
    """As the file that was under review."""
    server.always(Reply(json={"findings": [{**SHELL, "path": path}]}))
    (finding,) = (await review(model))["findings"]
    assert (finding.path, finding.doubt) == ("a.py", None)


SEVERITIES = [
    ("High", "high"),
    ("**HIGH**", "high"),
    ("critical", "high"),
    ("Blocker", "high"),
    ("major", "high"),
    ("error", "high"),
    ("moderate", "medium"),
    ("warning", "medium"),
    ("Minor.", "low"),
    ("info", "low"),
    ("spicy", "medium"),
    (None, "medium"),
    (3, "medium"),
]


@pytest.mark.parametrize(("said", "severity"), SEVERITIES)
async def test_a_severity_of_another_scale_is_translated(
    said: Any, severity: str, model: str, server: ModelServer
) -> None:
    """One that is on no scale is the middle one, and is noted; it never voids a finding."""
    other = {**SHELL, "line": 9, "quote": "    return a / b", "message": "Division by zero."}
    server.always(Reply(json={"findings": [{**SHELL, "severity": said}, other]}))
    out = await review(model)
    by_line = {str(finding.lines): finding.severity for finding in out["findings"]}
    assert by_line == {"5": severity, "9": "high"}
    assert ("left_out" in out["notes"]) is (said in ("spicy", None, 3))


ITEMS: list[Any] = [
    "nothing else",
    None,
    {},
    [],
    {"path": "a.py"},
    {**SHELL, "quote": None},
    {**SHELL, "message": None},
    {**SHELL, "path": 7.5, "quote": []},
    42,
    {"finding": "bad"},
]


@pytest.mark.parametrize("item", ITEMS, ids=json.dumps)
async def test_a_bad_item_does_not_void_the_others(item: Any, model: str, server: ModelServer) -> None:
    """It is named in the notes of the ballot."""
    server.always(Reply(json={"findings": [SHELL, item]}))
    out = await review(model)
    assert [str(finding.lines) for finding in out["findings"]] == ["5"]
    assert out["notes"]["left_out"][0].startswith("findings.1 was left out")


LINES: list[Any] = [None, "5", "five", -3, 0, 9999, 5.0, "5-6", [], {}]


@pytest.mark.parametrize("line", LINES, ids=json.dumps)
async def test_the_quote_gives_the_line(line: Any, model: str, server: ModelServer) -> None:
    """Models quote reliably, and count badly."""
    server.always(Reply(json={"findings": [{**SHELL, "line": line}]}))
    (finding,) = (await review(model))["findings"]
    assert (str(finding.lines), finding.confirmed) == ("5", True)


@pytest.mark.parametrize("missing", ["suggestion", "explanation", "severity", "line"])
async def test_a_finding_without_an_optional_field_counts(
    missing: str, model: str, server: ModelServer
) -> None:
    """The path, the quote and the message are enough."""
    server.always(Reply(json={"findings": [{k: v for k, v in SHELL.items() if k != missing}]}))
    (finding,) = (await review(model))["findings"]
    assert finding.confirmed
