"""Programs made of what callers pass: what is refused before anything is paid, and what tells two apart."""

import pickle
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.graph import StateGraph

from langgraph_parallel import Limits, create_labeling, create_voting, governed
from langgraph_parallel.catalogue.spelling import COMMAND
from langgraph_parallel.errors import UnknownPrice, UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.scale.making import make_program, parts_of
from langgraph_parallel.scale.runner import load
from tests.scale import programs

VOTE: dict[str, Any] = {"choices": ["yes", "no"]}
GRAPH = create_voting(choices=["yes", "no"], model="openai:gpt-5-mini")
"""A graph with a name in this module."""
NUMBER = 7


class State(TypedDict):
    """The state of a graph of others."""

    text: str


STATES: Any = StateGraph(State)


def builds_states() -> Any:
    """Build a graph, without its last line."""
    return StateGraph(State)


def vote_with(model: str = "openai:gpt-5-mini", key: str = "") -> Any:
    """Build a vote."""
    return create_voting(**VOTE, model=model)


def escalating() -> Any:
    """Build a vote that asks people."""
    return create_voting(**VOTE, model="openai:gpt-5-mini", on_undecided="escalate")


def builds_number() -> int:
    """Build nothing that works on rows."""
    return 7


BUILT: list[str] = []
"""What `builds_once` was called with."""


def builds_once(key: str = "") -> Any:
    """Build a vote, and note it."""
    BUILT.append(key)
    return create_voting(**VOTE, model="openai:gpt-5-mini")


async def builds_later() -> Any:
    """Build a graph, but not at once."""
    return vote_with()


async def yields(row: Mapping[str, Any]) -> AsyncIterator[dict[str, int]]:
    """Yield columns, which nobody would read."""
    yield {"a": 1}


class Yields:
    """The same, as an object."""

    async def __call__(self, row: Mapping[str, Any]) -> AsyncIterator[dict[str, int]]:
        """Yield columns."""
        yield {"a": 1}


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ("votting", {}, "'votting' is not a graph; choose one of"),
    ("voting", {"settings": {"choice": ["a"]}}, "settings 'choice' is not a setting of this graph"),
    ("voting", {"settings": ["choices"]}, "settings 'choices' has no value; write settings={'choices'"),
    ("voting", {"settings": "choices=a"}, "expected a mapping of names to values"),
    (
        "voting",
        {"settings": {"choices": object()}},
        r"settings\['choices'\] is object, which has no form",
    ),
    ("labeling", {}, r"labeling needs settings=\{'labels': ...\}"),
    ("labeling", {"settings": {"labels": []}}, "settings: labels"),
    ("voting", {"settings": VOTE}, "no model: pass model='provider:model', or set"),
    ("voting", {"settings": VOTE, "model": "gpt-5"}, "expected provider:model"),
    ("voting", {"settings": VOTE, "model": 5}, "model is int"),
    ("voting", {"settings": VOTE, "model": "openai:m", "fallbacks": "openai:n"}, "expected a list"),
    ("voting", {"settings": VOTE, "model": "openai:m", "limits": {"speed": 1}}, "unknown key 'speed'"),
    ("voting", {"settings": VOTE, "model": "openai:m", "context": {"v": 1}}, "unknown key 'v'"),
    ("voting", {"settings": VOTE, "offline": True}, "voting needs a model; leave out offline=True"),
    ("no_such:graph", {}, "there is no module 'no_such'"),
    ("tests.scale.test_making:no", {}, "has no 'no'"),
    ("tests.scale.test_making:NUMBER", {}, "neither a graph nor a function of a row"),
    ("tests.scale.test_making:builds_number", {}, "neither a graph nor a function of a row"),
    ("tests.scale.test_making:escalating", {}, "asks a person about undecided votes"),
    ("tests.scale.test_making:GRAPH", {"settings": {"a": 1}}, "leave out settings"),
    ("tests.scale.programs:nothing", {"offline": True}, "offline=True is for graphs of the catalogue"),
    ("tests.scale.programs:nothing", {"model": "openai:m"}, "nothing has models of its own"),
    (programs.nothing, {"settings": {"a": 1}}, "settings are for graphs by name"),
    (escalating(), {}, "asks a person about undecided votes"),
    (yields, {}, "yields is an async generator; return one mapping of columns"),
    (partial(yields), {}, "is an async generator"),
    (Yields(), {}, "is an async generator"),
    (7, {}, "expected the name of a graph"),
    (dict, {}, "expected the name of a graph"),
    ("voting", {"settings": VOTE, "outputs": {"a": ""}, "inputs": {"question": "=nothing"}}, "not JSON"),
]
"""Graph, options, and a part of the message."""


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    REFUSED,
    ids=[f"{place}-{message}" for place, (*_, message) in enumerate(REFUSED)],
)
def test_what_cannot_work_is_refused_at_once(graph: Any, options: dict[str, Any], message: str) -> None:
    """The error says what was wrong in the caller's own words, and what to do."""
    with pytest.raises(UsageError, match=message):
        make_program(graph, **options)


