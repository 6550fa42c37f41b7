"""From claims to findings: one name for one rule, quotes found again, and union without loss."""

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
    """A claim of a model about one line; `source` is the voter unless given."""
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
    """A claim of a static engine; all engines are of one family, and so one voter."""
    return claim("engines", message, line, source=engine, rule=rule, **fields)


def panel(voter: str, aspect: str = "security", **fields: Any) -> VoterScope:
    """A seat for the whole of `a.py`."""
    return VoterScope(aspect=aspect, voter=voter, path=fields.pop("path", "a.py"), **fields)


def seats(*voters: str, aspect: str = "security") -> list[VoterScope]:
    """A seat for each voter."""
    return [panel(voter, aspect) for voter in voters]


def only(findings: Sequence[Finding]) -> Finding:
    """The one finding there is."""
    assert len(findings) == 1, [finding.message for finding in findings]
    return findings[0]


def keys(held: Sequence[Claim]) -> Counter[str]:
    """Claims as a bag that can be compared."""
    return Counter(one.model_dump_json() for one in held)


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
    """Codes of bandit, dlint and pylint become those of ruff."""
    assert canonical_rule(code) == canonical


@pytest.mark.parametrize("code", ["B006", "B904", "unused-import", "X999", "", "no rule 12"])
def test_a_code_that_is_not_known_is_its_own(code: str) -> None:
    """B0xx and B9xx are flake8-bugbear's, and stay; so do words."""
    assert canonical_rule(code) == code


@given(code=st.from_regex(re.compile(r"(B|S|DUO|W|C|E|F|R|PL)\d{3,4}"), fullmatch=True) | st.text(max_size=8))
def test_a_canonical_rule_is_its_own_canonical_rule(code: str) -> None:
    """Applying it again changes nothing."""
    assert canonical_rule(canonical_rule(code)) == canonical_rule(code)


# similarity


def test_identifiers_come_apart_into_terms() -> None:
    """Underscores and capitals divide; stop words and single letters go."""
    assert terms("the user_name of a parseHTMLPage x") == terms("user name parse HTML page")


@given(
    texts=st.lists(
        st.sampled_from(["user input", "input leak", "leak", "", "of the"]), min_size=2, max_size=5
    )
)
def test_likeness_is_symmetric_and_bounded(texts: list[str]) -> None:
    """The cosine of two texts is the same both ways, from 0 to 1."""
    corpus = Corpus(texts)
    assert corpus.cosine(0, 1) == corpus.cosine(1, 0)
    assert 0 <= corpus.cosine(0, 1) <= 1


@pytest.mark.parametrize(
    "language", ["user input leaks", "ввод пользователя", "用户输入未转义", "entrée non échappée"]
)
def test_a_text_is_as_like_itself_as_can_be(language: str) -> None:
    """Equal texts have all terms in common, in any language."""
    assert Corpus([language, language]).cosine(0, 1) == pytest.approx(1)


def test_texts_without_a_common_term_are_not_alike() -> None:
    """Nothing in common is zero."""
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
    ("quote", "near", "found"),
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
def test_a_quote_is_found_where_it_stands(quote: str, near: int, found: Lines) -> None:
    """The quote decides; the line number only chooses among several places."""
    assert anchor(quote, near, CODE) == found


@pytest.mark.parametrize("quote", ["", "  \n ", "drop(table)", "{}", "run(query)\nrun(query)"])
def test_a_quote_that_is_not_there_is_not_found(quote: str) -> None:
    """Neither is an empty one, nor a short one that is only a part of a line."""
    assert anchor(quote, 1, CODE) is None


def test_lines_are_numbered_from_the_first_that_was_shown() -> None:
    """A fragment's lines have the numbers of the file."""
    assert anchor("b = 2", 1, ["a = 1", "b = 2"], first=40) == Lines(first=41, last=41)


def test_lines_cannot_end_before_they_start() -> None:
    """A range that is upside down is no range."""
    with pytest.raises(ValidationError, match="4-3"):
        Lines(first=4, last=3)


# what is one finding, and what is not


def test_the_same_rule_of_two_engines_on_overlapping_lines_is_one_finding() -> None:
    """Whatever words the engines use for it."""
    found = only(
        unite([hit("ruff", "S608", "first words"), hit("bandit", "B608", "other text", 9, last=11)], [])
    )
    assert {one.source for one in found.provenance} == {"ruff", "bandit"}
    assert found.rule == "S608"


