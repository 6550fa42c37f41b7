"""Numbers in records: nothing is rounded, whatever JSON, a float or a checkpoint can hold."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Branch, Section, Verdict, record_types
from langgraph_parallel.records.numbers import as_state, exact, from_decimal, from_fraction, spell
from langgraph_parallel.reducers.canonical import canonical
from tests.support.ids import readable

SERIALIZER = JsonPlusSerializer(allowed_msgpack_modules=record_types())
EDGES = [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**100, -(10**400)]
data: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(EDGES)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
decimals = st.decimals(allow_nan=False, allow_infinity=False)


def stored(record: Any) -> Any:
    """Return a record after a checkpoint."""
    return SERIALIZER.loads_typed(SERIALIZER.dumps_typed(record))


@given(said=data)
def test_json_data_is_the_same_before_and_after_a_checkpoint(said: JsonValue) -> None:
    """In every kind of field: alone, in a mapping, and in records inside of records."""
    ballot = Ballot(voter="a", order=0, status="cast", choice=said, said=said, notes={"n": said})
    section = Section(id="s", title="s", data={"d": said}, earlier={"e": said}, blocks=[{"b": said}])
    branch = Branch(id="b", name="b", order=0, status="ok", value=said)
    for record in (ballot, section, branch):
        again = stored(record)
        assert again == record
        assert repr(again) == repr(record)  # 1 is not 1.0, nor True


@given(said=data)
def test_json_shows_integers_as_they_are(said: JsonValue) -> None:
    """Only the checkpoint has them as decimals."""
    ballot = Ballot(voter="a", order=0, status="cast", choice=said)
    assert repr(ballot.model_dump(mode="json")["choice"]) == repr(said)


def test_a_verdict_keeps_its_choice_in_a_checkpoint() -> None:
    """So do its counts and its dissent."""
    fields: Any = {
        "rule": "majority",
        "status": "decided",
        "choice": 2**100,
        "support": {"k": 1, "n": 2},
        "counts": [{"choice": 2**100, "votes": 1, "weight": 1, "voters": ["a"]}],
        "dissent": [{"voter": "b", "choice": [2**100 + 1]}],
    }
    verdict = Verdict.model_validate(fields)
    assert stored(verdict) == verdict
    assert stored(verdict).dissent[0].choice == [2**100 + 1]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("1.00", 1),
        ("-0", 0),
        ("0.1", 0.1),
        ("1e23", 10**23),
        ("0.12345678901234567890", "0.1234567890123456789"),
        ("-12345678901234567890.5", "-12345678901234567890.5"),
        ("1e-400", "1E-400"),
        ("1e400", 10**400),
        ("1e999999999", "1E+999999999"),
        ("1e-999999999", "1E-999999999"),
        ("NaN", None),
        ("-Infinity", None),
    ],
    ids=readable,
)
def test_a_decimal_is_an_int_a_float_or_the_text_of_its_digits(said: str, kept: JsonValue) -> None:
    """Whichever holds it exactly; however large, none is computed out."""
    assert from_decimal(Decimal(said)) == kept
    assert type(from_decimal(Decimal(said))) is type(kept)


@given(one=decimals, other=decimals)
def test_decimals_are_equal_as_json_if_they_are_equal(one: Decimal, other: Decimal) -> None:
    """However they are spelled, and never because they are rounded."""
    for left, right in ((one, other), (one, Decimal(str(one) + "0" if "." in str(one) else str(one)))):
        same = canonical(from_decimal(left)) == canonical(from_decimal(right))
        assert same is (left == right)


@given(said=decimals.filter(lambda number: abs(number.adjusted()) < 5000))
def test_the_number_of_a_decimal_is_exact(said: Decimal) -> None:
    """It is that of the decimal, whether an int, a float or a text holds it."""
    kept = from_decimal(said)
    assert exact(kept) == Fraction(said) or (isinstance(kept, float) and Decimal(repr(kept)) == said)
    assert from_fraction(Fraction(said)) == kept


@pytest.mark.parametrize(
    "no_number",
    ["5", "0.1", "1.0", "0.12345678901234567890", "1e30", "x", "", True, None, [1], math.nan, -math.inf],
)
def test_other_texts_and_booleans_are_no_numbers(no_number: Any) -> None:
    """A text of digits is a number only where nothing else could hold it; "5" stays a text."""
    assert exact(no_number) is None


def test_equal_numbers_are_equal_however_they_are_spelled() -> None:
    """Also where a float is the same number as an integer beyond 64 bits, and not where it is another one."""
    assert canonical(1) == canonical(1.0) == canonical(Decimal("1.00"))  # type: ignore[arg-type]
    assert canonical(2**100) == canonical(2.0**100)
    assert canonical(2**100 + 1) != canonical(2.0**100)
    assert canonical([{"a": 2**70}]) == canonical([{"a": 2.0**70}])


def test_a_ratio_is_rounded_only_if_its_decimals_do_not_end() -> None:
    """What lies beyond every float is no number of JSON."""
    assert from_fraction(Fraction(1, 8)) == 0.125
    assert from_fraction(Fraction(1, 3)) == 1 / 3
    assert from_fraction(Fraction(6, 3)) == 2
    assert from_fraction(Fraction(10**400, 3)) is None
    assert from_fraction(Fraction(1, 2**60)) == "8.67361737988403547205962240695953369140625E-19"


@given(said=data)
def test_state_holds_no_integer_beyond_64_bits(said: JsonValue) -> None:
    """Such an integer is the text of its digits, and nothing else is touched."""
    kept = as_state(said)
    SERIALIZER.dumps_typed(kept)
    assert canonical(kept) == canonical(_digits(said))


def _digits(said: JsonValue) -> JsonValue:
    """Replace integers beyond 64 bits by their digits."""
    if isinstance(said, list):
        return [_digits(item) for item in said]
    if isinstance(said, dict):
        return {key: _digits(item) for key, item in said.items()}
    is_long = isinstance(said, int) and not -(2**63) <= said < 2**63
    return str(said) if is_long else said


def test_records_in_state_are_left_alone() -> None:
    """They can hold any integer themselves."""
    ballot = Ballot(voter="a", order=0, status="cast", choice=2**100)
    assert as_state({"ballots": [ballot], "n": 2**100}) == {"ballots": [ballot], "n": str(2**100)}


def test_an_integer_beyond_pythons_limit_of_digits_is_spelled_in_hexadecimal() -> None:
    """Never rounded: the text reads back as the integer."""
    long = -(10**5000) - 1
    assert int(spell(long), 16) == long
    assert as_state([long]) == [hex(long)]
