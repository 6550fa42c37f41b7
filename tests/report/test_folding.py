"""The layout of a review's report: the gravest first, repeats folded, at most 200 lines, and nothing lost."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import AspectOutcome, Claim, Coverage, Finding, Lines, Review, Skipped
from langgraph_parallel.reducers.findings.unite import unite
from langgraph_parallel.report import Filters, markdown_report, sarif_report, text_report
from langgraph_parallel.report.review.fold import by_file, by_gravity, fold_in_files

Render = Callable[..., str]
BOTH = pytest.mark.parametrize("render", [text_report, markdown_report])
ASPECTS = ("security", "correctness", "style")


def engine(path: str, line: int, rule: str = "F405", severity: str = "low", **changes: Any) -> Claim:
    """Return a claim of an engine."""
    claim = {
        "voter": "ruff",
        "source": "ruff",
        "aspect": "style",
        "path": path,
        "lines": Lines(first=line, last=line),
        "severity": severity,
        "message": f"What {rule} says",
        "explanation": f"Why {rule} matters.",
        "suggestion": f"Mend {rule}.",
        "rule": rule,
        "code": rule,
        "quote": f"line_{line} = 1",
    }
    return Claim.model_validate(claim | changes)


def model(path: str, line: int, message: str, severity: str = "medium", **changes: Any) -> Claim:
    """Return a claim of a model."""
    own = {
        "voter": "model#1",
        "source": "model#1 (m)",
        "rule": None,
        "code": None,
        "message": message,
        "explanation": f"Because {message}.",
        "suggestion": "",
    }
    return Claim.model_validate(engine(path, line, "", severity).model_dump() | own | changes)


def review(*claims: Claim) -> Review:
    """Return a review of these claims; each voter is asked for what it claims."""
    paths = sorted({claim.path for claim in claims})
    names = sorted({claim.voter for claim in claims})
    outcomes = [
        AspectOutcome(
            name=name, status="judged", voters=names, asked=1, cast=1, abstained=0, failed=0, reasons=[]
        )
        for name in ASPECTS
    ]
    coverage = Coverage(files=paths, lines=10, skipped=[], not_reviewed=[], unread=[])
    return Review(judged_by=["ruff"], findings=unite(claims, []), aspects=outcomes, coverage=coverage)


@cache
def large(files: int = 300) -> Review:
    """Return a review of many files, with each kind of finding, and long texts."""
    claims = [
        engine(f"pkg/m{number}.py", line, f"S{100 + number % 70}", ("low", "medium", "high")[number % 3])
        for number in range(files)
        for line in range(1, 9)
    ]
    claims += [
        model(f"pkg/m{n}.py", 20 + n, f"thing {n} " + "long " * 300, quote="x" * 5000) for n in range(40)
    ]
    claims += [engine(f"pkg/m{n}.py", 30, "D103", doubt="the line is accepted") for n in range(files)]
    claims += [model(f"pkg/m{n}.py", 40 + n, f"doubtful {n}", doubt="not in the file") for n in range(40)]
    skipped = [Skipped(path=f"data/{number}.bin", reason="binary " * 40) for number in range(400)]
    whole = review(*claims)
    coverage = whole.coverage.model_copy(
        update={"skipped": skipped, "unread": skipped, "not_reviewed": skipped}
    )
    return whole.model_copy(update={"coverage": coverage, "notice": "Note. " * 400})


def test_repeats_of_a_rule_in_a_file_are_one_line() -> None:
    """A few of their lines are named, and the number of the others; other files and severities are apart."""
    claims = [engine("a.py", line) for line in range(1, 73)]
    folds = fold_in_files(review(*claims, engine("a.py", 80, severity="medium"), engine("b.py", 1)).findings)
    assert [(fold.name, fold.lines) for fold in folds] == [
        ("F405", "line 80"),
        ("F405 x 72", "lines 1, 2, 3, 4, 5 and 67 more"),
        ("F405", "line 1"),
    ]


def test_what_models_say_is_folded_only_if_it_is_the_same() -> None:
    """Findings of models have no rule; two of one message and explanation are one thing."""
    claims = [model("a.py", 1, "no check"), model("a.py", 30, "no check"), model("a.py", 60, "no lock")]
    assert sorted(len(fold.findings) for fold in fold_in_files(review(*claims).findings)) == [1, 2]


def test_the_gravest_come_first() -> None:
    """By severity, then one of each rule, then the aspects in their order; files by their gravest finding."""
    claims = [
        engine("a.py", 1, "S301", "medium", aspect="security"),
        engine("b.py", 1, "S301", "medium", aspect="security"),
        engine("b.py", 5, "E722", "medium"),
        engine("c.py", 1, "F821", "high", aspect="correctness"),
        engine("d.py", 1, "D100"),
    ]
    folds = by_gravity(fold_in_files(review(*claims).findings), ASPECTS)
    places = [(fold.head.path, fold.head.rule) for fold in folds]
    assert places == [
        ("c.py", "F821"),
        ("a.py", "S301"),
        ("b.py", "E722"),
        ("b.py", "S301"),
        ("d.py", "D100"),
    ]
    assert list(by_file(folds)) == ["c.py", "b.py", "a.py", "d.py"]


@BOTH
def test_a_report_has_counts_the_gravest_files_and_the_rest_in_this_order(render: Render) -> None:
    """Then what is unconfirmed, how to see all, and the coverage."""
    text = render(large())
    assert re.match(
        r"(# Code review\n\n\*\*)?2,440 findings: 800 high, 840 medium, 800 low; 340 unconf", text
    )
    parts = ["The gravest", "pkg/m", "The rest: ", "Unconfirmed", "Each finding", "Coverage"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    gravest = text[places[0] : places[2]]
    assert gravest.index("high") < gravest.index("Mend S")


@BOTH
@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_report_has_at_most_200_lines(render: Render, width: int) -> None:
    """Whatever was reviewed, at any width."""
    options: dict[str, Any] = {} if render is markdown_report else {"width": width}
    assert len(render(large(), **options).splitlines()) <= 200


@BOTH
def test_a_full_report_has_each_finding(render: Render) -> None:
    """With its quote and explanation, and all files of the coverage; nothing says that there is more."""
    whole = large(20)
    full = render(whole, full=True)
    assert len(re.findall(r"(?m)^ *(?:│ |)line_\d+ = 1$", full)) == sum(
        f.quote[0] == "l" for f in whole.findings
    )
    assert "x" * 5000 in full.replace("\n    ", "")
    assert "data/399.bin" in full
    assert "--all" not in full


@BOTH
def test_nothing_is_lost_in_silence(render: Render) -> None:
    """The numbers of what is shown, folded and counted add up to that of the headline."""
    claims = [engine(f"m{number}.py", line, f"B{number:03}") for number in range(90) for line in (1, 2, 3)]
    text = render(review(*claims))
    body = text[text.index("The gravest") : text.index("Coverage")]
    shown = 3 * len(re.findall(r"lines? (?:1, 2, 3)", body))
    rest = re.search(r"The rest: (\d+) findings", body)
    assert rest is not None
    assert shown + int(rest[1]) == 270
    by_rule = body[rest.end() :]
    more = re.search(r"and (\d+) findings of \d+ more rules", by_rule)
    assert more is not None
    assert 3 * len(re.findall(r" x 3 ", by_rule)) + int(more[1]) == int(rest[1])


@BOTH
def test_a_small_report_has_no_rest(render: Render) -> None:
    """All findings are shown where there is room, and nothing says that there are more."""
    text = render(review(engine("a.py", 3, "S602", "high"), model("a.py", 9, "no lock")))
    for expected in ("Findings", "What S602 says", "Why S602 matters.", "no lock", "Because no lock."):
        assert expected in text
    assert "The rest" not in text
    assert "--all" not in text


@BOTH
def test_models_are_quoted_with_their_reasons_beyond_the_gravest(render: Render) -> None:
    """What a model says is about one place, so that it is shown in full as long as there is room."""
    claims = [engine(f"a{number}.py", 1, f"S{300 + number}", "high") for number in range(12)]
    text = render(
        review(*claims, *(model("z.py", 9 * number, f"thing {number}", "low") for number in (1, 2)))
    )
    assert text.index("The gravest") < text.index("Because thing 1.") < text.index("Because thing 2.")


@BOTH
def test_the_reason_of_a_doubt_is_shown(render: Render) -> None:
    """Unconfirmed findings of engines are one line for each rule and reason."""
    claims = [engine(f"p{number}/__init__.py", 1, "F401", doubt="it is exported") for number in range(5)]
    text = render(review(*claims))
    assert "No findings; 5 unconfirmed: 5 low." in text
    line = next(line for line in " ".join(text.split()).split("- ") if "it is exported" in line)
    assert re.search(r"F401 x 5 in 5 files, such as p0/\S+init\S+.py:1: What F401 says", line)


@BOTH
def test_paths_are_relative_to_a_folder(render: Render) -> None:
    """Those below it are shortened, also in the coverage; a folder that only begins alike is another."""
    claims = [engine("src/app/a.py", 3), engine("src/app2/b.py", 3), engine("/abs/c.py", 3)]
    skipped = [Skipped(path="src/app/logo.png", reason="binary")]
    whole = review(*claims)
    coverage = whole.coverage.model_copy(update={"skipped": skipped})
    text = render(whole.model_copy(update={"coverage": coverage}), below="src/app")
    assert "Paths are relative to src/app." in text
    assert re.search(r"^(### `)?a\.py`?$", text, re.M)
    assert "src/app2/b.py" in text
    assert "/abs/c.py" in text
    assert " logo.png (binary)" in text
    assert "Paths" not in render(whole)


def names(filters: Filters, *claims: Claim) -> list[str | None]:
    """Return the rules that filters let through."""
    return [finding.rule for finding in filters.apply(review(*claims)).findings]


RULES = [
    engine("a.py", 1, "S602", "high", aspect="security"),
    engine("b.py", 1, "S101", "low", aspect="security"),
    engine("c.py", 1, "F401", "low"),
    engine("d.py", 1, "FURB110", "medium"),
    engine("e.py", 1, "unreachable-code", "medium"),
]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["S602", "S101", "F401", "FURB110", "unreachable-code"]),
        (Filters(min_severity="medium"), ["S602", "FURB110", "unreachable-code"]),
        (Filters(select=["F"]), ["F401"]),
        (Filters(select=["security"]), ["S602", "S101"]),
        (Filters(select=["B602", "unreachable-code"]), ["S602", "unreachable-code"]),
        (Filters(ignore=["S", "furb"]), ["F401", "unreachable-code"]),
        (Filters(ignore=["style"]), ["S602", "S101"]),
        (Filters(select=["security"], ignore=["S1"]), ["S602"]),
        (Filters(select=["S602"], ignore=["security"]), ["S602"]),
        (Filters(select=["S6"], ignore=["S602"]), []),
        (Filters(select=["S6"], ignore=["S6"]), []),
    ],
)
def test_filters_choose_by_severity_rule_and_aspect(filters: Filters, expected: list[str]) -> None:
    """Prefixes are of codes, not of texts; the more specific filter wins, of two alike `ignore`."""
    assert names(filters, *RULES) == expected


def test_a_finding_of_two_aspects_stays_while_one_is_not_ignored() -> None:
    """It is left out if all of its aspects are."""
    two = [engine("a.py", 1, "B015", aspect="tests"), engine("a.py", 1, "B015", voter="x", source="x")]
    assert names(Filters(ignore=["tests"]), *two) == ["B015"]
    assert names(Filters(ignore=["tests", "style"]), *two) == []
    assert names(Filters(select=["tests"]), *two) == ["B015"]


def test_what_is_left_out_is_counted_in_every_format() -> None:
    """The report names each filter, where it was set, and how many findings it leaves out."""
    filters = Filters(min_severity="high", ignore=["style"], origin={"ignore": "pyproject.toml"})
    left = filters.apply(review(*RULES))
    assert [(item.by, item.findings, item.confirmed) for item in left.left_out] == [
        ("ignore = style in pyproject.toml", 3, 3),
        ("min-severity = high", 1, 1),
    ]
    for render in (text_report, markdown_report):
        text = " ".join(render(left).split())
        assert "1 finding: 1 high; 4 left out." in text
        assert "3 findings by ignore = style in pyproject.toml (3 confirmed)" in text
    assert "F401" not in sarif_report(left)
    assert Review.model_validate_json(left.model_dump_json()) == left


def test_machine_formats_fold_nothing() -> None:
    """SARIF has each finding of a large review."""
    whole = large(30)
    assert sarif_report(whole).count('"ruleId"') == len(whole.findings)


@pytest.mark.parametrize("wrong", [{"min_severity": "grave"}, {"select": "security"}, {"ignore": [" "]}])
def test_filters_refuse_what_they_cannot_use(wrong: dict[str, Any]) -> None:
    """The error names the argument and what is expected."""
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is .*; expected"):
        Filters(**wrong)


def test_unknown_findings_of_a_fold_are_none() -> None:
    """A review without findings has no part for them."""
    text = text_report(review(engine("a.py", 1)).model_copy(update={"findings": []}))
    assert "gravest" not in text
    assert text.startswith("No findings.")


def test_one_rule_is_explained_once() -> None:
    """The second finding of a rule has its quote, but not the same explanation again."""
    findings: list[Finding] = review(engine("a.py", 1, "S602"), engine("b.py", 2, "S602")).findings
    text = text_report(review().model_copy(update={"findings": findings}))
    assert (text.count("Why S602 matters."), text.count("line_1 = 1"), text.count("line_2 = 1")) == (1, 1, 1)