def test_two_engines_of_one_family_are_one_vote() -> None:
    """What two engines say together still is the word of one voter."""
    found = only(unite([hit("ruff"), hit("bandit", "B608")], seats("engines", "model#1", "model#2")))
    assert (str(found.support), found.dissent) == ("1/3", ["model#1", "model#2"])


def test_the_same_rule_on_lines_apart_stays_two_findings() -> None:
    """A rule that is broken twice is broken twice."""
    assert len(unite([hit("ruff", line=10), hit("bandit", line=11)], [])) == 2


def test_one_place_with_different_texts_stays_two_findings() -> None:
    """Distinct defects often share a line."""
    assert len(unite([claim("model#1", INJECTION), claim("model#2", LEAK)], [])) == 2


@pytest.mark.parametrize("distance", [0, 1, 3])
def test_near_and_alike_is_one_finding(distance: int) -> None:
    """Two voters who say the same within three lines mean the same."""
    found = only(unite([claim("model#1"), claim("model#2", line=10 + distance)], seats("model#1", "model#2")))
    assert str(found.support) == "2/2"


@pytest.mark.parametrize("distance", [4, 40])
def test_alike_beyond_three_lines_stays_two_findings(distance: int) -> None:
    """The same text elsewhere is about something else."""
    assert len(unite([claim("model#1"), claim("model#2", line=10 + distance)], [])) == 2


def test_distance_is_from_the_end_of_one_to_the_start_of_the_other() -> None:
    """Lines 1 to 10 are near line 13."""
    assert len(unite([claim("model#1", line=1, last=10), claim("model#2", line=13)], [])) == 1


def test_alike_in_another_file_stays_two_findings() -> None:
    """Claims about different files are never one."""
    assert len(unite([claim("model#1"), claim("model#2", path="b.py")], [])) == 2


def test_alike_under_two_rules_stays_two_findings() -> None:
    """Where both name a rule, the rules decide."""
    assert len(unite([hit("ruff", "S608"), claim("model#1", rule="S105")], [])) == 2


def test_a_claim_without_a_rule_unites_with_one_that_has_it() -> None:
    """A model that names no rule agrees with an engine that does, and the finding keeps the rule."""
    found = only(unite([hit("ruff"), claim("model#1")], seats("engines", "model#1")))
    assert (found.rule, str(found.support)) == ("S608", "2/2")


def test_two_hits_of_one_engine_on_one_line_stay_two() -> None:
    """`import os, sys` has two unused imports."""
    unused = [
        hit("ruff", "F401", f"`{name}` imported but unused", quote="import os, sys") for name in ("os", "sys")
    ]
    assert len(unite(unused, [])) == 2


def test_hits_of_two_engines_on_two_defects_of_one_line_pair_up_by_wording() -> None:
    """Each of the two unused imports has the word of both engines."""
    found = unite(
        [
            hit(engine, "F401", f"{name} imported but unused")
            for engine in ("ruff", "pyflakes")
            for name in ("collections", "requests")
        ],
        [],
    )
    assert sorted(sorted(one.message for one in finding.provenance) for finding in found) == [
        ["collections imported but unused"] * 2,
        ["requests imported but unused"] * 2,
    ]


def test_two_claims_of_one_voter_stay_two() -> None:
    """Whoever makes two claims means two things, however alike they are."""
    assert len(unite([claim(line=10), claim(line=11)], [])) == 2


def test_two_engines_of_one_voter_are_united_by_their_rule_only() -> None:
    """Claims of one ballot that are merely alike stay two, whichever engines say them."""
    alike = [hit("ruff", line=10), hit("vulture", rule=None, line=11)]
    assert len(unite(alike, [])) == 2


def test_one_voter_does_not_count_twice_through_a_third_claim() -> None:
    """A claim that is like two claims of one voter unites with one of them only."""
    found = unite([claim("model#1", line=10), claim("model#2", line=11), claim("model#1", line=12)], [])
    assert sorted(len(finding.provenance) for finding in found) == [1, 2]


def test_exact_duplicates_count_once() -> None:
    """The same claim again adds nothing."""
    once = unite([claim()], seats("model#1"))
    assert unite([claim(), claim()], seats("model#1")) == once
    assert len(once[0].provenance) == 1


def test_equal_claims_in_any_language_are_one_finding() -> None:
    """Two voters who say the same about one line agree, whatever they write in."""
    message = "ввод пользователя попадает в запрос"
    assert len(unite([claim("model#1", message), claim("model#2", message)], [])) == 1


def test_nothing_claimed_is_nothing_found() -> None:
    """Seats alone make no finding."""
    assert unite([], seats("model#1")) == []


# support, dissent, confirmation


