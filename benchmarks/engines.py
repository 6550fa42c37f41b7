"""What the offline review confirms on programs with known weaknesses, beside bandit alone.

    uv run python -m benchmarks.engines                      # the samples of tests/offline/weaknesses.toml
    uv run python -m benchmarks.engines --owasp DIR          # a checkout of OWASP's BenchmarkPython
    uv run python -m benchmarks.engines --securityeval DIR   # SecurityEval's folder of insecure files
    uv run python -m benchmarks.engines --count DIR...       # confirmed findings in any sources
    uv run python -m benchmarks.engines --cost 10000         # CPU and memory on a tree of so many files
    uv run python -m benchmarks.engines --cost-of DIR        # the same on a tree of your own

A program counts as reported if it has a finding of its own category: recall is the share of the weak programs
that are reported, the false-positive rate that of the safe ones. SecurityEval has weak programs alone and no
categories of rules, so there any security finding counts.
"""

import argparse
import asyncio
import csv
import random
import sys
import sysconfig
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.process_tree import measure_tree
from langgraph_parallel import create_review
from langgraph_parallel.offline import FAMILIES, families_for
from langgraph_parallel.offline.file_set import tasks_for
from langgraph_parallel.records import Finding

SAMPLES = Path(__file__).parents[1] / "tests" / "offline" / "weaknesses.toml"
_OWASP = {
    "cmdi": ("S602", "S604", "S605", "S606", "DUO106", "DUO116"),
    "codeinj": ("S102", "S307"),
    "deserialization": ("S301", "S302", "S506"),
    "hash": ("S303", "S324"),
    "pathtraver": ("S202", "DUO112", "DUO115"),
    "sqli": ("S608",),
    "weakrand": ("S311",),
    "xss": ("S701", "S702", "S703", "S704", "S308"),
    "xxe": ("S313", "S314", "S315", "S316", "S317", "S318", "S319", "S320", "S405"),
}
"""Rules by category; the categories that are not here have none."""


class Program(NamedTuple):
    """A program, and whether it has the weakness of its category."""

    path: str
    text: str
    category: str
    rules: tuple[str, ...]
    """Prefixes of the canonical rules of the category."""
    weak: bool


def samples() -> list[Program]:
    """Return the samples of the tests."""
    categories = tomllib.loads(SAMPLES.read_text(encoding="utf-8"))
    return [
        Program(f"{category}/{kind}_{name}.py", text, category, tuple(given["rules"]), kind == "weak")
        for category, given in categories.items()
        for kind in ("weak", "safe")
        for name, text in given.get(kind, {}).items()
    ]


def owasp(folder: Path) -> list[Program]:
    """Return the test cases of a checkout of BenchmarkPython, as its table labels them."""
    table = next(folder.glob("expectedresults*.csv"))
    programs = []
    with table.open(encoding="utf-8") as lines:
        for name, category, weak, *_ in csv.reader(line for line in lines if not line.startswith("#")):
            text = next(folder.rglob(f"{name}.py")).read_text(encoding="utf-8")
            rules = _OWASP.get(category, ())
            programs.append(Program(f"{name}.py", text, category, rules, weak.strip().lower() == "true"))
    return programs


def sources(folder: Path) -> list[Program]:
    """Return the Python files of a folder, all of them weak in any way."""
    return [
        Program(str(path.relative_to(folder)), path.read_text(errors="replace"), "any", ("S", "DUO"), True)
        for path in sorted(folder.rglob("*.py"))
    ]


async def review(programs: Iterable[Program]) -> dict[str, list[Finding]]:
    """Return the security findings by path."""
    graph = create_review(aspects=["security"], offline=True)
    out = await graph.ainvoke({"files": {program.path: program.text for program in programs}})
    by_path = defaultdict(list)
    for finding in out["findings"]:
        by_path[finding.path].append(finding)
    return by_path


def reported(findings: Iterable[Finding], rules: tuple[str, ...]) -> dict[str, bool]:
    """Return who reports a program, by the findings of its category: bandit, all engines, confirmed."""
    of_rules = [finding for finding in findings if finding.rule and finding.rule.startswith(rules)]
    return {
        "bandit": any(claim.source == "bandit" for finding in of_rules for claim in finding.provenance),
        "engines": bool(of_rules),
        "confirmed": any(finding.confirmed for finding in of_rules),
    }