BATCH: dict[str, Any] = {"limits": {"lane": "batch"}}
OTHER = FakeListChatModel(responses=["yes"])


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        ("voting", {"settings": VOTE, "model": "anthropic:m"}, "m cannot be asked in batches"),
        (create_voting(**VOTE, model=OTHER), {}, "FakeListChatModel cannot be asked in batches"),
        (OTHER, {}, "FakeListChatModel cannot be asked in batches"),
        (ChatOpenAI(model="m", api_key="sk-x"), {}, r"m is called by code .*; wrap it in governed\(...\)"),
    ],
    ids=["by name", "graph", "model", "not governed"],
)
def test_what_cannot_be_in_a_batch_is_told_once(graph: Any, options: Mapping[str, Any], message: str) -> None:
    """Not by each row; `without_batch` lets it go live."""
    with pytest.raises(UsageError, match=message) as raised:
        make_program(graph, **options, **BATCH)
    assert "leave out limits={'lane': 'batch'}" in str(raised.value)
    with pytest.raises(UsageError, match="leave out --batch"):
        make_program(graph, **options, **BATCH, spelling=COMMAND)
    make_program(graph, **options, limits={"lane": "batch", "without_batch": "live"})


def test_models_may_be_in_a_batch_or_are_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of openai by name, in a graph, and governed; others where a graph's own limits are live."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_LANE", "batch")
    make_program(create_voting(**VOTE, model=OTHER, limits={"lane": "live"}))
    with pytest.raises(UsageError, match="FakeListChatModel cannot be asked in batches"):
        make_program(create_voting(**VOTE, model=OTHER))
    make_program("voting", settings=VOTE, model="openai:m", **BATCH)
    make_program(create_voting(**VOTE, model=ChatOpenAI(model="m", api_key="sk-x")), **BATCH)
    make_program(governed(ChatOpenAI(model="m", api_key="sk-x")), **BATCH)


@pytest.mark.parametrize(
    "graph",
    [StateGraph(State), f"{__name__}:STATES", f"{__name__}:builds_states"],
    ids=["it", "named", "built"],
)
def test_a_graph_that_is_not_compiled_is_told_so(graph: Any) -> None:
    """It is what people have before the last line of a graph."""
    with pytest.raises(UsageError, match=r"is a StateGraph that is not compiled; call its compile\(\)"):
        make_program(graph)


def test_a_command_is_told_of_its_options() -> None:
    """The same errors, as the command line spells arguments."""
    with pytest.raises(UsageError, match="labeling needs --set labels=VALUE"):
        make_program("labeling", spelling=COMMAND)
    with pytest.raises(UsageError, match="no model: pass --model PROVIDER:MODEL"):
        make_program("voting", settings=["choices=[1,2]"], spelling=COMMAND)