def test_support_is_of_those_who_could_have_claimed_it() -> None:
    """Seats of other files, other lines and other aspects are not in n; silent ones are the dissent."""
    could_not = [
        panel("elsewhere", path="b.py"),
        panel("below", lines=Lines(first=11, last=20)),
        panel("stylist", "style"),
    ]
    could = [*seats("model#1", "model#2"), panel("near", lines=Lines(first=5, last=10))]
    found = only(unite([claim("model#1")], [*could, *could_not]))
    assert (found.support, found.dissent) == (Support(k=1, n=3), ["model#2", "near"])


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
    """A voter is in n only where it has a rule for the claim; None is a voter that can judge anything."""
    found = only(unite([claim("model#1", rule=rule)], [panel("model#1"), panel("engines", scope=scope)]))
    assert str(found.support) == support


def test_who_claims_it_is_in_n_without_a_seat() -> None:
    """Support is never more than all."""
    assert only(unite([claim()], [])).support == Support(k=1, n=1)


def test_a_voter_with_several_seats_counts_once() -> None:
    """Parts of one file are seats of one voter."""
    parts = [
        panel("model#2", lines=Lines(first=1, last=10)),
        panel("model#2", lines=Lines(first=10, last=20)),
    ]
    assert str(only(unite([claim("model#1")], parts)).support) == "1/2"


@pytest.mark.parametrize(
    ("k", "n", "confirm", "confirmed"),
    [
        (2, 3, Fraction(2, 3), True),
        (1, 2, Fraction(2, 3), False),
        (1, 3, Fraction(1, 3), True),
        (2, 3, Fraction(1), False),
        (3, 3, Fraction(1), True),
    ],
)
def test_a_finding_is_confirmed_from_the_least_share_on(
    k: int, n: int, confirm: Fraction, confirmed: bool
) -> None:
    """The share is compared exactly, and a finding below it is kept."""
    voters = [f"model#{i}" for i in range(n)]
    found = only(unite([claim(voter) for voter in voters[:k]], seats(*voters), confirm=confirm))
    assert (str(found.support), found.confirmed) == (f"{k}/{n}", confirmed)


def test_two_of_three_confirm_unless_set_otherwise() -> None:
    """The default is two thirds."""
    voters = seats("model#1", "model#2", "model#3")
    assert only(unite([claim("model#1"), claim("model#2")], voters)).confirmed
    assert not only(unite([claim("model#1")], voters)).confirmed


def test_a_claim_in_doubt_is_not_confirmed() -> None:
    """Full support does not make up for a quote that is not in the file."""
    found = only(unite([claim(doubt="no such line")], seats("model#1")))
    assert (found.confirmed, found.doubt, str(found.support)) == (False, "no such line", "1/1")


def test_one_claim_without_doubt_settles_the_doubt_of_another() -> None:
    """The finding is in doubt only where every claim is, and shows the words of the sure one."""
    sure = claim("model#2", f"{INJECTION} string")
    found = only(unite([claim("model#1", doubt="no such line"), sure], seats("model#1", "model#2")))
    assert (found.confirmed, found.doubt, found.message) == (True, None, sure.message)


def test_a_weaker_voice_of_another_aspect_does_not_lower_the_support() -> None:
    """Two of two for security stays so where one of three for style says it too."""
    strong = [claim("model#1"), claim("model#2")]
    weak = [claim("model#1", aspect="style", line=11)]
    panels = [*seats("model#1", "model#2"), *seats("model#1", "model#2", "model#3", aspect="style")]
    found = only(unite([*strong, *weak], panels))
    assert (found.aspect, found.aspects, str(found.support)) == ("security", ["security", "style"], "2/2")


def test_lines_of_another_aspects_claim_do_not_lower_the_support() -> None:
    """Who did not see the lines that an aspect speaks of is no dissent in that aspect."""
    mine, theirs = claim("model#1", line=10), claim("model#1", aspect="style", line=12)
    panels = [
        panel("model#1"),
        panel("model#2", lines=Lines(first=11, last=20)),
        *seats("model#1", "model#2", "model#3", aspect="style"),
    ]
    assert str(only(unite([mine], panels)).support) == "1/1"
    assert str(only(unite([mine, theirs], panels)).support) == "1/1"


# how a finding is told


def test_the_gravest_severity_stands_and_the_others_are_shown() -> None:
    """A contradiction says who gives which severity, the gravest first."""
    found = only(
        unite(
            [
                claim("model#1", severity="low"),
                claim("model#2", severity="high"),
                claim("model#3", severity="low"),
            ],
            [],
        )
    )
    assert found.severity == "high"
    contradiction = only_contradiction(found)
    assert contradiction == ("severity", [("high", ["model#2"]), ("low", ["model#1", "model#3"])])


