"""Plans, valid and broken: each runs to a short answer, or is refused in one line."""

import asyncio
import os
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_parallel import Section, parallel_tool
from langgraph_parallel.runtime.tokens import estimate_tokens
from tests.support.fuzzing import check_message, fuzz, json_values

PLANS = int(os.environ.get("PLANS", "60"))
"""Plans that are tried; `.ci/run` tries 1,000."""
RULES = [
    "majority",
    "unanimous",
    "threshold(0.7)",
    "union(2)",
    "median",
    "mean(quorum=2)",
    "first_valid",
    "most_similar",
    "pass_at(2)",
]
STOPS = ["decided", "all_votes", "decided | ahead_by(2)"]
TEXTS = st.one_of(
    st.sampled_from(["Do {it}.", "{0.__class__} %s ${x}", "{{", "a\nThe plan was not run: b", "x" * 20_000]),
    st.text(min_size=1, max_size=30).map("Do {}".format),
)
IDS = st.sampled_from(["a", "b", "c", "ü 🚲", "a|b:c", "__start__", "n" * 100]) | (
    st.text(max_size=6).map("s{}".format)
)
WRONG: dict[str, list[Any]] = {
    "id": ["", " ", "n" * 101, None, 7, True, "a"],
    "instructions": ["", "\n", "\ud800", "x" * 20_001, None, 3],
    "needs": [["ghost"], "a", [None], 5, ["a", "a"], '["a"]'],
    "worker": ["nobody", "", None, [], "w" * 300],
    "voters": [0, 1, -1, 10**30, "3", "many", 2.5, True],
    "rule": [
        "threshold",
        "borda",
        "by_field({'a': 'mean'})",
        "elementwise('median')",
        "at_least(99999999999)",
        "__import__('os').system('exit')",
        "majority | unanimous",
        "(" * 90,
        "",
        1,
    ],
    "stop": ["confident(2)", "no_new_findings(1)", "(((", "sleep", "", {}],
    "choices": [[], ["yes"], ["yes", "Yes"], ["", "x"], ["yes", "no"], "yes", None],
    "title": ["", "\n\n", "t" * 101, {}, "same", None],
    "tools": [["rm"]],
}
"""Values that a field may not have, or that contradict others."""


def one_of_the_plan(**fields: Any) -> dict[str, Any]:
    """A valid plan of one section, with other fields."""
    return {"sections": [{"id": "a", "instructions": "Do it.", "worker": "w", **fields}]}


@st.composite
def valid_plans(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan that can be run."""
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    sections: list[Any] = []
    for place, name in enumerate(ids):
        worker = draw(st.sampled_from(["w", "w", "sync", "odd", "fails"]))
        section: dict[str, Any] = {"id": name, "instructions": draw(TEXTS), "worker": worker}
        if place and draw(st.booleans()):
            section["needs"] = draw(st.lists(st.sampled_from(ids[:place]), max_size=3))
        if draw(st.integers(0, 3)) == 0:
            section["voters"] = draw(st.sampled_from([2, 3, 5]))
            if draw(st.booleans()):
                section["rule"] = draw(st.sampled_from(RULES))
            elif draw(st.booleans()):
                section |= {"choices": ["yes", "{no}"], "stop": draw(st.sampled_from(STOPS))}
        sections.append(section)
    plan: dict[str, Any] = {"sections": sections}
    if draw(st.booleans()):
        plan["join"] = draw(st.sampled_from(["concat", {"how": "merge"}, "rank", {}]))
    if draw(st.integers(0, 3)) == 0:
        plan["context"] = draw(TEXTS)
    return plan


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan, and spoil it in up to two places."""
    plan = draw(valid_plans())
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        section = draw(st.sampled_from(plan["sections"]))
        field = draw(st.sampled_from([*WRONG, "circle", "any", "plan"]))
        if field == "circle":
            section["needs"] = [one.get("id") for one in plan["sections"]]
        elif field == "any":
            section[draw(st.sampled_from(list(WRONG)))] = draw(json_values(st.text(max_size=4)))
        elif field != "plan":
            section[field] = draw(st.sampled_from(WRONG[field]))
        else:
            wrong = [{"context": "x" * 100_001}, {"join": {"how": "concat", "instructions": "x"}}, {"x": 1}]
            wrong += [{"join": "summarise"}, {"sections": []}, {"sections": plan["sections"] * 4}]
            return plan | draw(st.sampled_from(wrong))
    return plan


async def work(section: Section) -> str:
    """Answer with the text of the section."""
    return section.content[:100]


def at_once(section: Section) -> Any:
    """Answer something else than a text."""
    return [len(section.content), {"sections": section.earlier}, None]


async def odd(section: Section) -> Any:
    """Answer a number."""
    return len(section.content)


def failing(section: Section) -> str:
    """Fail."""
    raise ValueError("it is\nbroken")


WORKERS: Any = {"w": work, "sync": at_once, "odd": odd, "fails": failing}
TOOL = parallel_tool(WORKERS, max_sections=5)


@example(one_of_the_plan(id=1, needs=None, voters="3", rule="majority"))
@example(one_of_the_plan(id="|", title="\n\n", needs="a"))
@example({"sections": '[{"id": "a", "instructions": "x", "worker": "w"}]', "join": '{"how": "concat"}'})
@example({"sections": [None]})
@given(plans())
@(lambda target: fuzz(target, examples=PLANS))
def test_a_plan_is_run_or_refused_in_one_line(plan: dict[str, Any]) -> None:
    """It never raises, and never takes more than 500 tokens of the caller's context."""
    call = {"type": "tool_call", "id": "1", "name": TOOL.name, "args": plan}
    message = asyncio.run(TOOL.ainvoke(call))
    assert estimate_tokens(message.content) <= 500
    if not message.content.startswith("run_in_parallel (parallel_plan): "):
        assert message.status == "error"
        assert message.content.startswith("The plan was not run: "), message.content
        check_message(message.content)
    elif message.status == "error":
        assert "MISSING" in message.content  # it was run, and no section has succeeded
