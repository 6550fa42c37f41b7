"""Findings: canonical rules, anchored quotes, and the union of claims without loss."""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from langgraph_parallel.records import Claim, Finding, Lines, Support
from langgraph_parallel.reducers.findings.aliases import canonical_rule
from langgraph_parallel.reducers.findings.anchor import anchor
from langgraph_parallel.reducers.findings.unite import VoterScope, near_misses, unite
from langgraph_parallel.reducers.text.similarity import Corpus, terms
from tests.support.strategies import claim_lists, claims

few = settings(max_examples=60, deadline=None)

INJECTION = "SQL injection: user input is concatenated into the query"
LEAK = "the file handle leaks on every exception"


def claim(voter: str = "model#1", message: str = INJECTION, line: int = 10, **fields: Any) -> Claim:
    """Build a claim of a model about one line; the source defaults to the voter."""
    return Claim.model_validate(
        {
            "voter": voter,
            "source": voter,
            "aspect": "security",
            "path": "a.py",
            "lines": Lines(first=line, last=fields.pop("last", line)),
            "severity": "high",
            "message": message,
            **fields,
        }
    )


def hit(
    engine: str, rule: str | None = "S608", message: str = INJECTION, line: int = 10, **fields: Any
) -> Claim:
    """Build a claim of a static engine; all engines are one family, and so one voter."""
    return claim("engines", message, line, source=engine, rule=rule, **fields)


def scope_of(voter: str, aspect: str = "security", **fields: Any) -> VoterScope:
    """Build a scope, for the whole of `a.py` by default."""
    return VoterScope(aspect=aspect, voter=voter, path=fields.pop("path", "a.py"), **fields)


def scopes_of(*voters: str, aspect: str = "security") -> list[VoterScope]:
    """Build a scope for each voter."""
    return [scope_of(voter, aspect) for voter in voters]


def only(findings: Sequence[Finding]) -> Finding:
    """Return the only finding."""
    assert len(findings) == 1, [finding.message for finding in findings]
    return findings[0]


def keys(claims: Sequence[Claim]) -> Counter[str]:
    """Return claims as a multiset."""
    return Counter(claim.model_dump_json() for claim in claims)


# rules of several engines


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("B608", "S608"),
        ("S608", "S608"),
        ("DUO104", "S307"),
        ("B307", "S307"),
        ("W0123", "S307"),
        ("W0611", "F401"),
        ("F401", "F401"),
        ("B303", "S324"),
        ("B406", "S405"),
        ("DUO107", "S405"),
        ("C0103", "PLC0103"),
        ("PLC0103", "PLC0103"),
        (" b608 ", "S608"),
    ],
)
def test_a_rule_has_one_name_whichever_engine_speaks(code: str, canonical: str) -> None:
    """Codes of bandit, dlint and pylint are mapped to those of ruff."""
    assert canonical_rule(code) == canonical


@pytest.mark.parametrize("code", ["B006", "B904", "unused-import", "X999", "", "no rule 12"])
def test_a_code_that_is_not_known_is_its_own(code: str) -> None:
    """B0xx and B9xx belong to flake8-bugbear, and are kept; so are words."""
    assert canonical_rule(code) == code


@given(code=st.from_regex(re.compile(r"(B|S|DUO|W|C|E|F|R|PL)\d{3,4}"), fullmatch=True) | st.text(max_size=8))
def test_a_canonical_rule_is_its_own_canonical_rule(code: str) -> None:
    """The mapping is idempotent."""
    assert canonical_rule(canonical_rule(code)) == canonical_rule(code)


# similarity


def test_identifiers_come_apart_into_terms() -> None:
    """They are split at underscores and capitals; stop words and single letters are dropped."""
    assert terms("the user_name of a parseHTMLPage x") == terms("user name parse HTML page")


