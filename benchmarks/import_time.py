"""Time of `import langgraph_parallel`, against the imports that any LangGraph program has.

uv run python -m benchmarks.import_time
"""

import statistics
import subprocess
import sys

BASE = "import langgraph.graph, langchain_core.language_models"
OURS = "import langgraph_parallel"
ROUNDS = 9


def seconds(statement: str) -> float:
    """Return the seconds of an import in a fresh interpreter, measured inside it."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def main() -> None:
    """Alternate between both, so that a slow moment affects both, and compare medians."""
    seconds(BASE), seconds(OURS)  # fill the caches
    pairs = [(seconds(BASE), seconds(OURS)) for _ in range(ROUNDS)]
    base, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{BASE}: {base:.3f} s")
    print(f"{OURS}: {ours:.3f} s")
    print(f"ratio: {ours / base:.2f}")


if __name__ == "__main__":
    main()
