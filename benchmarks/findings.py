"""How well the measure of likeness tells the same finding from another, on labelled review comments.

    uv run python -m benchmarks.findings --data DIR

DIR holds `reviews/recorded_reviews.jsonl.gz`: a pull request a line, with the comments of several reviewers,
each labelled with the known issue that it matches, or null:

    {"pr": ..., "comments": [{"reviewer": ..., "text": ..., "golden": id or null}, ...]}

A public original is `offline/results` of github.com/withmartian/code-review-benchmark. Without `--data`
the measure runs on generated comments, which say little about real ones.
"""

import argparse
import gzip
import json
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from langgraph_parallel.reducers.findings.unite import ALIKE
from langgraph_parallel.reducers.text.similarity import Corpus

WORDS = """
    query user input cache lock thread null index bound loop file path token header price order total
""".split()  # noqa: SIM905 - a list that people read


def recorded(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """Comments of each recorded pull request."""
    with gzip.open(folder / "reviews" / "recorded_reviews.jsonl.gz", "rt") as lines:
        for line in lines:
            yield json.loads(line)["comments"]


def generated() -> Iterator[list[dict[str, Any]]]:
    """Comments made of random words: each issue has its own, and reviewers take most of them."""
    chance = random.Random(1)
    for _ in range(30):
        issues = [chance.sample(WORDS, 6) for _ in range(5)]
        yield [
            {
                "reviewer": reviewer,
                "golden": number,
                "text": " ".join(chance.sample(words, 4)),
            }
            for reviewer in range(4)
            for number, words in enumerate(issues)
        ]


def main() -> None:
    """Print the area under the curve, and what the threshold in use keeps apart and joins."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    folder = parser.parse_args().data
    same: list[float] = []
    other: list[float] = []
    for comments in recorded(folder) if folder else generated():
        corpus = Corpus([comment["text"] for comment in comments])
        for i, j in combinations(range(len(comments)), 2):
            one, two = comments[i], comments[j]
            if one["reviewer"] != two["reviewer"] and (one["golden"], two["golden"]) != (None, None):
                (same if one["golden"] == two["golden"] else other).append(corpus.cosine(i, j))
    other.sort()
    wins = sum((bisect_left(other, value) + bisect_right(other, value)) / 2 for value in same)
    print(f"{len(same) + len(other):,} pairs, {len(same):,} of them of the same issue")
    print(f"area under the curve: {wins / len(same) / len(other):.3f}")
    print(f"at {ALIKE}: {sum(v >= ALIKE for v in same) / len(same):.0%} of the same are joined, ", end="")
    print(f"{sum(v < ALIKE for v in other) / len(other):.1%} of the others kept apart")


if __name__ == "__main__":
    main()