@given(
    texts=st.lists(
        st.sampled_from(["user input", "input leak", "leak", "", "of the"]), min_size=2, max_size=5
    )
)
def test_likeness_is_symmetric_and_bounded(texts: list[str]) -> None:
    """The cosine of two texts is the same both ways, and in [0, 1]."""
    corpus = Corpus(texts)
    assert corpus.cosine(0, 1) == corpus.cosine(1, 0)
    assert 0 <= corpus.cosine(0, 1) <= 1


@pytest.mark.parametrize(
    "language", ["user input leaks", "ввод пользователя", "用户输入未转义", "entrée non échappée"]
)
def test_a_text_is_as_like_itself_as_can_be(language: str) -> None:
    """Equal texts have a cosine of 1, in any language."""
    assert Corpus([language, language]).cosine(0, 1) == pytest.approx(1)


def test_texts_without_a_common_term_are_not_alike() -> None:
    """Their cosine is 0."""
    assert Corpus(["user input", "leak handle"]).cosine(0, 1) == 0


# anchoring

CODE = [
    "def load(name):",
    "    query = make(name)",
    "",
    "    run(query)",
    "}",
    "    run(query)",
    "x = {}  # }",
]


@pytest.mark.parametrize(
    ("quote", "near", "expected"),
    [
        ("run(query)", 1, Lines(first=4, last=4)),
        ("run(query)", 6, Lines(first=6, last=6)),
        ("run(query)", 5, Lines(first=4, last=4)),
        ("  run( query )", 99, Lines(first=6, last=6)),
        ("make(name)", 7, Lines(first=2, last=2)),
        ("query = make(name)\nrun(query)", 9, Lines(first=2, last=4)),
        ("}", 7, Lines(first=5, last=5)),
    ],
    ids=[
        "nearest-above",
        "nearest-below",
        "first-of-equals",
        "spaces",
        "part",
        "over-blank",
        "short-whole-line",
    ],
)
def test_a_quote_is_found_where_it_stands(quote: str, near: int, expected: Lines) -> None:
    """The quote decides; the line number only chooses between several matches."""
    assert anchor(quote, near, CODE) == expected


@pytest.mark.parametrize("quote", ["", "  \n ", "drop(table)", "{}", "run(query)\nrun(query)"])
def test_a_quote_that_is_not_in_the_text_is_not_found(quote: str) -> None:
    """Nor is an empty quote, or a short quote that is only part of a line."""
    assert anchor(quote, 1, CODE) is None


def test_lines_are_numbered_from_the_first_that_was_shown() -> None:
    """Lines of a fragment have their numbers in the file."""
    assert anchor("b = 2", 1, ["a = 1", "b = 2"], first=40) == Lines(first=41, last=41)


def test_lines_cannot_end_before_they_start() -> None:
    """The error names both lines."""
    with pytest.raises(ValidationError, match="last line 3 is before first line 4"):
        Lines(first=4, last=3)


# which claims are one finding


def test_the_same_rule_of_two_engines_on_overlapping_lines_is_one_finding() -> None:
    """The wording of the engines does not matter."""
    finding = only(
        unite([hit("ruff", "S608", "first words"), hit("bandit", "B608", "other text", 9, last=11)], [])
    )
    assert {claim.source for claim in finding.provenance} == {"ruff", "bandit"}
    assert finding.rule == "S608"


def test_two_engines_of_one_family_are_one_vote() -> None:
    """Two engines of a family that agree are still one voter."""
    finding = only(unite([hit("ruff"), hit("bandit", "B608")], scopes_of("engines", "model#1", "model#2")))
    assert (str(finding.support), finding.dissent) == ("1/3", ["model#1", "model#2"])


def test_the_same_rule_on_lines_apart_stays_two_findings() -> None:
    """A rule that is violated twice gives two findings."""
    assert len(unite([hit("ruff", line=10), hit("bandit", line=11)], [])) == 2


def test_one_place_with_different_texts_stays_two_findings() -> None:
    """Distinct defects often share a line."""
    assert len(unite([claim("model#1", INJECTION), claim("model#2", LEAK)], [])) == 2


