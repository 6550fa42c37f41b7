"""Programs by name: functions of a module that can be imported travel to other processes as `module:name`."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.program import Program

_WAYS_OUT = (
    "define it at the top level of a module and pass that as 'module:name', or run the rows in this process "
    "(engine=None)"
)


def by_name(program: Program) -> Program:
    """Return a program that holds no object, so that other processes can load it.

    A function of a script is looked up in the script's file, which the other processes import as a module:
    what the script does when it is run has to stand under `if __name__ == "__main__":`.

    Raises:
        UsageError: the object has no name that leads back to it.
    """
    if program.local is None:
        return program
    thing = program.local
    path, module = (
        getattr(thing, "__qualname__", ""),
        sys.modules.get(getattr(thing, "__module__", None) or ""),
    )
    if not path or module is None or isinstance(thing, type):
        raise UsageError(f"{_shown(thing)} has no name that other processes could import; {_WAYS_OUT}")
    if "<lambda>" in path:
        raise UsageError(f"a lambda has no name that other processes could import; {_WAYS_OUT}")
    if "<locals>" in path:
        raise UsageError(f"{_shown(thing)} is defined inside of another function; {_WAYS_OUT}")
    if _find(module, path) is not thing:
        raise UsageError(f"{module.__name__}:{path} is not the function that was passed; {_WAYS_OUT}")
    if module.__name__ != "__main__":
        return replace(program, graph=f"{module.__name__}:{path}", local=None)
    script = Path(getattr(module, "__file__", None) or "")
    spec = getattr(module, "__spec__", None)
    if spec is not None:  # python -m package.module
        name = spec.name
        return replace(program, graph=f"{name}:{path}", local=None)
    if script.suffix != ".py" or not script.stem.isidentifier() or not script.is_file():
        raise UsageError(f"{_shown(thing)} is defined in no file that can be imported; {_WAYS_OUT}")
    folder = str(script.resolve().parent)
    return replace(program, graph=f"{script.stem}:{path}", folder=folder, local=None)


def _find(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _shown(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None)
    return f"the function {name!r}" if isinstance(name, str) else f"this {type(thing).__name__}"