def only_contradiction(finding: Finding) -> tuple[str, list[tuple[str, list[str]]]]:
    """The one contradiction of a finding, as plain values."""
    (found,) = finding.contradictions
    return found.field, [(position.value, position.sources) for position in found.positions]


def test_suggestions_with_nothing_in_common_contradict() -> None:
    """The reader sees both, and who makes them."""
    found = only(
        unite(
            [
                claim("model#1", suggestion="bind parameters"),
                claim("model#2", suggestion="escape quotes"),
                claim("model#3", suggestion=""),
            ],
            [],
        )
    )
    name, positions = only_contradiction(found)
    assert name == "suggestion"
    assert sorted(positions) == [("bind parameters", ["model#1"]), ("escape quotes", ["model#2"])]


@pytest.mark.parametrize("suggestion", ["bind parameters", "используйте параметры", "参数化", "{}", "of the"])
def test_equal_suggestions_do_not_contradict(suggestion: str) -> None:
    """Two voters who suggest the same agree, whatever they write in."""
    found = only(unite([claim(voter, suggestion=suggestion) for voter in ("model#1", "model#2")], []))
    assert found.contradictions == []


def test_what_the_typical_claim_leaves_out_comes_from_the_others() -> None:
    """Explanation, suggestion and quote are not lost where only one voter gives them."""
    full = claim("model#2", explanation="a quote ends it", suggestion="bind", quote="run(q)", severity="low")
    found = only(unite([claim("model#1"), full], []))
    assert (found.suggestion, found.explanation, found.quote) == ("bind", "a quote ends it", "run(q)")


def test_findings_come_by_file_then_severity_then_line() -> None:
    """The report's order does not depend on support."""
    found = unite(
        [
            claim(path="b.py", line=1),
            claim(line=30, severity="low"),
            claim(line=50, message=LEAK),
            claim(line=9, severity="medium"),
            claim(line=70),
        ],
        [],
    )
    assert [(one.path, one.severity, one.lines.first) for one in found] == [
        ("a.py", "high", 50),
        ("a.py", "high", 70),
        ("a.py", "medium", 9),
        ("a.py", "low", 30),
        ("b.py", "high", 1),
    ]


# ids


def test_equal_findings_on_equal_lines_have_different_ids() -> None:
    """The same rule broken twice by the same code gives two ids."""
    found = unite([hit("ruff", line=line, quote="run(q)") for line in (10, 20, 30)], [])
    assert len({one.id for one in found}) == 3


@few
@given(said=claim_lists, moved=st.integers(1, 200))
def test_ids_stay_when_lines_move(said: list[Claim], moved: int) -> None:
    """Text put in above changes line numbers and nothing else."""
    later = [
        one.model_copy(update={"lines": Lines(first=one.lines.first + moved, last=one.lines.last + moved)})
        for one in said
    ]
    before = {found.id: len(found.provenance) for found in unite(said, [])}
    assert {found.id: len(found.provenance) for found in unite(later, [])} == before


def test_an_id_changes_with_the_code_that_is_meant() -> None:
    """The same message about another line of code is another finding."""
    ids = {only(unite([claim(quote=quote)], [])).id for quote in ("run(a)", "run(b)", " run( a )")}
    assert len(ids) == 2


# a reader's word


def test_a_pair_that_a_reader_calls_the_same_becomes_one_finding() -> None:
    """`joined` unites what the measure kept apart, with the support of both."""
    said = [claim("model#1", INJECTION), claim("model#2", LEAK)]
    one, other = unite(said, [])
    found = only(unite(said, seats("model#1", "model#2"), joined=[(other.id, one.id)]))
    assert str(found.support) == "2/2"


def test_a_chain_of_joined_pairs_becomes_one_finding() -> None:
    """What is the same as the same is the same."""
    said = [
        claim(f"model#{i}", message) for i, message in enumerate((INJECTION, LEAK, "password in the log"))
    ]
    first, second, third = unite(said, [])
    found = only(unite(said, [], joined=[(first.id, second.id), (third.id, second.id)]))
    assert len(found.provenance) == 3


def test_joined_never_unites_two_claims_of_one_voter() -> None:
    """A reader cannot make one voter's two claims one."""
    said = [claim("model#1", INJECTION), claim("model#1", LEAK)]
    one, other = unite(said, [])
    assert len(unite(said, [], joined=[(one.id, other.id)])) == 2