@pytest.mark.parametrize("distance", [0, 1, 3])
def test_near_and_alike_is_one_finding(distance: int) -> None:
    """Similar claims of two voters within three lines describe one defect."""
    finding = only(
        unite([claim("model#1"), claim("model#2", line=10 + distance)], scopes_of("model#1", "model#2"))
    )
    assert str(finding.support) == "2/2"


@pytest.mark.parametrize("distance", [4, 40])
def test_alike_beyond_three_lines_stays_two_findings(distance: int) -> None:
    """The same text about distant lines describes another defect."""
    assert len(unite([claim("model#1"), claim("model#2", line=10 + distance)], [])) == 2


def test_distance_is_from_the_end_of_one_to_the_start_of_the_other() -> None:
    """Lines 1 to 10 are three lines from line 13."""
    assert len(unite([claim("model#1", line=1, last=10), claim("model#2", line=13)], [])) == 1


def test_alike_in_another_file_stays_two_findings() -> None:
    """Claims about different files are never united."""
    assert len(unite([claim("model#1"), claim("model#2", path="b.py")], [])) == 2


def test_alike_under_two_rules_stays_two_findings() -> None:
    """If both name a rule, the rules decide."""
    assert len(unite([hit("ruff", "S608"), claim("model#1", rule="S105")], [])) == 2


def test_a_claim_without_a_rule_unites_with_one_that_has_it() -> None:
    """A model that names no rule can agree with an engine that does; the finding keeps the rule."""
    finding = only(unite([hit("ruff"), claim("model#1")], scopes_of("engines", "model#1")))
    assert (finding.rule, str(finding.support)) == ("S608", "2/2")


def test_two_hits_of_one_engine_on_one_line_stay_two() -> None:
    """`import os, sys` has two unused imports."""
    unused = [
        hit("ruff", "F401", f"`{name}` imported but unused", quote="import os, sys") for name in ("os", "sys")
    ]
    assert len(unite(unused, [])) == 2


def test_hits_of_two_engines_on_two_defects_of_one_line_pair_up_by_wording() -> None:
    """Each of the two unused imports is claimed by both engines."""
    findings = unite(
        [
            hit(engine, "F401", f"{name} imported but unused")
            for engine in ("ruff", "pyflakes")
            for name in ("collections", "requests")
        ],
        [],
    )
    assert sorted(sorted(claim.message for claim in finding.provenance) for finding in findings) == [
        ["collections imported but unused"] * 2,
        ["requests imported but unused"] * 2,
    ]


def test_two_claims_of_one_voter_stay_two() -> None:
    """A voter that makes two claims means two defects, however similar the texts."""
    assert len(unite([claim(line=10), claim(line=11)], [])) == 2


def test_two_engines_of_one_voter_are_united_by_their_rule_only() -> None:
    """Claims of one ballot that are only similar stay apart, also if two engines make them."""
    alike = [hit("ruff", line=10), hit("vulture", rule=None, line=11)]
    assert len(unite(alike, [])) == 2


def test_one_voter_does_not_count_twice_through_a_third_claim() -> None:
    """A claim similar to two claims of one voter is united with only one of them."""
    findings = unite([claim("model#1", line=10), claim("model#2", line=11), claim("model#1", line=12)], [])
    assert sorted(len(finding.provenance) for finding in findings) == [1, 2]


def test_exact_duplicates_count_once() -> None:
    """A repeated claim changes nothing."""
    once = unite([claim()], scopes_of("model#1"))
    assert unite([claim(), claim()], scopes_of("model#1")) == once
    assert len(once[0].provenance) == 1


def test_equal_claims_in_any_language_are_one_finding() -> None:
    """Equal claims of two voters about one line agree, in any language."""
    message = "ввод пользователя попадает в запрос"
    assert len(unite([claim("model#1", message), claim("model#2", message)], [])) == 1


def test_nothing_claimed_is_nothing_found() -> None:
    """Scopes without claims give no finding."""
    assert unite([], scopes_of("model#1")) == []


# support, dissent, confirmation


