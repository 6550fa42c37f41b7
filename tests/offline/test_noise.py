"""What engines report although it is known not to be a fault: it is in doubt, and never dropped."""

from collections.abc import Mapping

import pytest

from langgraph_parallel import create_review
from langgraph_parallel.offline.documented import FEWEST, measure_documented
from langgraph_parallel.offline.module_text import ModuleText
from langgraph_parallel.offline.noise import Noise
from langgraph_parallel.offline.rules import RULES, severity_for
from langgraph_parallel.records import Claim, Finding, Lines

PYTHON_2 = "Python 2 defines it, and the module asks for the version"
MEANT = "__init__.py imports it for others"
NO_DOCSTRINGS = "".join(f"def f{number}():\n    return {number}\n" for number in range(FEWEST))
DOCSTRINGS = '"""A module."""\n' + "".join(
    f'def f{number}(\n    a="):",\n):\n    """Return it."""\n    return {number}\n'
    for number in range(FEWEST)
)


async def review(files: Mapping[str, str], aspect: str) -> list[Finding]:
    """Review files by the engines under one aspect."""
    out = await create_review(aspects=[aspect], offline=True).ainvoke({"files": dict(files)})
    findings: list[Finding] = out["findings"]
    return findings


def claim(rule: str, quote: str, message: str = "", path: str = "app.py") -> Claim:
    """Return the claim of an engine in line 1."""
    return Claim(
        voter="ruff", source="ruff", aspect="style", path=path, lines=Lines(first=1, last=1),
        severity=severity_for(rule), message=message, rule=rule, code=rule, quote=quote,
    )  # fmt: skip


def doubt(text: str, rule: str, message: str = "", path: str = "app.py", **others: str) -> str | None:
    """Return the doubt about a claim in line 1 of a file, among others."""
    files = {path: text} | {name.replace("__", "/") + ".py": other for name, other in others.items()}
    return Noise(files).weigh(claim(rule, text.split("\n")[0], message, path)).doubt


async def test_what_a_package_exports_is_not_unused() -> None:
    """Imports of `__init__.py` from its package are meant, but an unused module of the library is a fault."""
    init = (
        "import os\nfrom .core import run, stop\nfrom shop.text import *\nfrom shop import (\n    cart,\n)\n"
    )
    findings = await review({"shop/__init__.py": init, "shop/core.py": "import sys\n"}, "style")
    unused = {(one.path, one.lines.first, one.confirmed, one.doubt) for one in findings if one.rule == "F401"}
    assert unused == {
        ("shop/__init__.py", 1, True, None),
        ("shop/__init__.py", 2, False, MEANT),
        ("shop/__init__.py", 5, False, MEANT),
        ("shop/core.py", 1, True, None),
    }
    starred = await review({"shop/__init__.py": init}, "correctness")
    assert [(one.rule, one.doubt) for one in starred] == [("F403", MEANT)]


LOOPED = [
    ("for line in lines:", "if line:\n            made = line"),
    ("while lines:", "made, other = lines.pop(), 1"),
    ("while lines:", "other, made = lines.pop(), 1"),
    ("for line in lines:", "made: int = 1"),
    ("for line in lines:", "with line as made:\n            pass"),
    ("for line in lines:", "if (made := line):\n            pass"),
    ("for line in lines:", "for made in line:\n            pass"),
    ("for line in lines:", "import made"),
    ("for line in lines:", "def g():\n            return 1\n        made = g()"),
]
UNBOUND = [
    ("if lines:", "made = 1"),
    ("for line in lines:", "pass\n    made = 1"),
    ("for line in lines:", "def g():\n            made = 1"),
    ("for line in lines:", "lines.go(made=1)"),
    ("for line in lines:", "lines.go(\n            made=1,\n        )"),
    ("for line in lines:", "lines.go(\n            made=1)"),
    ("for line in lines:", "assert lines == made == 1"),
]


@pytest.mark.parametrize(
    ("header", "body", "looped"),
    [(*case, True) for case in LOOPED] + [(*case, False) for case in UNBOUND],
)
def test_a_loop_defines_a_name_for_its_next_round(header: str, body: str, looped: bool) -> None:
    """Not one that is bound after the loop, in another function, or only named in a call."""
    text = f"def f(lines):\n    {header}\n        print(made)\n        {body}\n"
    assert ModuleText(text).binds_in_loop(3, "made") is looped
    assert not ModuleText(text).binds_in_loop(99, "made")
    assert not ModuleText(text).binds_in_loop(1, "made")


