"""What large inputs cost whole commands of the command line: CPU and memory, at two sizes.

    uv run --all-extras python -m benchmarks.large_inputs [--megabytes N] [NAME ...]

Texts are generated from a seed: prose, logs, exports full of personal data, feedback, and adversarial ones of
one repeated unit. Each command runs offline in a process of its own, on an input of half the size and of the
whole: CPU that more than doubles, beyond the start, is not linear. Wall time is not measured.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.personal_data import digits, email, plain

PROGRAM = "import sys; from langgraph_parallel.cli import main; sys.exit(main())"
SYLLABLES = "ba de fi go lu ma ne po ri su ta ve wo xi ya ze".split()  # noqa: SIM905
COMMON = "the of and to in is that it was for on with as be at this have from or had not but what all".split()  # noqa: SIM905
OPINIONS = ("great service", "terrible delivery", "refund not received, urgent", "the app crashes", "ok")


class Case(NamedTuple):
    """A command and its input."""

    command: list[str]
    """Arguments; `{}` stands for the file."""
    ending: str
    line: Callable[[random.Random], str]
    separator: str = "\n"


def sentence(chance: random.Random) -> str:
    """Return a sentence of common and of rare words."""
    words = [
        chance.choice(COMMON) if chance.random() < 0.6 else "".join(chance.choices(SYLLABLES, k=3))
        for _ in range(chance.randrange(6, 20))
    ]
    return " ".join(words).capitalize() + "."


def person(chance: random.Random) -> str:
    """Return a row of an export of customers: an address and two numbers."""
    numbers = f"+49 30 {digits(chance, '1######')},{digits(chance, '(2##) 5##-####')}"
    return f"{chance.randrange(10**6)},{email(chance)},{numbers}"


def opinion(chance: random.Random) -> str:
    """Return a row of feedback."""
    rare = "".join(chance.choices(SYLLABLES, k=3))
    return f'{chance.randrange(10**6)},"{chance.choice(OPINIONS)} {rare} {sentence(chance)[:30]}"'


def function(chance: random.Random) -> str:
    """Return a function of Python."""
    name = "".join(chance.choices(SYLLABLES, k=4))
    return f'def {name}(a, b):\n    """Add."""\n    return a + b + {chance.randrange(99)}\n\n'


def repeated(unit: str) -> Callable[[random.Random], str]:
    """Return a maker of one unit over and over."""
    return lambda chance: unit * 100


MODERATE, REVIEW = ["moderate", "{}"], ["review", "{}"]
CASES = {
    "moderate prose": Case(MODERATE, "txt", sentence),
    "moderate log": Case(MODERATE, "txt", plain),
    "moderate customers": Case(MODERATE, "txt", person),
    "moderate customers, JSON": Case([*MODERATE, "--format", "json"], "txt", person),
    "moderate one line": Case(MODERATE, "txt", person, " "),
    "feedback": Case(["feedback", "{}", "--column", "text"], "csv", opinion),
    "brief": Case(["brief", "{}"], "txt", sentence),
    "brief one line": Case(["brief", "{}"], "txt", sentence, " "),
    "research": Case(["research", "Where is it?", "{}"], "txt", sentence),
    "review diff of one line": Case(["review", "-"], "diff", repeated("aaaaaaaaaa"), ""),
    "review": Case(REVIEW, "py", function),
    **{
        f"moderate {unit!r}": Case(MODERATE, "txt", repeated(unit), "")
        for unit in ("1", "1 ", "@", "a@", "::", "(", "tel 123456 ", "BUY! ", "a.b@c.", "é")
    },
}
HEADERS = {
    "csv": "id,text\n",
    "diff": "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,1 +1,2 @@\n import os\n+x = '",
}
MAX_SOURCE = 900_000
"""Bytes of a source file: above 1 MB it is refused."""


def generate(case: Case, size: int) -> str:
    """Return an input of about so many characters."""
    chance, parts, length = random.Random(1), [HEADERS.get(case.ending, "")], 0
    while length < size:
        parts.append(case.line(chance) + case.separator)
        length += len(parts[-1])
    return "".join(parts) + ("'\n" if case.ending == "diff" else "")


def run(case: Case, text: str) -> tuple[float, float, int]:
    """Run a command, and return CPU in seconds, its peak of memory in MB, and lines of the report.

    Raises:
        SystemExit: the command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"input.{case.ending}")
        file.write_text(text, encoding="utf-8")
        command = [part.format(file) for part in case.command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with file.open("rb") as standard_input:
            process = subprocess.run(
                [sys.executable, "-c", PROGRAM, *command, "--offline"],
                stdin=standard_input,
                capture_output=True,
                check=False,
                env=os.environ | {"LANGSMITH_TRACING": "false", "XDG_STATE_HOME": folder},
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, 1):
        raise SystemExit(process.stderr.decode())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, after.ru_maxrss / 1024, process.stdout.count(b"\n")


def measure(name: str, megabytes: float) -> None:
    """Run a case in this process's only child, and print what it took as cells of a table.

    Raises:
        SystemExit: the command failed.
    """
    case, size = CASES[name], int(megabytes * 1e6)
    text = generate(case, min(size, MAX_SOURCE) if case.ending == "py" else size)
    cpu, memory, lines = run(case, text)
    print(f"{len(text) / 1e6:>6.1f} {cpu:>7.1f} {memory:>7.0f} {lines:>9,}")


def main() -> None:
    """Print CPU, peak memory and the length of the report of each case, at half the size and the whole.

    Raises:
        SystemExit: a command failed; the others are measured first.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=5.0, help="of each input")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(CASES)}; by default all")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.one, arguments.megabytes)
        return
    print(f"{'command':<26} {'MB':>6} {'CPU s':>7} {'peak MB':>7} {'lines':>9}")
    failed = []
    for name in arguments.names or CASES:
        for megabytes in (arguments.megabytes / 2, arguments.megabytes):
            # In a process of its own: the peak of all children is one number.
            module = [sys.executable, "-m", "benchmarks.large_inputs", "--one", name]
            print(f"{name:<26}", end=" ", flush=True)
            if subprocess.run([*module, "--megabytes", str(megabytes)], check=False).returncode:
                failed.append(f"{name} of {megabytes} MB")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