def test_support_is_of_those_who_could_have_claimed_it() -> None:
    """Scopes of other files, lines and aspects are not in n; eligible voters without a claim dissent."""
    could_not = [
        scope_of("elsewhere", path="b.py"),
        scope_of("below", lines=Lines(first=11, last=20)),
        scope_of("stylist", "style"),
    ]
    could = [*scopes_of("model#1", "model#2"), scope_of("near", lines=Lines(first=5, last=10))]
    finding = only(unite([claim("model#1")], [*could, *could_not]))
    assert (finding.support, finding.dissent) == (Support(k=1, n=3), ["model#2", "near"])


@pytest.mark.parametrize(
    ("scope", "rule", "support"),
    [
        (["S"], "S608", "1/2"),
        (["F", "S6"], "S608", "1/2"),
        (["F"], "S608", "1/1"),
        (["S"], None, "1/1"),
        (None, None, "1/2"),
    ],
)
def test_an_engine_without_a_rule_for_a_claim_is_not_asked(
    scope: list[str] | None, rule: str | None, support: str
) -> None:
    """A voter is in n only if it has a rule for the claim; a scope of None can judge anything."""
    finding = only(
        unite([claim("model#1", rule=rule)], [scope_of("model#1"), scope_of("engines", scope=scope)])
    )
    assert str(finding.support) == support


def test_a_claimant_is_in_n_without_a_scope() -> None:
    """Support never exceeds 1."""
    assert only(unite([claim()], [])).support == Support(k=1, n=1)


def test_a_voter_with_several_scopes_counts_once() -> None:
    """The parts of one file give several scopes of one voter."""
    parts = [
        scope_of("model#2", lines=Lines(first=1, last=10)),
        scope_of("model#2", lines=Lines(first=10, last=20)),
    ]
    assert str(only(unite([claim("model#1")], parts)).support) == "1/2"


@pytest.mark.parametrize(
    ("k", "n", "min_support", "confirmed"),
    [
        (2, 3, Fraction(2, 3), True),
        (1, 2, Fraction(2, 3), False),
        (1, 3, Fraction(1, 3), True),
        (2, 3, Fraction(1), False),
        (3, 3, Fraction(1), True),
    ],
)
def test_a_finding_is_confirmed_from_the_least_share_on(
    k: int, n: int, min_support: Fraction, confirmed: bool
) -> None:
    """The share is compared exactly; a finding with less support is kept."""
    voters = [f"model#{i}" for i in range(n)]
    finding = only(unite([claim(voter) for voter in voters[:k]], scopes_of(*voters), min_support=min_support))
    assert (str(finding.support), finding.confirmed) == (f"{k}/{n}", confirmed)


def test_two_of_three_confirm_unless_set_otherwise() -> None:
    """The default of `min_support` is two thirds."""
    voters = scopes_of("model#1", "model#2", "model#3")
    assert only(unite([claim("model#1"), claim("model#2")], voters)).confirmed
    assert not only(unite([claim("model#1")], voters)).confirmed


def test_a_claim_in_doubt_is_not_confirmed() -> None:
    """Full support does not outweigh a quote that is not in the file."""
    finding = only(unite([claim(doubt="no such line")], scopes_of("model#1")))
    assert (finding.confirmed, finding.doubt, str(finding.support)) == (False, "no such line", "1/1")


def test_a_doubt_without_a_reason_is_a_doubt() -> None:
    """An empty text says that there is a doubt, though not which."""
    finding = only(unite([claim(doubt="")], scopes_of("model#1")))
    assert (finding.confirmed, finding.doubt) == (False, "")


def test_one_claim_without_doubt_settles_the_doubt_of_another() -> None:
    """A finding is in doubt only if all its claims are; it has the wording of a claim without doubt."""
    sure = claim("model#2", f"{INJECTION} string")
    finding = only(unite([claim("model#1", doubt="no such line"), sure], scopes_of("model#1", "model#2")))
    assert (finding.confirmed, finding.doubt, finding.message) == (True, None, sure.message)