async def test_what_a_loop_defines_later_is_in_doubt() -> None:
    """An engine reads a function from top to bottom; without a loop it is right about the name."""
    loop = (
        "def f(lines):\n    seen = None\n    for line in lines:\n        if seen:\n            print(made)\n"
    )
    files = {
        "loop.py": f"{loop}        seen = made = line\n",
        "once.py": "def f(lines):\n    print(made)\n    made = lines\n",
    }
    found = {one.path: one.doubt for one in await review(files, "correctness") if one.rule == "F821"}
    assert found == {
        "loop.py": "the loop around it defines it further down, for its next round",
        "once.py": None,
    }


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        ("from x import name\nprint(1)\n", {}, None),
        ("from x import name\n", {}, "the module only imports, for others"),
        ("from x import name\n__all__ = ['name']\n'''Names.'''\n", {}, "the module only imports, for others"),
        (
            "from x import name\nprint(1)\n",
            {"shop__b": "from .app import other, name as n\n"},
            "another of the reviewed files imports it from here",
        ),
        ("from x import name\nprint(1)\n", {"b": "from .else_where import name\n"}, None),
    ],
)
def test_an_import_for_others_is_meant(text: str, others: dict[str, str], expected: str | None) -> None:
    """A module that only imports, and a name that another file takes from it; not what another module has."""
    assert doubt(text, "F401", "`x.name` imported but unused", **others) == expected


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("except ImportError:", "the import tries whether the module is there"),
        ("except (ValueError, ModuleNotFoundError):", "the import tries whether the module is there"),
        ("except ValueError:", None),
        ("finally:", None),
    ],
)
def test_an_import_that_tries_is_meant(handler: str, expected: str | None) -> None:
    """It asks whether a module is installed, if the error is caught."""
    text = f"x = 1\ntry:\n    # maybe\n    import fast\n{handler}\n    x = 2\n"
    one = claim("F401", "import fast", "`fast` imported but unused")
    at_import = one.model_copy(update={"lines": Lines(first=4, last=4)})
    assert Noise({"app.py": text}).weigh(at_import).doubt == expected


async def test_a_name_from_a_star_import_is_looked_up() -> None:
    """What the imported module defines is no fault, also two modules away; what it does not define is one."""
    files = {
        "pkg/yaml/loader.py": "from .reader import *\nfrom os.path import *\nprint(read, Node, missing)\n",
        "pkg/yaml/reader.py": "from pkg.yaml.nodes import *\n\n\ndef read():\n    return Node\n",
        "pkg/yaml/nodes.py": "class Node:\n    pass\n",
    }
    names = {
        one.message.split("`")[1]: one.confirmed
        for one in await review(files, "correctness")
        if one.rule == "F405" and one.path.endswith("loader.py")
    }
    assert names == {"read": False, "Node": False, "missing": True}


def test_star_imports_in_a_circle_end() -> None:
    """Two modules that import each other with a star are looked at once each way."""
    other = "from .app import *\n"
    text = "from .b import *\nprint(x)\n"
    assert doubt(text, "F405", "`x` may be undefined, or defined from star imports: `b`", b=other) is None


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("globals()['made'] = 1", True),
        ("other.function.__code__ = own.__code__", True),
        ("code = own.__code__", False),
        ("globals().update(names)", True),
        ("exec(code)", True),
        ("setattr(sys.modules[__name__], name, 1)", True),
        ("space = globals()", True),
        ("value = globals()['made']", False),
        ("if globals()['made'] == 1: pass", False),
        ("executor.exec(code)", False),
        ("", False),
    ],
)
def test_a_module_that_makes_names_has_undefined_ones(text: str, is_known: bool) -> None:
    """What fills the globals is known; what only reads them is not."""
    reason = doubt(f"print(made)\n{text}\n", "F821", "Undefined name `made`")
    assert reason == ("the module makes names at run time" if is_known else None)


@pytest.mark.parametrize(
    ("quote", "name", "more", "expected"),
    [
        ("ip = get_ipython()", "get_ipython", "", "IPython defines it"),
        ("x = unicode", "unicode", "if sys.version_info[0] < 3: pass", PYTHON_2),
        ("x = unicode", "unicode", "", None),
        ("x = unikode", "unikode", "if sys.version_info[0] < 3: pass", None),
    ],
)  # fmt: skip
def test_names_of_others_are_known(quote: str, name: str, more: str, expected: str | None) -> None:
    """IPython adds builtins, and Python 2 had some, which a module may use that asks for the version."""
    assert doubt(f"{quote}\n{more}\n", "F821", f"Undefined name `{name}`") == expected


def test_a_yield_that_is_not_reached_makes_a_generator() -> None:
    """Other code that is not reached is a fault."""
    assert doubt("yield b''\n", "unreachable-code") == "it makes the function a generator"
    assert doubt("yielded = 1\n", "unreachable-code") is None


async def test_docstrings_are_asked_for_where_the_project_has_them() -> None:
    """One missing among many is a fault; where none has one, all are in doubt, and the share is named."""
    missing = "def bare():\n    return 1\n"
    documented = await review({"a.py": DOCSTRINGS + missing}, "documentation")
    assert [(one.rule, one.confirmed) for one in documented if one.lines.first > 1] == [("D103", True)]
    bare = await review({"a.py": NO_DOCSTRINGS}, "documentation")
    assert len(bare) == FEWEST + 1
    assert {one.doubt for one in bare} == {
        "0% of what is public here has a docstring; it is asked for from 75% on"
    }