def test_a_budget_in_dollars_needs_the_prices_of_all_models() -> None:
    """Those of the graph, of the caller, and of fallbacks."""
    for options in (
        {"model": "openai:no-such-model"},
        {"model": "openai:gpt-5-mini", "fallbacks": ["openai:no-such-model"]},
    ):
        with pytest.raises(UnknownPrice, match="no-such-model"):
            make_program("voting", settings=VOTE, limits=Limits(budget_usd=1), **options)
    settings = {"model": "openai:no-such-model"}
    with pytest.raises(UnknownPrice, match="no-such-model"):
        make_program("tests.scale.test_making:vote_with", settings=settings, limits={"budget_usd": 1})


def test_what_has_a_name_travels_by_it() -> None:
    """Functions and graphs of modules; what is made in a function stays, or travels by pickle."""
    for target, name in (
        (programs.nothing, "tests.scale.programs:nothing"),
        (GRAPH, "tests.scale.test_making:GRAPH"),
        ("tests.scale.test_making:GRAPH", "tests.scale.test_making:GRAPH"),
    ):
        program = make_program(target)
        assert (program.graph, program.local) == (name, None)
        assert load(pickle.loads(pickle.dumps(program))).name

    async def inner(row: Mapping[str, Any]) -> None:
        pass

    for made in (inner, lambda row: row, RunnableLambda(inner), create_labeling(labels=["a", "b"])):
        program = make_program(made)
        assert (program.graph, program.local) == ("", made)
        assert program.fingerprint