def test_a_weaker_voice_of_another_aspect_does_not_lower_the_support() -> None:
    """Support of 2/2 for security stays, even if the same defect has 1/3 for style."""
    strong = [claim("model#1"), claim("model#2")]
    weak = [claim("model#1", aspect="style", line=11)]
    scopes = [*scopes_of("model#1", "model#2"), *scopes_of("model#1", "model#2", "model#3", aspect="style")]
    finding = only(unite([*strong, *weak], scopes))
    assert (finding.aspect, finding.aspects, str(finding.support)) == (
        "security",
        ["security", "style"],
        "2/2",
    )


def test_lines_of_another_aspects_claim_do_not_lower_the_support() -> None:
    """A voter that did not see the lines of an aspect's claims does not dissent in that aspect."""
    mine, theirs = claim("model#1", line=10), claim("model#1", aspect="style", line=12)
    scopes = [
        scope_of("model#1"),
        scope_of("model#2", lines=Lines(first=11, last=20)),
        *scopes_of("model#1", "model#2", "model#3", aspect="style"),
    ]
    assert str(only(unite([mine], scopes)).support) == "1/1"
    assert str(only(unite([mine, theirs], scopes)).support) == "1/1"


# the fields of a finding


def test_the_gravest_severity_counts_and_the_others_are_listed() -> None:
    """The contradiction lists the sources of each severity, the gravest first."""
    finding = only(
        unite(
            [
                claim("model#1", severity="low"),
                claim("model#2", severity="high"),
                claim("model#3", severity="low"),
            ],
            [],
        )
    )
    assert finding.severity == "high"
    contradiction = only_contradiction(finding)
    assert contradiction == ("severity", [("high", ["model#2"]), ("low", ["model#1", "model#3"])])


def only_contradiction(finding: Finding) -> tuple[str, list[tuple[str, list[str]]]]:
    """Return the only contradiction of a finding, as plain values."""
    (contradiction,) = finding.contradictions
    positions = [(position.value, position.sources) for position in contradiction.positions]
    return contradiction.field, positions


def test_suggestions_with_nothing_in_common_contradict() -> None:
    """The contradiction lists both, with their sources."""
    finding = only(
        unite(
            [
                claim("model#1", suggestion="bind parameters"),
                claim("model#2", suggestion="escape quotes"),
                claim("model#3", suggestion=""),
            ],
            [],
        )
    )
    name, positions = only_contradiction(finding)
    assert name == "suggestion"
    assert sorted(positions) == [("bind parameters", ["model#1"]), ("escape quotes", ["model#2"])]


@pytest.mark.parametrize("suggestion", ["bind parameters", "используйте параметры", "参数化", "{}", "of the"])
def test_equal_suggestions_do_not_contradict(suggestion: str) -> None:
    """Equal suggestions agree, in any language, and also without terms."""
    finding = only(unite([claim(voter, suggestion=suggestion) for voter in ("model#1", "model#2")], []))
    assert finding.contradictions == []


def test_what_the_typical_claim_leaves_out_comes_from_the_others() -> None:
    """Explanation, suggestion and quote are kept if only one voter gives them."""
    full = claim("model#2", explanation="a quote ends it", suggestion="bind", quote="run(q)", severity="low")
    finding = only(unite([claim("model#1"), full], []))
    assert (finding.suggestion, finding.explanation, finding.quote) == ("bind", "a quote ends it", "run(q)")


def test_findings_come_by_file_then_severity_then_line() -> None:
    """The order does not depend on support."""
    findings = unite(
        [
            claim(path="b.py", line=1),
            claim(line=30, severity="low"),
            claim(line=50, message=LEAK),
            claim(line=9, severity="medium"),
            claim(line=70),
        ],
        [],
    )
    assert [(finding.path, finding.severity, finding.lines.first) for finding in findings] == [
        ("a.py", "high", 50),
        ("a.py", "high", 70),
        ("a.py", "medium", 9),
        ("a.py", "low", 30),
        ("b.py", "high", 1),
    ]


