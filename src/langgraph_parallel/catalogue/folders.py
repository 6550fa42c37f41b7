"""Folders of the user's own modules, whose names may be those of other modules, too."""

import os
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

from langgraph_parallel.errors import UsageError


def search_in(folder: str) -> None:
    """Have the modules of a folder found: before all others, as by `python -m`.

    If one has the name of a module of Python itself, such as `json.py`, those of Python stay before the
    folder, or this program would run the user's in their place.
    """
    if folder not in sys.path:
        names = sys.stdlib_module_names & _names_in(Path(folder))
        has_any = any(_file_in(Path(folder), name) for name in names)
        sys.path.insert(_after_python() if has_any else 0, folder)


def check_is_of(folder: str, module: str) -> None:
    """Check that a module that was imported is the one in a folder, if there is one.

    Args:
        folder: that `search_in` was told of.
        module: its full name.

    Raises:
        UsageError: another one has its name.
    """
    top = module.partition(".")[0]
    wanted, found = _file_in(Path(folder), top), getattr(sys.modules.get(top), "__file__", None)
    if wanted is None or (found is not None and Path(found).resolve() == wanted.resolve()):
        return
    where = f"the one at {found}" if found else "one of Python itself"
    raise UsageError(f"{wanted.name} here is not imported, as {top!r} is {where}: give yours another name")


def in_place_of_others(folder: str) -> str:
    """Return which modules of a folder were imported in place of installed ones, to be added to an error."""
    others = [entry for entry in sys.path if entry not in (folder, "")]
    shadows = [
        name
        for name in sorted(_names_in(Path(folder)))
        if name in sys.modules
        and getattr(sys.modules[name], "__file__", None) == str(_file_in(Path(folder), name))
        and PathFinder.find_spec(name, others) is not None
    ]
    if not shadows:
        return ""
    return f"; {shadows[0]!r} of this folder is imported in place of the installed one: give it another name"


def _names_in(folder: Path) -> set[str]:
    """Return the names that modules and packages in a folder may have."""
    try:
        return {name.removesuffix(".py") for name in os.listdir(folder)}
    except OSError:
        return set()


def _file_in(folder: Path, name: str) -> Path | None:
    """Return the file of a module or package; None if there is none."""
    found = (folder / name / "__init__.py", folder / f"{name}.py")
    return next((path for path in found if path.is_file()), None)


def _after_python() -> int:
    """Return the place in the path after the modules of Python itself."""
    library = Path(sysconfig.get_path("stdlib"))
    own = {str(library), str(library / "lib-dynload"), sysconfig.get_path("platstdlib")}
    return max((place + 1 for place, entry in enumerate(sys.path) if entry in own), default=0)