def test_modules_of_the_current_folder_are_found_by_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker in another folder imports them from where the command was given."""
    (tmp_path / "rows_of_mine.py").write_text("def shout(text):\n    return text.upper()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    program = make_program("rows_of_mine:shout")
    assert program.folder == str(tmp_path)
    sys.modules.pop("rows_of_mine")
    sys.path.remove(str(tmp_path))
    monkeypatch.chdir("/")
    assert load(program).target("a") == "A"


def test_names_of_python_stay_those_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the user's that is called like a module of Python is not imported in its place."""
    for name in ("json", "colorsys", "rows_beside"):
        (tmp_path / f"{name}.py").write_text("def shout(text):\n    return text.upper()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("json", "colorsys"):
        with pytest.raises(UsageError, match=f"{name}.py here is not imported, .*: give yours another name"):
            make_program(f"{name}:shout")
    assert make_program("rows_beside:shout").graph == "rows_beside:shout"
    assert sys.path.index(str(tmp_path)) > sys.path.index(sysconfig.get_path("stdlib"))


def test_the_current_folder_comes_first_as_by_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the modules of the user's win over installed ones; an error says where that has happened."""
    (tmp_path / "rows_installed.py").write_text("array = list\n")
    here = tmp_path / "here"
    here.mkdir()
    (here / "rows_installed.py").write_text("")
    (here / "rows_of_hers.py").write_text("import rows_installed\nrows_installed.array([1])\n")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(
        UsageError, match=r"rows_of_hers fails .*'rows_installed' of this folder is imported in"
    ):
        make_program("rows_of_hers:shout")
    assert sys.path[0] == str(here)
    sys.modules.pop("rows_installed")


def test_a_module_that_was_imported_from_elsewhere_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for the one in the current folder."""
    (tmp_path / "tests.py").write_text("def shout(text):\n    return text.upper()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(UsageError, match=r"tests.py here is not imported, as 'tests' is the one at "):
        make_program("tests:shout")


def fingerprint(**changed: Any) -> str:
    """Return the fingerprint of a vote."""
    given: dict[str, Any] = {"graph": "voting", "settings": VOTE, "model": "openai:gpt-5-mini"}
    given |= changed
    return make_program(given.pop("graph"), **given).fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": {"budget_usd": 3, "concurrency": 4, "lane": "batch"}},
        {"cache": True},
        {"settings": ['choices=[ "yes", "no" ]']},
        {"context": {"trace": "branches"}},
    ],
    ids=str,
)
def test_what_decides_on_no_result_is_not_in_the_fingerprint(changed: dict[str, Any]) -> None:
    """A map goes on with other limits, and from a command line that is spelled otherwise."""
    assert fingerprint(**changed) == fingerprint()


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"choices": ["no", "yes", "maybe"]}},
        {"settings": VOTE | {"voters": 5}},
        {"settings": VOTE | {"rule": "unanimous"}},
        {"settings": VOTE | {"prompt": "Answer: {question}"}},
        {"model": "openai:gpt-5"},
        {"fallbacks": ["openai:gpt-5"]},
        {"inputs": {"question": "text"}},
        {"outputs": {"answer": "verdict.choice"}},
        {"context": {"stop": "all_votes"}},
        {"graph": "tests.scale.test_making:vote_with", "settings": None},
    ],
    ids=str,
)
def test_what_decides_on_results_is_in_the_fingerprint(changed: dict[str, Any]) -> None:
    """Graph, settings, prompts, models, temperatures, mappings."""
    assert fingerprint(**changed) != fingerprint()


def test_the_fingerprint_is_the_same_in_each_process_and_each_time() -> None:
    """Nothing of addresses and of the order of sets is in it."""
    assert len({fingerprint() for _ in range(3)}) == 1
    asks = {name: Ask("Say {question}", temperature=heat) for name, heat in (("a", 0.1), ("b", 0.9))}
    made = [make_program(create_voting(voters=asks, choices=["a", "b"])).fingerprint for _ in range(2)]
    hotter = {"a": Ask("Say {question}", temperature=0.2), "b": asks["b"]}
    assert made[0] == made[1] != make_program(create_voting(voters=hotter, choices=["a", "b"])).fingerprint


def test_code_of_the_callers_is_told_apart_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that was changed is another program."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    prints = []
    for number, body in enumerate(("return 1", "return 2", "return 1")):
        (tmp_path / f"of_mine_{number}.py").write_text(f"def count(row):\n    {body}\n")
        parts = parts_of(make_program(f"of_mine_{number}:count"))
        assert parts.pop("graph") == f"of_mine_{number}:count"
        prints.append(parts)
    assert prints[0] == prints[2] != prints[1]


def test_no_secret_and_no_contents_are_in_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of accounts, in settings or in models, leave no trace; long texts are digests."""
    secret = "sk-secret-not-a-real-key-12345"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    settings = {"key": secret}
    one = parts_of(make_program("tests.scale.test_making:vote_with", settings=settings))
    assert secret not in str(one)
    model: Any = ChatOpenAI(model="gpt-5-mini", api_key=secret)
    two = parts_of(make_program(create_voting(**VOTE, model=model)))
    assert secret not in str(two)
    assert two["models"] == ["gpt-5-mini"]
    guidelines = "Good means that the writer is content. " * 20
    three = parts_of(
        make_program("labeling", settings={"labels": ["a", "b"], "guidelines": guidelines}, model="openai:m")
    )
    assert "content" not in str(three)


def test_variables_of_the_environment_are_read_once_for_all_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker on another machine has another environment."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "7")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BUDGET_CALLS", "9")
    limits = make_program("tests.scale.programs:nothing", limits={"budget_calls": 3}).limits
    assert limits is not None
    assert (limits.concurrency, limits.budget_calls) == (7, 3)


def test_what_a_graph_was_built_with_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does in a run that is no row."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "7")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_ATTEMPTS", "2")
    graph = create_voting(**VOTE, limits={"concurrency": 3}, model="openai:gpt-5-mini")
    limits = make_program(graph).limits
    assert limits is not None
    assert limits.model_dump(exclude_unset=True) == {"attempts": 2}


def test_a_factory_is_called_once_for_each_program_that_is_made() -> None:
    """What was checked is what runs, and what the fingerprint is of: it is not built again."""
    BUILT.clear()
    program = make_program(f"{__name__}:builds_once", settings=["key=sk-first123456"])
    assert parts_of(program)["graph"] == f"{__name__}:builds_once"
    runner = load(program)
    assert runner.program == program
    assert load(pickle.loads(pickle.dumps(program))) is runner
    assert BUILT == ["sk-first123456"]
    other = make_program(f"{__name__}:builds_once", settings=["key=sk-second12345"])
    assert other.fingerprint == program.fingerprint  # a key is no part of it
    assert load(program) is runner is not load(other)
    assert BUILT == ["sk-first123456", "sk-second12345"]