def test_joined_ids_that_are_not_there_change_nothing() -> None:
    """An id of another run is no error."""
    said = [claim("model#1")]
    assert unite(said, [], joined=[("gone", unite(said, [])[0].id)]) == unite(said, [])


def test_near_misses_are_pairs_a_reader_should_see() -> None:
    """Same file, within ten lines, words in common, no voter in both."""
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
    pairs = [{one.provenance[0].voter, other.provenance[0].voter} for one, other in near_misses(findings)]
    assert pairs == [{"model#1", "model#2"}]


def test_findings_of_one_voter_are_no_near_miss() -> None:
    """Whoever makes two claims means two things."""
    assert near_misses(unite([claim(line=10), claim(line=15)], [])) == []


def test_near_misses_are_the_likest_and_bounded() -> None:
    """Of many pairs the likest come first, as many as are asked for."""
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
    assert {one.provenance[0].voter for one in most[0]} == {"model#1", "model#2"}


# what holds for any claims


@st.composite
def panels(draw: st.DrawFn) -> VoterScope:
    """Any seat of the voters in the strategies."""
    first = draw(st.integers(1, 12))
    return VoterScope(
        aspect=draw(st.sampled_from(["security", "style"])),
        voter=draw(st.sampled_from(["model#1", "model#2", "model#3", "engines"])),
        path=draw(st.sampled_from(["a.py", "b.py"])),
        lines=draw(st.none() | st.just(Lines(first=first, last=first + 5))),
        scope=draw(st.none() | st.sampled_from([("S",), ("F", "S6")])),
    )


@few
@given(said=claim_lists)
def test_no_claim_is_lost_and_none_is_in_two_findings(said: list[Claim]) -> None:
    """The provenance of all findings together is all that was said, each claim once."""
    distinct = keys(list({one.model_dump_json(): one for one in said}.values()))
    assert keys([one for found in unite(said, []) for one in found.provenance]) == distinct


@few
@given(data=st.data(), said=claim_lists, sat=st.lists(panels(), max_size=6))
def test_the_order_of_arrival_does_not_matter(
    data: st.DataObject, said: list[Claim], sat: list[VoterScope]
) -> None:
    """Claims and seats in any order, and any number of times, give the same report."""
    shuffled = data.draw(st.permutations(said + said[:2]))
    seated = data.draw(st.permutations(sat))
    assert unite(shuffled, seated) == unite(said, sat)


@few
@given(said=claim_lists, sat=st.lists(panels(), max_size=6))
def test_support_is_voters_of_the_leading_aspect(said: list[Claim], sat: list[VoterScope]) -> None:
    """`k` is who claims it there, `n` adds those who kept silent, and nobody is on both sides."""
    for found in unite(said, sat):
        for_it = {one.voter for one in found.provenance if one.aspect == found.aspect}
        assert found.support == Support(k=len(for_it), n=len(for_it) + len(found.dissent))
        assert not for_it & set(found.dissent)


@settings(max_examples=400, deadline=None)
@given(said=claim_lists, sat=st.lists(panels(), max_size=6))
def test_no_aspect_alone_would_have_more_support(said: list[Claim], sat: list[VoterScope]) -> None:
    """Uniting a finding over aspects never lowers the support that its claims have in one of them."""
    for found in unite(said, sat):
        for aspect in found.aspects:
            alone = unite([one for one in found.provenance if one.aspect == aspect], sat)
            if len(alone) == 1:  # the claims of this aspect belong together without the others
                assert found.support.share >= alone[0].support.share


@few
@given(said=claim_lists)
def test_ids_are_unique(said: list[Claim]) -> None:
    """No two findings of a report share an id."""
    found = unite(said, [])
    assert len({one.id for one in found}) == len(found)


@few
@given(said=claim_lists)
def test_no_source_speaks_twice_in_one_finding(said: list[Claim]) -> None:
    """Claims of one source for one aspect are never united."""
    for found in unite(said, []):
        speakers = [(one.aspect, one.source) for one in found.provenance]
        assert len(speakers) == len(set(speakers))


@few
@given(one=claims())
def test_a_claim_alone_is_told_as_it_is(one: Claim) -> None:
    """A finding of one claim has its words, lines and severity, and no contradiction."""
    found = only(unite([one], []))
    assert (found.message, found.lines, found.severity) == (one.message, one.lines, one.severity)
    assert (found.suggestion, found.rule, found.quote) == (one.suggestion, one.rule, one.quote)
    assert (found.provenance, found.contradictions, found.dissent) == ([one], [], [])
