"""Moderation: any flag flags, what was not checked is never clean, and spans are where they say."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Check, Limits, aestimate, create_moderation, create_voting, errors
from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.offline.patterns import personal_data, spam_signs
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

TEXT = "Write to ann@example.org, or call +1 202 456 1111."


def judged(choice: str | None, *quotes: str, sure: float = 0.9) -> Reply:
    """What a judge answers."""
    said = {"rationale": f"so {choice}", "choice": choice, "confidence": sure, "notes": {"quotes": quotes}}
    return Reply(json=said)


async def test_every_check_runs_at_once_and_any_flag_flags(model: str, server: ModelServer) -> None:
    """Hate by three voters, of whom the majority decides; the others by one model; patterns beside them."""
    server.always(judged("clean"))
    server.on("'spam'", judged("flag", "call  +1 202", "not in the text", sure=0.7))
    out = await create_moderation(model=model).ainvoke({"text": TEXT})
    held = {outcome.check: outcome for outcome in out["moderation"].outcomes}
    assert (out["status"], [flag.check for flag in out["moderation"].flags]) == (
        "flagged",
        ["personal_data", "spam"],
    )
    assert [(s.text, s.kind) for s in held["personal_data"].spans] == [
        ("ann@example.org", "e-mail address"),
        ("+1 202 456 1111", "telephone number"),
    ]
    (span,) = held["spam"].spans
    assert TEXT[span.start : span.end] == span.text == "call +1 202"
    assert (held["spam"].confidence, held["spam"].by) == (0.7, ["test-model", "patterns"])
    assert str(held["hate"].support) == "2/2"
    assert held["copyright"].status == "clean"
    assert "**Flagged**." in out["markdown"]


async def test_a_check_that_fails_is_never_clean(model: str, server: ModelServer) -> None:
    """One check is down, another cannot tell: the text needs review."""
    server.always(judged("clean"))
    server.on("'copyright'", Reply(status=401))
    out = await create_moderation(model=model, checks=["hate", "copyright"]).ainvoke({"text": "hello"})
    assert out["status"] == "needs_review"
    assert [outcome.status for outcome in out["moderation"].outcomes] == ["clean", "not_run"]
    assert "401" in out["moderation"].outcomes[1].error
    server.on("'copyright'", judged(None))
    out = await create_moderation(model=model, checks=["hate", "copyright"]).ainvoke({"text": "hello"})
    assert (out["status"], out["moderation"].outcomes[1].status) == ("needs_review", "undecided")


async def test_only_what_was_wholly_checked_is_clean(model: str, server: ModelServer) -> None:
    """All checks, by models and patterns."""
    server.always(judged("clean"))
    out = await create_moderation(model=model).ainvoke({"text": "A quiet day."})
    assert (out["status"], out["moderation"].notice) == ("clean", "")


async def test_without_a_model_patterns_work_alone_and_say_so() -> None:
    """Hate and copyright are not assessed, so nothing is clean."""
    graph = create_moderation()
    out = await graph.ainvoke({"text": "A quiet day."})
    assert {o.check: o.status for o in out["moderation"].outcomes} == {
        "copyright": "not_assessed",
        "hate": "not_assessed",
        "personal_data": "clean",
        "spam": "clean",
    }
    assert out["status"] == "needs_review"
    assert "not a language model" in out["moderation"].notice
    assert (await graph.ainvoke({"text": TEXT}))["status"] == "flagged"
    assert (await aestimate(graph, {"text": TEXT})).calls == 0


async def test_offline_uses_no_model(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment names."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    await create_moderation(offline=True).ainvoke({"text": TEXT})
    assert server.requests == []
    with pytest.raises(errors.UsageError, match="offline=True uses no model"):
        create_moderation(offline=True, model=model)


async def test_long_texts_are_checked_in_parts_with_spans_of_the_whole() -> None:
    """Each part by every check; the spans count from the beginning of the text."""
    text = "filler words here\n" * 200 + "mail bob@example.org\n" + "and more of it\n" * 200

    def mails(part: str) -> Any:
        place = part.find("bob@example.org")
        return {"flagged": place >= 0, "spans": [[place, place + 15]]}

    graph = create_moderation(checks={"mail": mails}, limits=Limits(section_tokens=200))
    out = await graph.ainvoke({"text": text})
    (span,) = out["moderation"].outcomes[0].spans
    assert text[span.start : span.end] == "bob@example.org"
    assert len(out["sections"]) > 5


async def test_parts_beyond_the_limit_leave_a_gap() -> None:
    """What was not looked at is not clean."""
    limits = Limits(section_tokens=200, sections=2)
    graph = create_moderation(checks={"own": lambda part: False}, limits=limits)
    out = await graph.ainvoke({"text": "filler words here\n" * 500})
    assert (out["status"], out["moderation"].outcomes[0].status) == ("needs_review", "not_run")


async def test_checks_of_ones_own(model: str, server: ModelServer) -> None:
    """Criteria, functions, votes; and beside them those that ship."""
    server.on("Rude to cats", judged("flag", "bad cat"))
    vote = create_voting(voters=[lambda q: "clean", lambda q: "clean"], choices=["flag", "clean"])
    checks: Any = {
        "cats": "Rude to cats.",
        "long": lambda text: len(text) > 100,
        "caps": lambda text: {"flagged": text.isupper(), "reason": "shouts", "spans": [[0, 3], [5, 999]]},
        "vote": Check(worker=vote),
        "personal_data": "",
    }
    out = await create_moderation(model=model, checks=checks).ainvoke({"text": "bad cat"})
    held = {outcome.check: outcome for outcome in out["moderation"].outcomes}
    assert [held[name].status for name in ("cats", "long", "caps", "vote")] == ["flagged", *["clean"] * 3]
    assert held["cats"].spans[0].text == "bad cat"
    loud = await create_moderation(checks=checks | {"cats": len}).ainvoke({"text": "LOUD"})
    by_name = {outcome.check: outcome for outcome in loud["moderation"].outcomes}
    assert [span.text for span in by_name["caps"].spans] == ["LOU"]
    assert (by_name["cats"].status, by_name["cats"].error) == ("not_run", "its answer is no judgement")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("4111 1111 1111 1111", ["card number"]),
        ("4111 1111 1111 1112", []),
        ("order 0000 0000 0000 0000", []),
        ("078-05-1120", ["social security number"]),
        ("DE89 3704 0044 0532 0130 00", ["IBAN"]),
        ("version 10.2.3.4.5", []),
        ("at 192.168.0.1 now", ["IP address"]),
        ("näme.müller@beispiel.de", ["e-mail address"]),
        ("not@mail", []),
        ("@handle and a@b.c@d.e", []),
        ("the year 2024-2025", []),
        ("card 4111 1111 1111 1111 12/27 123", ["card number"]),
        ("the server is 192.168.0.1.", ["IP address"]),
        ("AT61 1904 3002 3457 3201 BIC X", ["IBAN"]),
    ],
)
def test_patterns_find_what_has_the_right_check_digits(text: str, kinds: list[str]) -> None:
    """And leave alone what only looks alike."""
    assert [span.kind for span in personal_data(text)] == kinds


def test_one_link_is_no_spam_and_bait_with_shouting_is() -> None:
    """It takes two signs."""
    assert spam_signs("See https://example.org and act now") == []
    assert {span.kind for span in spam_signs("ACT NOW!!! click here, free money")} == {"bait", "shouting"}


async def test_a_pattern_is_found_where_parts_would_meet() -> None:
    """Patterns look at the whole text."""
    text = "a " * 143 + "a someone.important@example.com " + "b" * 400
    limits = Limits(section_tokens=200)
    out = await create_moderation(checks=["personal_data"], offline=True, limits=limits).ainvoke(
        {"text": text}
    )
    assert out["moderation"].outcomes[0].spans[0].text == "someone.important@example.com"


async def test_a_check_with_any_name_and_any_answer(model: str, server: ModelServer) -> None:
    """The name of the engine is free; what is no judgement was not run, and takes no other check along."""
    server.always(judged("flag"))
    inner = create_moderation(checks={"x": lambda text: True})
    checks: Any = {
        "patterns": "mentions sewing",
        "odd": lambda text: {"verdict": {"safe": True}},
        "quotes": lambda text: {"flagged": True, "quotes": 5},
        "inner": Check(worker=inner),
    }
    out = await create_moderation(model=model, checks=checks).ainvoke({"text": "sewing"})
    assert [o.status for o in out["moderation"].outcomes] == ["flagged", "not_run", "flagged", "flagged"]


@given(st.text(max_size=300))
def test_spans_are_places_of_the_text_and_do_not_overlap(text: str) -> None:
    """Whatever the text."""
    spans = personal_data(text)
    assert all(text[span.start : span.end] == span.text for span in [*spans, *spam_signs(text)])
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(st.text(max_size=20), st.text(max_size=60))
def test_a_quote_is_found_where_it_stands(quote: str, text: str) -> None:
    """White space and case aside."""
    for start, end in locate(quote, text):
        assert text[start:end].casefold().split() == quote.casefold().split()


def test_the_report_obeys_nothing_that_it_quotes() -> None:
    """No HTML, no links."""
    graph = create_moderation(checks={"x": lambda text: {"flagged": True, "spans": [[0, len(text)]]}})
    out = graph.invoke({"text": "<script>alert(1)</script> [x](javascript:1)"})
    assert "<script>" not in out["markdown"]
    assert "[x](" not in out["markdown"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": ["hat"]}, "'hat' is not a check; choose one of copyright, hate"),
        ({"checks": []}, "there is no check"),
        ({"checks": "hate"}, "pass a list of names"),
        ({"checks": {"mine": ""}}, "'mine' is not a check"),
        ({"prompts": {"check": "{criteria}"}}, r"lacks the variable \{text\}"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        create_moderation(**arguments)
    with pytest.raises(errors.UsageError, match="pass one of them"):
        Check()


async def test_a_named_model_without_a_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patterns do not stand in for it in silence."""
    with pytest.raises(errors.NoModelError, match="no key for openai:x"):
        await create_moderation(model="openai:x").ainvoke({"text": "a"})
    with pytest.raises(errors.InputError, match="moderation has no text"):
        await create_moderation().ainvoke({"text": ""})
