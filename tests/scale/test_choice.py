"""Engines by what a caller writes, and programs by name."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engines.choose import as_engine
from langgraph_parallel.scale.engines.cpus import usable_cpus
from langgraph_parallel.scale.engines.named import by_name
from langgraph_parallel.scale.program import Program
from tests.scale import recorded


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "this process"),
        (1, "1 process"),
        (3, "3 processes"),
        ("3", "3 processes"),
        ("processes:12", "12 processes"),
        (" processes ", f"{usable_cpus()} processes" if usable_cpus() > 1 else "1 process"),
        ("dask:2", "Dask, 2 workers on this machine"),
        ("tcp://10.0.0.1:8786", "Dask at tcp://10.0.0.1:8786"),
        ("tls://scheduler:8786", "Dask at tls://scheduler:8786"),
    ],
    ids=repr,
)
def test_an_engine_has_a_short_name(given: Any, name: str) -> None:
    """What the caller writes leads to the engine that a person would expect."""
    assert as_engine(given).name == name


def test_executors_and_engines_are_taken_as_they_are() -> None:
    """An engine is itself."""
    with ThreadPoolExecutor(3) as pool:
        engine = as_engine(pool)
    assert engine.name == "ThreadPoolExecutor of 3"
    assert as_engine(engine) is engine


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ray",
        "processes:0",
        "processes:-1",
        "processes:x",
        "dask:",
        "http://x",
        "processes:10000",
        2.5,
        [],
        {},
    ],
    ids=repr,
)
def test_anything_else_is_refused_with_the_choices(given: Any) -> None:
    """The error quotes what was given."""
    with pytest.raises(
        UsageError, match=r"engine is .*; expected None for this process, a number of"
    ) as raised:
        as_engine(given)
    assert repr(given) in str(raised.value)


@pytest.mark.parametrize("given", [0, -3, True, "0"], ids=repr)
def test_numbers_below_one_are_no_number_of_processes(given: Any) -> None:
    """True is no number."""
    with pytest.raises(UsageError, match=r"the number of processes is .*; expected at least 1"):
        as_engine(given)


def test_a_function_of_a_module_goes_by_its_name() -> None:
    """Methods of classes, too; the rest of the program stays."""
    program = by_name(Program(local=recorded.logged, inputs={"a": "b"}, fingerprint="f"))
    assert program == Program(graph="tests.scale.recorded:logged", inputs={"a": "b"}, fingerprint="f")
    assert by_name(program) is program
    assert by_name(Program(local=recorded.inside)).graph == "tests.scale.recorded:where"


def _wrapped() -> Any:
    def inner(row: Any) -> Any:
        return row

    inner.__qualname__ = "until"
    inner.__module__ = "tests.scale.driving"
    return inner


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (lambda row: row, "a lambda has no name"),
        (_wrapped(), "tests.scale.driving:until is not the function that was passed"),
        (object(), "this object has no name"),
        (print, ""),
    ],
    ids=["lambda", "wrapped", "object", "builtin"],
)
def test_what_has_no_name_is_refused_with_the_ways_out(thing: Any, said: str) -> None:
    """Unless it can be imported after all."""
    if not said:
        assert by_name(Program(local=thing)).graph == "builtins:print"
        return
    with pytest.raises(UsageError, match=rf"{said}.*; define it at the top level .* or run the rows in this"):
        by_name(Program(local=thing))


def test_a_function_inside_of_another_is_refused() -> None:
    """None could import it."""

    def local(row: Any) -> Any:
        return row

    with pytest.raises(UsageError, match=r"local' is defined inside of another function"):
        by_name(Program(local=local))


def _main(monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> Any:
    """Make a module of the name `__main__` with a function `work`."""
    module = ModuleType("__main__")
    for name, value in attributes.items():
        setattr(module, name, value)
    exec("def work(row): return row", module.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module.__dict__["work"]


def test_a_module_that_is_run_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `python -m package.module`."""
    work = _main(monkeypatch, __spec__=recorded.__spec__)
    assert by_name(Program(local=work)).graph == "tests.scale.recorded:work"


@pytest.mark.parametrize("file", [None, "<stdin>", "/nowhere/labels.py", "my-script.py"], ids=str)
def test_a_script_without_a_file_to_import_is_refused(
    monkeypatch: pytest.MonkeyPatch, file: str | None
) -> None:
    """Notebooks, standard input, files whose names are no names of modules."""
    work = _main(monkeypatch, __spec__=None, **({} if file is None else {"__file__": file}))
    with pytest.raises(UsageError, match=r"work' is defined in no file that can be imported"):
        by_name(Program(local=work))
