"""What engines report although it is known not to be a fault, or to weigh less in its place.

An engine applies a rule to a file. Here the claim is read with the rest of the project: a name that
`__init__.py` imports for others is not unused, a docstring is not missing where no other has one. Nothing is
dropped: what is known not to be a fault is in doubt, with the reason, as a line that the code itself marks as
accepted is.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from langgraph_parallel.offline.documented import THRESHOLD, Documented, measure_documented
from langgraph_parallel.offline.file_kinds import is_test_file
from langgraph_parallel.offline.module_text import ImportStatement, ModuleText
from langgraph_parallel.records import Claim, Severity

_NAME = re.compile(r"[`']([^`']+)[`']")
_COMPLEXITY = re.compile(r"\((\d+) > \d+\)")
_TOO_COMPLEX = 20
"""Complexity above which a function is more than a matter of taste; ruff reports all above 10."""
_INJECTED = {
    "get_ipython": "IPython",
    "_": "gettext.install",
    "ngettext": "gettext.install",
    "profile": "a profiler",
}
"""Names that another program adds to the builtins."""
_OF_PYTHON_2 = frozenset(
    """
    apply basestring buffer cmp coerce execfile file intern long raw_input reduce reload unichr unicode xrange
    """.split()  # noqa: SIM905 - a list that people read and extend
)
"""Builtins that Python 3 does not have."""
_CONSTANT_COMMAND = re.compile(
    r"\b(?:system|popen\d?|call|run|Popen|check_output|check_call|getoutput|getstatusoutput|spawn\w+|startfile)"
    r"\(\s*[rRuU]?(?:\"[^\"\n]*\"|'[^'\n]*')\s*[,)]"
)
_SECRET_WORDS = re.compile(r"passw|passphrase|secret|token|credential|signature|salt", re.I)
_ANNOTATED = re.compile(r"(?:^|[(,])\s*\*{0,2}[\w.]+\s*:[^=(){]*$")
_NO_ANNOTATION = re.compile(r"^(?:else|try|finally|except|case|class)\b|\blambda\b|{")
_MOST_STARS = 5
"""Star imports that are followed from one module to the next."""


class Noise:
    """What is known about the claims of engines from the whole of the reviewed files.

    Args:
        texts: the source of the whole files under review, by path.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._modules: dict[str, ModuleText] = {}
        self._starred: dict[tuple[str, str], bool] = {}

    def weigh(self, claim: Claim) -> Claim:
        """Return an engine's claim: in doubt if it is known not to be a fault, and with its place's severity.

        Claims of models, and of files that are not whole, are returned as they are.
        """
        if claim.code is None or claim.rule is None or claim.path not in self._texts:
            return claim
        doubts, severities = _DOUBTS.get(claim.rule), _SEVERITIES.get(claim.rule)
        doubt = doubts(self, claim) if doubts and claim.doubt is None else None
        severity = severities(claim) if severities else None
        if doubt is None and severity in {None, claim.severity}:
            return claim
        return claim.changed(doubt=doubt or claim.doubt, severity=severity or claim.severity)

    @cached_property
    def documented(self) -> Documented:
        """How much of the reviewed files is documented."""
        return measure_documented(self._texts)

    def doubt_import(self, claim: Claim) -> str | None:
        """Return why an unused import is meant."""
        module = self._module(claim.path)
        statement = module.import_at(claim.lines.first)
        if statement is None:
            return None
        if _is_init(claim.path) and _is_own(statement, claim.path):
            return "__init__.py imports it for others"
        if module.is_facade and statement.module and not _is_init(claim.path):
            return "the module only imports, for others"
        if module.tries_import(claim.lines.first):
            return "the import tries whether the module is there"
        name = _imported_name(claim.message)
        if name and PurePosixPath(claim.path).stem in self._taken.get(name, ()):
            return "another of the reviewed files imports it from here"
        return None

    def doubt_star(self, claim: Claim) -> str | None:
        """Return why a star import is meant."""
        if _is_init(claim.path):
            return "__init__.py imports it for others"
        return "the module only imports, for others" if self._module(claim.path).is_facade else None

    def doubt_starred_name(self, claim: Claim) -> str | None:
        """Return where a name comes from that may come from a star import."""
        match = _NAME.search(claim.message)
        if _is_init(claim.path) or self._module(claim.path).is_facade:
            return "it comes from a star import that is meant"
        if match and self._is_starred(claim.path, match[1], _MOST_STARS):
            return "a module that is imported with a star defines it"
        return None

    def doubt_undefined(self, claim: Claim) -> str | None:
        """Return why a name may be defined although no statement binds it."""
        match = _NAME.search(claim.message)
        if match and match[1] in _INJECTED:
            return f"{_INJECTED[match[1]]} defines it"
        if match and match[1] in _OF_PYTHON_2 and self._module(claim.path).asks_version:
            return "Python 2 defines it, and the module asks for the version"
        if match and self._module(claim.path).binds_in_loop(claim.lines.first, match[1]):
            return "the loop around it defines it further down, for its next round"
        if self._module(claim.path).fills_globals:
            return "the module makes names at run time"
        return None

    def doubt_unreachable(self, claim: Claim) -> str | None:
        """Return that an unreachable `yield` has a purpose."""
        return "it makes the function a generator" if re.match(r"yield\b", claim.quote) else None

    def doubt_docstring(self, claim: Claim) -> str | None:
        """Return that the project does not document itself, if it does not."""
        share = self.documented.share
        if share >= THRESHOLD:
            return None
        return f"{share:.0%} of what is public here has a docstring; it is asked for from {THRESHOLD:.0%} on"

    def _module(self, path: str) -> ModuleText:
        if path not in self._modules:
            self._modules[path] = ModuleText(self._texts[path])
        return self._modules[path]

    @cached_property
    def _taken(self) -> dict[str, set[str]]:
        """Last parts of the modules by the names that other files import from them."""
        taken: dict[str, set[str]] = {}
        for text in self._texts.values():
            for statement in ModuleText(text).imports:
                if statement.module:
                    last = statement.module.rpartition(".")[2]
                    for name in statement.bound_names():
                        taken.setdefault(name, set()).add(last)
        return taken

    def _is_starred(self, path: str, name: str, most: int) -> bool:
        """Return whether a module that a file imports with a star defines a name, or one behind it does.

        Args:
            path: of the file.
            name: to look for.
            most: modules to follow.
        """
        key = (path, name)
        if key not in self._starred:
            self._starred[key] = False  # for modules that import each other
            targets = {
                self._find_module(path, statement.module) for statement in self._module(path).star_imports
            }
            self._starred[key] = any(
                self._module(target).defines(name) or (most > 0 and self._is_starred(target, name, most - 1))
                for target in targets - {path}
                if target is not None
            )
        return self._starred[key]

    def _find_module(self, path: str, module: str) -> str | None:
        """Return the path of a module as a file imports it; None if it is not under review."""
        level = len(module) - len(module.lstrip("."))
        parents = [str(parent) for parent in PurePosixPath(path).parents]
        tail = module[level:].replace(".", "/")
        for parent in parents[level - 1 : level] if level else parents:
            base = f"{parent}/{tail}".removeprefix("./").strip("/") if tail else parent
            for candidate in (f"{base}.py", f"{base}/__init__.py", f"/{base}.py", f"/{base}/__init__.py"):
                if candidate in self._texts:
                    return candidate
        return None