def test_what_is_documented_is_counted() -> None:
    """Public modules, classes, functions and methods; not tests, private or nested ones, and overloads."""
    text = (
        '"""Module."""\n'
        "class A:\n"
        "    '''Class.'''\n"
        "    def a(self, x: dict[str, int] = {'a': 1}) -> None:  # why\n"
        "        # a comment\n"
        "        r'''Method.'''\n"
        "        def nested(): pass\n"
        "    @overload\n"
        "    def b(self): ...\n"
        "    def c(self): return {}\n"
        "class _B:\n"
        "    def d(self): pass\n"
        "def _e(): pass\n"
        "async def f():\n"
        "    'Function.'\n"
    )
    assert measure_documented({"a.py": text}) == (4, 5)
    assert measure_documented({"a.py": text, "tests/a.py": text, "_a.py": ""}) == (4, 5)
    assert measure_documented({"_a.py": "def broken(\n"}) == (0, 1)


def test_text_that_is_not_python_is_looked_at_in_little_time() -> None:
    """Patterns do not go over a text again and again: of long hostile ones each answers."""
    size = 60_000
    for piece in (
        "\n",
        "(",
        "from x import (\n",
        "def a(\n",
        "__all__ = [\n",
        "'''",
        '"""',
        "# \n",
        " ",
        "exec (",
    ):
        text = piece * (size // len(piece))
        module = ModuleText(text)
        assert module.is_facade in {True, False}
        assert module.fills_globals in {True, False}
        assert module.tries_import(1) is False
        assert module.defines("x") is False or "x" in piece
        assert measure_documented({"a.py": text}).public >= 0


@pytest.mark.parametrize(
    ("rule", "quote", "message", "severity"),
    [
        ("S602", "subprocess.run('ls -l', shell=True)", "", "low"),
        ("S602", "subprocess.run(f'ls {x}', shell=True)", "", "high"),
        ("S602", "subprocess.run('ls ' + x, shell=True)", "", "high"),
        ("S605", "os.system('')", "", "low"),
        ("S324", "hashlib.md5(password.encode())", "", "high"),
        ("S324", "hashlib.md5(page).hexdigest()", "", "medium"),
        ("S202", "tar.extractall(path, filter='data')", "", "low"),
        ("S202", "tar.extractall(path, filter=None)", "", "high"),
        ("C901", "def f():", "`f` is too complex (21 > 10)", "medium"),
        ("C901", "def f():", "`f` is too complex (20 > 10)", "low"),
        ("PLE0101", "return super().__init__(x)", "", "low"),
        ("PLE0101", "return 1", "", "high"),
        ("F821", "def f(x: 'Missing') -> None:", "Undefined name `Missing`", "low"),
        ("F821", "def f(x) -> dict[str, Missing]:", "Undefined name `Missing`", "low"),
        ("F821", "items: list[Missing] = []", "Undefined name `Missing`", "low"),
        ("F821", "x = Missing()", "Undefined name `Missing`", "high"),
        ("F821", "if x: Missing()", "Undefined name `Missing`", "high"),
        ("F821", "else: Missing()", "Undefined name `Missing`", "high"),
        ("F821", "table = {a: 1, b: Missing}", "Undefined name `Missing`", "high"),
        ("F821", "x: int = Missing", "Undefined name `Missing`", "high"),
        ("F821", "key = lambda a, b: Missing", "Undefined name `Missing`", "high"),
    ],
)
def test_the_place_of_a_claim_weighs(rule: str, quote: str, message: str, severity: str) -> None:
    """A constant command, a hash of a secret, a name in an annotation: the same rule weighs differently."""
    one = Noise({"app.py": quote}).weigh(claim(rule, quote, message))
    assert (one.severity, one.doubt) == (severity, None)


def test_an_engine_goes_first_unless_the_rule_says_why_not() -> None:
    """Bandit calls every weak hash high; the rule does not, and has its reason."""
    assert severity_for("S605", "low") == "low"
    assert severity_for("S324", "high") == "medium"
    assert severity_for("S999", "high") == "high"
    assert (severity_for("F999"), severity_for("FURB110"), severity_for("S402", "high")) == (
        "medium",
        "low",
        "low",
    )
    assert all(rule.overrides == "" or rule.overrides.endswith(".") for rule in RULES.values())


def test_claims_of_models_and_of_fragments_stay() -> None:
    """A model says what it means, and of a file that is not whole nothing is known."""
    one = claim("F821", "x = get_ipython()", "Undefined name `get_ipython`")
    by_model = one.model_copy(update={"code": None})
    assert Noise({"app.py": "x = get_ipython()\n"}).weigh(by_model) is by_model
    assert Noise({}).weigh(one) is one