# ids


def test_equal_findings_on_equal_lines_have_different_ids() -> None:
    """The same rule violated repeatedly by the same code gives distinct ids."""
    findings = unite([hit("ruff", line=line, quote="run(q)") for line in (10, 20, 30)], [])
    assert len({finding.id for finding in findings}) == 3


@few
@given(all_claims=claim_lists, moved=st.integers(1, 200))
def test_ids_stay_when_lines_move(all_claims: list[Claim], moved: int) -> None:
    """Lines inserted above change only line numbers."""
    later = [
        claim.model_copy(
            update={"lines": Lines(first=claim.lines.first + moved, last=claim.lines.last + moved)}
        )
        for claim in all_claims
    ]
    before = {finding.id: len(finding.provenance) for finding in unite(all_claims, [])}
    assert {finding.id: len(finding.provenance) for finding in unite(later, [])} == before


def test_an_id_changes_with_the_code_that_is_meant() -> None:
    """The same message about other code is another finding; white space does not matter."""
    ids = {only(unite([claim(quote=quote)], [])).id for quote in ("run(a)", "run(b)", " run( a )")}
    assert len(ids) == 2


# pairs that a reader considers the same


def test_a_pair_that_a_reader_calls_the_same_becomes_one_finding() -> None:
    """`joined` unites findings that the cosine kept apart, with the support of both."""
    all_claims = [claim("model#1", INJECTION), claim("model#2", LEAK)]
    first, second = unite(all_claims, [])
    finding = only(unite(all_claims, scopes_of("model#1", "model#2"), joined=[(second.id, first.id)]))
    assert str(finding.support) == "2/2"


def test_a_chain_of_joined_pairs_becomes_one_finding() -> None:
    """`joined` is transitive."""
    all_claims = [
        claim(f"model#{i}", message) for i, message in enumerate((INJECTION, LEAK, "password in the log"))
    ]
    first, second, third = unite(all_claims, [])
    finding = only(unite(all_claims, [], joined=[(first.id, second.id), (third.id, second.id)]))
    assert len(finding.provenance) == 3


def test_joined_never_unites_two_claims_of_one_voter() -> None:
    """A reader cannot unite two claims of one voter."""
    all_claims = [claim("model#1", INJECTION), claim("model#1", LEAK)]
    first, second = unite(all_claims, [])
    assert len(unite(all_claims, [], joined=[(first.id, second.id)])) == 2


def test_unknown_joined_ids_change_nothing() -> None:
    """An id of another run is ignored."""
    all_claims = [claim("model#1")]
    assert unite(all_claims, [], joined=[("gone", unite(all_claims, [])[0].id)]) == unite(all_claims, [])


def test_near_misses_are_pairs_a_reader_should_see() -> None:
    """They are in one file, within ten lines, have words in common, and share no voter."""
    findings = unite(
        [
            claim("model#1", "user input reaches the query", 10),
            claim("model#2", "the query is assembled from user input", 20),
            claim("model#3", "the query is assembled from user input", 31),
            claim("model#4", "user input reaches the query", 12, path="b.py"),
            claim("model#5", LEAK, 11),
        ],
        [],
    )
    pairs = [{finding.provenance[0].voter for finding in pair} for pair in near_misses(findings)]
    assert pairs == [{"model#1", "model#2"}]


def test_findings_of_one_voter_are_not_a_near_miss() -> None:
    """A voter that makes two claims means two defects."""
    assert near_misses(unite([claim(line=10), claim(line=15)], [])) == []


def test_near_misses_are_the_likest_and_bounded() -> None:
    """The most similar pairs come first, up to `most`."""
    message = "user input reaches the query"
    findings = unite(
        [
            claim("model#1", message, 10),
            claim("model#2", message, 15),
            claim("model#3", f"{message} leak", 20),
        ],
        [],
    )
    everything, most = near_misses(findings), near_misses(findings, most=1)
    assert len(everything) > 1
    assert most == everything[:1]
    assert {finding.provenance[0].voter for finding in most[0]} == {"model#1", "model#2"}


