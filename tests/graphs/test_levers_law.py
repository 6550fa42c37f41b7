"""What saves money changes no result: leaders and shared requests, in nested graphs and with pictures."""

import base64
import hashlib
import random
import re
from typing import Any

import pytest

from langgraph_parallel import Limits, create_review, create_voting
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.server import ModelServer, Reply, Request

ASPECTS = ["correctness", "documentation", "performance", "security", "style", "tests"]
CODE = "".join(f"def step_{n}(rows):\n    return [row[{n}] for row in rows if row]\n\n\n" for n in range(150))
LEVERS: dict[str, Any] = {"leader": "on", "samples": "auto"}
NONE: dict[str, Any] = {"leader": "off", "samples": "off"}
_NUMBER = re.compile(r"You are (?:reviewer|voter) (\d+) of this panel")


def picture(seed: int) -> dict[str, Any]:
    """A block with a picture, which nobody decodes."""
    data = base64.b64encode(random.Random(seed).randbytes(3000)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


class Consistent(ModelServer):
    """Answers the same question of the same voter in the same way, however it is asked."""

    def _reply_to(self, request: Request) -> Reply:
        asked = request.body.get("n", 1)
        told = _NUMBER.search(request.prompt)
        first = int(told[1]) if told and asked == 1 else 1
        question = re.sub(
            r"\s*(Reviewers|Members) work independently[^.]*\.|\s*Members answer[^.]*\.", "", request.prompt
        )
        question = _NUMBER.sub("", question).strip(" .\n")
        samples = [self._answer_of(question, number) for number in range(first, first + asked)]
        return Reply(samples=samples)

    def _answer_of(self, question: str, number: int) -> Reply:
        digest = hashlib.sha256(f"{question} {number}".encode()).digest()
        if "defect" not in question and "=== " not in question:
            return Reply(
                json={"rationale": f"reason {digest.hex()}", "choice": "yes" if digest[0] % 2 else "no"}
            )
        found = [
            {
                "path": "rows.py",
                "line": 2 + 4 * (byte % 3),
                "quote": f"return [row[{byte % 3}] for row in rows if row]",
                "severity": "high" if byte % 2 else "low",
                "message": f"It fails for rows that are shorter than {byte % 3}.",
            }
            for byte in digest[: digest[0] % 3]
        ]
        return Reply(json={"findings": found})


async def _results(monkeypatch: pytest.MonkeyPatch, graph_of: Any, given: Any, limits: Any) -> Any:
    with Consistent() as server:
        reset_limits()
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        settings = Limits(**limits, price_input=1, price_output=2, price_cache_read=0.1, backoff=0)
        out = await graph_of(settings).ainvoke(given)
        return out, server.requests


def _plain(out: Any) -> Any:
    """What a graph found, without times and costs."""
    hidden = {"run_report", "branches"}
    return {key: str(value) for key, value in out.items() if key not in hidden}


def _counts(report: Any) -> Any:
    return report.branches, len(report.calls), report.retries, report.usage.output_tokens


async def test_a_review_of_votes_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six aspects by three voters, with a leader that all the others wait for."""

    def graph_of(limits: Limits) -> Any:
        return create_review(model="openai:m", aspects=ASPECTS, voters=3, engines=False, limits=limits)

    given = {"files": {"rows.py": CODE}}
    plain, asked = await _results(monkeypatch, graph_of, given, NONE)
    led, sent = await _results(monkeypatch, graph_of, given, LEVERS)
    assert _plain(led) == _plain(plain)
    assert "rows.py" in str(_plain(plain))
    assert _counts(led["run_report"]) == _counts(plain["run_report"])
    assert len(asked) == 18
    assert sorted(r.prompt for r in sent) == sorted(r.prompt for r in asked)
    assert any(r.body.get("stream") for r in sent)
    assert not any(r.body.get("stream") for r in asked)


@pytest.mark.parametrize("stop", ["decided", "all_votes"])
@pytest.mark.parametrize("pictures", [0, 1, 3])
async def test_a_vote_with_pictures_is_the_same(
    monkeypatch: pytest.MonkeyPatch, pictures: int, stop: str
) -> None:
    """They count in what the voters share, and are never asked for in one request."""
    text = f"{'A long description of the harbour. ' * 300}\n\nIs there a boat? Answer yes or no."
    given = {"question": [text, *(picture(n) for n in range(pictures))] if pictures else text}

    def graph_of(limits: Limits) -> Any:
        return create_voting(
            model="openai:m", choices=["yes", "no"], voters=7, stop=stop, race=False, limits=limits
        )

    plain, asked = await _results(monkeypatch, graph_of, given, NONE)
    led, sent = await _results(monkeypatch, graph_of, given, LEVERS)
    assert [(b.voter, b.choice, b.status, b.rationale) for b in led["ballots"]] == [
        (b.voter, b.choice, b.status, b.rationale) for b in plain["ballots"]
    ]
    assert str(led["verdict"]) == str(plain["verdict"])
    assert _counts(led["run_report"])[:2] == _counts(plain["run_report"])[:2]
    if pictures:
        assert len(sent) == len(asked)
    else:
        assert len(sent) < len(asked)
