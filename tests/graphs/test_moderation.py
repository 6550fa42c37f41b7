"""Moderation: any flag flags the text, unchecked text is never clean, and spans are exact."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Check, Limits, aestimate, create_moderation, create_voting, errors
from langgraph_parallel.offline.personal_data import personal_data
from langgraph_parallel.offline.spam import spam_signs
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

TEXT = "Write to ann@example.org, or call +1 202 456 1111."


def judged(choice: str | None, *quotes: str, sure: float = 0.9) -> Reply:
    """Return the answer of a judge."""
    notes = {"quotes": quotes}
    return Reply(json={"rationale": f"so {choice}", "choice": choice, "confidence": sure, "notes": notes})


async def test_every_check_runs_at_once_and_any_flag_flags(model: str, server: ModelServer) -> None:
    """Three voters decide about hate, one model about each other check; patterns run beside them."""
    server.always(judged("clean"))
    server.on("'spam'", judged("flag", "call  +1 202", "not in the text", sure=0.7))
    out = await create_moderation(model=model).ainvoke({"text": TEXT})
    outcomes = {outcome.check: outcome for outcome in out["moderation"].outcomes}
    assert (out["status"], [flag.check for flag in out["moderation"].flags]) == (
        "flagged",
        ["personal_data", "spam"],
    )
    assert [(s.text, s.kind) for s in outcomes["personal_data"].spans] == [
        ("ann@example.org", "e-mail address"),
        ("+1 202 456 1111", "telephone number"),
    ]
    (span,) = outcomes["spam"].spans
    assert TEXT[span.start : span.end] == span.text == "call +1 202"
    assert (outcomes["spam"].confidence, outcomes["spam"].by) == (0.7, ["test-model", "patterns"])
    assert str(outcomes["hate"].support) == "2/2"
    assert outcomes["copyright"].status == "clean"
    assert "**Flagged**." in out["markdown"]


async def test_a_check_that_fails_is_never_clean(model: str, server: ModelServer) -> None:
    """If a check fails or cannot decide, the text needs review."""
    server.always(judged("clean"))
    server.on("'copyright'", Reply(status=418))
    out = await create_moderation(model=model, checks=["hate", "copyright"]).ainvoke({"text": "hello"})
    assert out["status"] == "needs_review"
    assert [outcome.status for outcome in out["moderation"].outcomes] == ["clean", "not_run"]
    assert "418" in out["moderation"].outcomes[1].error
    server.on("'copyright'", judged(None))
    out = await create_moderation(model=model, checks=["hate", "copyright"]).ainvoke({"text": "hello"})
    assert (out["status"], out["moderation"].outcomes[1].status) == ("needs_review", "undecided")


async def test_a_completely_checked_text_is_clean(model: str, server: ModelServer) -> None:
    """All checks ran, by models and by patterns."""
    server.always(judged("clean"))
    out = await create_moderation(model=model).ainvoke({"text": "A quiet day."})
    assert (out["status"], out["moderation"].notice) == ("clean", "")


async def test_without_a_model_patterns_work_alone_and_the_notice_says_so() -> None:
    """Hate and copyright are not assessed, so the text is not clean."""
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


async def test_a_region_finds_national_telephone_numbers_and_the_notice_asks_for_one() -> None:
    """Without one, a number needs a word beside it."""
    text = "020 7946 0018 is in London"
    for region, status, asks in ((None, "clean", True), ("GB", "flagged", False)):
        out = await create_moderation(offline=True, region=region).ainvoke({"text": text})
        outcomes = {outcome.check: outcome for outcome in out["moderation"].outcomes}
        assert outcomes["personal_data"].status == status
        assert ("Without a region" in out["moderation"].notice) is asks
    assert [span.kind for span in outcomes["personal_data"].spans] == ["telephone number"]


async def test_offline_uses_no_model(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ignores the model that the environment names."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    await create_moderation(offline=True).ainvoke({"text": TEXT})
    assert server.requests == []
    with pytest.raises(errors.UsageError, match="offline=True and model= exclude each other"):
        create_moderation(offline=True, model=model)


async def test_long_texts_are_checked_in_parts_with_spans_of_the_whole() -> None:
    """Each check runs on each part; offsets are those of the whole text."""
    text = "filler words here\n" * 200 + "mail bob@example.org\n" + "and more of it\n" * 200

    def mails(part: str) -> Any:
        place = part.find("bob@example.org")
        return {"flagged": place >= 0, "spans": [[place, place + 15]]}

    graph = create_moderation(checks={"mail": mails}, limits=Limits(section_tokens=200))
    out = await graph.ainvoke({"text": text})
    (span,) = out["moderation"].outcomes[0].spans
    assert text[span.start : span.end] == "bob@example.org"
    assert len(out["sections"]) > 5


async def test_more_parts_than_are_sent_at_once_are_all_checked() -> None:
    """The limit of sections at once leaves no gap."""
    limits = Limits(section_tokens=200, max_sections=2)
    graph = create_moderation(checks={"own": lambda part: False}, limits=limits)
    out = await graph.ainvoke({"text": "filler words here\n" * 500})
    assert (out["status"], out["moderation"].outcomes[0].status) == ("clean", "clean")
    assert out["run_report"].branches == {"ok": len(out["sections"])}


async def test_a_check_that_is_not_run_leaves_other_checks_alone() -> None:
    """Even if its name starts with the name of another check."""
    checks: Any = {"own": lambda text: False, "own too": lambda text: False}
    graph = create_moderation(checks=checks, limits=Limits(max_sections=1), completion="min_success(1)")
    own, own_too = (await graph.ainvoke({"text": "hello"}))["moderation"].outcomes
    assert (own.status, own_too.status) == ("clean", "not_run")


async def test_checks_can_be_criteria_functions_and_votes(model: str, server: ModelServer) -> None:
    """Shipped checks can be used beside them."""
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
    outcomes = {outcome.check: outcome for outcome in out["moderation"].outcomes}
    assert [outcomes[name].status for name in ("cats", "long", "caps", "vote")] == ["flagged", *["clean"] * 3]
    assert outcomes["cats"].spans[0].text == "bad cat"
    loud = await create_moderation(checks=checks | {"cats": len}).ainvoke({"text": "LOUD"})
    by_name = {outcome.check: outcome for outcome in loud["moderation"].outcomes}
    assert [span.text for span in by_name["caps"].spans] == ["LOU"]
    assert by_name["cats"].status == "undecided"
    assert str(by_name["cats"].error).startswith("its answer is not a judgement: ")


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
def test_patterns_find_numbers_with_valid_check_digits(text: str, kinds: list[str]) -> None:
    """They ignore text that only looks similar."""
    assert [span.kind for span in personal_data(text)] == kinds


def test_one_sign_is_not_spam_and_two_are() -> None:
    """A link and a single phrase are not enough."""
    assert spam_signs("See https://example.org and act now") == []
    assert {span.kind for span in spam_signs("ACT NOW!!! click here, free money")} == {"bait", "shouting"}


async def test_a_pattern_is_found_across_the_ends_of_parts() -> None:
    """Patterns search the whole text."""
    text = "a " * 143 + "a someone.important@example.com " + "b" * 400
    limits = Limits(section_tokens=200)
    out = await create_moderation(checks=["personal_data"], offline=True, limits=limits).ainvoke(
        {"text": text}
    )
    assert out["moderation"].outcomes[0].spans[0].text == "someone.important@example.com"


async def test_a_check_can_have_any_name_and_any_answer(model: str, server: ModelServer) -> None:
    """The name of the engine is not reserved; an answer that is not a judgement affects no other check."""
    server.always(judged("flag"))
    inner = create_moderation(checks={"x": lambda text: True})
    checks: Any = {
        "patterns": "mentions sewing",
        "odd": lambda text: {"verdict": {"safe": True}},
        "quotes": lambda text: {"flagged": True, "quotes": 5},
        "inner": Check(worker=inner),
    }
    out = await create_moderation(model=model, checks=checks).ainvoke({"text": "sewing"})
    assert [o.status for o in out["moderation"].outcomes] == ["flagged", "undecided", "flagged", "flagged"]


@given(st.text(max_size=300))
def test_spans_are_in_the_text_and_do_not_overlap(text: str) -> None:
    """This holds for any text."""
    spans = personal_data(text)
    assert all(text[span.start : span.end] == span.text for span in [*spans, *spam_signs(text)])
    assert all(span.end <= following.start for span, following in pairwise(spans))


def test_the_report_escapes_what_it_quotes() -> None:
    """HTML and links in the text are not active in the Markdown."""
    graph = create_moderation(checks={"x": lambda text: {"flagged": True, "spans": [[0, len(text)]]}})
    out = graph.invoke({"text": "<script>alert(1)</script> [x](javascript:1)"})
    assert "<script>" not in out["markdown"]
    assert "[x](" not in out["markdown"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": ["hat"]}, "'hat' is not a check; choose one of copyright, hate"),
        ({"checks": []}, "checks is empty"),
        ({"checks": "hate"}, "checks is 'hate'; expected a list of strings"),
        ({"checks": {"mine": ""}}, "'mine' is not a check"),
        ({"prompts": {"check": "{criteria}"}}, r"lacks the variable \{text\}"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_moderation(**arguments)


def test_a_check_without_criteria_and_worker_is_rejected() -> None:
    """The error says what to pass."""
    with pytest.raises(errors.UsageError, match="pass exactly one of them"):
        Check()


async def test_a_named_model_without_a_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns do not silently replace the model."""
    with pytest.raises(errors.NoModelError, match="no key for openai:x"):
        await create_moderation(model="openai:x").ainvoke({"text": "a"})
    with pytest.raises(errors.InputError, match="text is empty; expected a non-empty text"):
        await create_moderation().ainvoke({"text": ""})