# properties of any claims


@st.composite
def any_scopes(draw: st.DrawFn) -> VoterScope:
    """Draw any scope of the voters in the strategies."""
    first = draw(st.integers(1, 12))
    return VoterScope(
        aspect=draw(st.sampled_from(["security", "style"])),
        voter=draw(st.sampled_from(["model#1", "model#2", "model#3", "engines"])),
        path=draw(st.sampled_from(["a.py", "b.py"])),
        lines=draw(st.none() | st.just(Lines(first=first, last=first + 5))),
        scope=draw(st.none() | st.sampled_from([("S",), ("F", "S6")])),
    )


@few
@given(all_claims=claim_lists)
def test_no_claim_is_lost_and_none_is_in_two_findings(all_claims: list[Claim]) -> None:
    """The provenance of all findings together is the set of distinct claims."""
    distinct = keys(list({claim.model_dump_json(): claim for claim in all_claims}.values()))
    assert keys([claim for finding in unite(all_claims, []) for claim in finding.provenance]) == distinct


@few
@given(data=st.data(), all_claims=claim_lists, scopes=st.lists(any_scopes(), max_size=6))
def test_the_order_of_arrival_does_not_matter(
    data: st.DataObject, all_claims: list[Claim], scopes: list[VoterScope]
) -> None:
    """Claims and scopes in any order, with repetitions, give the same findings."""
    shuffled = data.draw(st.permutations(all_claims + all_claims[:2]))
    shuffled_scopes = data.draw(st.permutations(scopes))
    assert unite(shuffled, shuffled_scopes) == unite(all_claims, scopes)


@few
@given(all_claims=claim_lists, scopes=st.lists(any_scopes(), max_size=6))
def test_support_is_voters_of_the_leading_aspect(all_claims: list[Claim], scopes: list[VoterScope]) -> None:
    """`k` counts its claimants, `n` adds the dissent, and no voter is in both."""
    for finding in unite(all_claims, scopes):
        claimants = {claim.voter for claim in finding.provenance if claim.aspect == finding.aspect}
        assert finding.support == Support(k=len(claimants), n=len(claimants) + len(finding.dissent))
        assert not claimants & set(finding.dissent)


@settings(max_examples=400, deadline=None)
@given(all_claims=claim_lists, scopes=st.lists(any_scopes(), max_size=6))
def test_no_aspect_alone_would_have_more_support(all_claims: list[Claim], scopes: list[VoterScope]) -> None:
    """Uniting claims of several aspects never lowers the support of one of them."""
    for finding in unite(all_claims, scopes):
        for aspect in finding.aspects:
            alone = unite([claim for claim in finding.provenance if claim.aspect == aspect], scopes)
            if len(alone) == 1:  # the claims of this aspect belong together without the others
                assert finding.support.share >= alone[0].support.share


@few
@given(all_claims=claim_lists)
def test_ids_are_unique(all_claims: list[Claim]) -> None:
    """No two findings of a report have the same id."""
    findings = unite(all_claims, [])
    assert len({finding.id for finding in findings}) == len(findings)


@few
@given(all_claims=claim_lists)
def test_no_source_speaks_twice_in_one_finding(all_claims: list[Claim]) -> None:
    """Claims of one source for one aspect are never united."""
    for finding in unite(all_claims, []):
        sources = [(claim.aspect, claim.source) for claim in finding.provenance]
        assert len(sources) == len(set(sources))


@few
@given(single=claims())
def test_a_single_claim_is_reported_as_it_is(single: Claim) -> None:
    """A finding of one claim has the fields of the claim, and no contradiction."""
    finding = only(unite([single], []))
    assert (finding.message, finding.lines, finding.severity) == (
        single.message,
        single.lines,
        single.severity,
    )
    assert (finding.suggestion, finding.rule, finding.quote) == (single.suggestion, single.rule, single.quote)
    assert (finding.provenance, finding.contradictions, finding.dissent) == ([single], [], [])