def print_table(programs: list[Program], findings: Mapping[str, list[Finding]]) -> None:
    """Print recall and false-positive rate of each way, by category and in all."""
    ways = ("bandit", "engines", "confirmed")
    print(f"{'category':<16} {'weak':>5} {'safe':>5}  " + "  ".join(f"{way:>15}" for way in ways))
    for category in [*dict.fromkeys(program.category for program in programs), ""]:
        mine = [program for program in programs if category in ("", program.category)]
        said = [(p.weak, reported(findings.get(p.path, []), p.rules)) for p in mine]
        weak, safe = sum(p.weak for p in mine), sum(not p.weak for p in mine)
        cells = []
        for way in ways:
            hits = sum(is_weak and by[way] for is_weak, by in said)
            alarms = sum(not is_weak and by[way] for is_weak, by in said)
            cells.append(f"{hits / max(weak, 1):>7.1%} {alarms / max(safe, 1):>7.1%}")
        print(f"{category or 'all':<16} {weak:>5} {safe:>5}  " + "  ".join(f"{cell:>15}" for cell in cells))


def print_count(folder: Path) -> None:
    """Print the number of security findings of a folder, and how many are confirmed."""
    findings = [f for found in asyncio.run(review(sources(folder))).values() for f in found]
    confirmed = sum(finding.confirmed for finding in findings)
    print(f"{folder}: {len(findings)} findings, {confirmed} confirmed")


def print_cost(files: int, folder: Path | None = None) -> None:
    """Print CPU time and peak memory of the review of a tree, and of the same engines run directly on it.

    Args:
        files: size of a tree made of installed packages.
        folder: a tree to measure instead; None to make one.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tree = folder.absolute() if folder else place / "tree"
        if folder is None:
            tree.mkdir()
            print(f"{files} files, {_make_tree(tree, files) / 1e6:.1f} MB")
        seats = [family for aspect in FAMILIES for family in families_for(aspect)]
        names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*.py"))
        alone = 0.0
        for task in tasks_for(seats):
            arguments = task.engine.arguments(task.select, ())
            used = measure_tree([sys.executable, "-I", "-m", task.engine.module, *arguments, *names], tree)
            alone += used.cpu
            print(f"{task.engine.name:<10} {used}", flush=True)
        for keep in ("--no-keep", "--keep"):
            report = place / "report.txt"
            command = ["-P", "-m", "langgraph_parallel", "review", "--offline", keep, str(tree)]
            state = {"XDG_STATE_HOME": str(place / "state")}
            used = measure_tree([sys.executable, *command, "--output", str(report)], place, state)
            lines = len(report.read_text(encoding="utf-8").splitlines())
            print(f"{keep:<10} {used}, {used.cpu / alone:.2f} times the engines, {lines} lines of report")


def _make_tree(folder: Path, files: int) -> int:
    """Copy files of the installed packages, drawn at random, each once while there are enough.

    Further copies differ in their last line.

    Returns:
        The size of all in bytes.
    """
    packages = Path(sysconfig.get_path("purelib"))
    found = sorted(path for path in packages.rglob("*.py") if 0 < path.stat().st_size < 65_536)
    random.Random(7).shuffle(found)
    size = 0
    for number in range(files):
        source = found[number % len(found)]
        text = source.read_text(encoding="utf-8", errors="replace")
        if number >= len(found):
            text += f"\n\n_COPY = {number}\n"
        path = folder / f"package_{number // 100:03}" / f"m{number:05}_{source.name}"
        path.parent.mkdir(exist_ok=True)
        size += path.write_text(text, encoding="utf-8")
    return size


def main() -> None:
    """Print the table for the samples, or for what the options name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--owasp", type=Path, metavar="DIR", help="checkout of BenchmarkPython")
    parser.add_argument("--securityeval", type=Path, metavar="DIR", help="folder of insecure files")
    parser.add_argument("--count", type=Path, nargs="+", metavar="DIR", help="folders of sources")
    parser.add_argument("--cost", type=int, metavar="N", help="files of a tree made of installed packages")
    parser.add_argument("--cost-of", type=Path, metavar="DIR", help="tree to measure")
    options = parser.parse_args()
    if options.cost or options.cost_of:
        print_cost(options.cost or 0, options.cost_of)
        return
    for folder in options.count or []:
        print_count(folder)
    programs = [
        *(owasp(options.owasp) if options.owasp else []),
        *(sources(options.securityeval) if options.securityeval else []),
    ]
    if not options.count:
        programs = programs or samples()
        print_table(programs, asyncio.run(review(programs)))


if __name__ == "__main__":
    main()