def _is_init(path: str) -> bool:
    return PurePosixPath(path).name in {"__init__.py", "__init__.pyi"}


def _is_own(statement: ImportStatement, path: str) -> bool:
    """Return whether a statement imports from the package that the file is in."""
    return not statement.top or statement.top in PurePosixPath(path).parts[:-1]


def _imported_name(message: str) -> str | None:
    """Return the name that an unused import binds: `c` for "`a.b as c` imported but unused"."""
    match = _NAME.search(message)
    return re.split(r"[.\s]+", match[1])[-1] if match else None


def _weigh_shell(claim: Claim) -> Severity | None:
    """A command that is a constant cannot be changed from outside."""
    return "low" if _CONSTANT_COMMAND.search(claim.quote) else None


def _weigh_hash(claim: Claim) -> Severity | None:
    """A weak hash of a secret is worse than one that a cache or a protocol uses."""
    is_grave = _SECRET_WORDS.search(claim.quote) and not is_test_file(claim.path)
    return "high" if is_grave else None


def _weigh_extraction(claim: Claim) -> Severity | None:
    """A filter refuses members outside of the target; the engines do not look at it."""
    return "low" if re.search(r"\bfilter\s*=(?!\s*None)", claim.quote) else None


def _weigh_return(claim: Claim) -> Severity | None:
    """What another __init__ returns is None."""
    return (
        "low"
        if re.match(r"return\s+(?:None\b|super\(.*\)\.__init__\(|\w+\.__init__\()", claim.quote)
        else None
    )


def _weigh_complexity(claim: Claim) -> Severity | None:
    match = _COMPLEXITY.search(claim.message)
    return "medium" if match and int(match[1]) > _TOO_COMPLEX else None


def _weigh_undefined(claim: Claim) -> Severity | None:
    """An annotation is not run, or only when the module is imported, which somebody would have seen."""
    match = _NAME.search(claim.message)
    place = re.search(rf"\b{re.escape(match[1])}\b", claim.quote) if match else None
    before = claim.quote[: place.start()] if place else ""
    if _NO_ANNOTATION.search(before):
        return None
    return "low" if "->" in before or _ANNOTATED.search(before) else None


_DOUBTS: dict[str, Callable[[Noise, Claim], str | None]] = {
    "F401": Noise.doubt_import,
    "F403": Noise.doubt_star,
    "F405": Noise.doubt_starred_name,
    "F821": Noise.doubt_undefined,
    "unreachable-code": Noise.doubt_unreachable,
    **dict.fromkeys(("D100", "D101", "D102", "D103", "D104"), Noise.doubt_docstring),
}
"""What looks at the claims of a rule in their project."""

_SEVERITIES: dict[str, Callable[[Claim], Severity | None]] = {
    "S602": _weigh_shell,
    "S604": _weigh_shell,
    "S605": _weigh_shell,
    "S202": _weigh_extraction,
    "S324": _weigh_hash,
    "PLE0101": _weigh_return,
    "C901": _weigh_complexity,
    "F821": _weigh_undefined,
}
"""What weighs the claims of a rule by their place; None keeps the severity of the rule."""
