"""How well the similarity of findings tells equal ones from different ones, on labelled review comments.

    uv run python -m benchmarks.findings --data DIR

DIR holds `reviews/recorded_reviews.jsonl.gz`: one pull request per line, with the comments of several
reviewers, each labelled with the known issue that it matches, or null:

    {"pr": ..., "comments": [{"reviewer": ..., "text": ..., "golden": id or null}, ...]}

A public original is `offline/results` of github.com/withmartian/code-review-benchmark. Without `--data` the
comments are generated, which says little about real ones.
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

from langgraph_parallel.reducers.findings.grouping import ALIKE
from langgraph_parallel.reducers.text.similarity import Corpus

WORDS = """
    query user input cache lock thread null index bound loop file path token header price order total
""".split()  # noqa: SIM905 - easier to read than a list


def recorded(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """Yield the comments of each recorded pull request."""
    with gzip.open(folder / "reviews" / "recorded_reviews.jsonl.gz", "rt") as lines:
        for line in lines:
            yield json.loads(line)["comments"]


def generated() -> Iterator[list[dict[str, Any]]]:
    """Yield comments of random words: each issue has its own words, and a reviewer uses most of these."""
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
    """Print the area under the ROC curve, and the shares that the threshold joins and keeps apart."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with reviews/recorded_reviews.jsonl.gz")
    folder = parser.parse_args().data
    same: list[float] = []
    other: list[float] = []
    for comments in recorded(folder) if folder else generated():
        corpus = Corpus([comment["text"] for comment in comments])
        for i, j in combinations(range(len(comments)), 2):
            first, second = comments[i], comments[j]
            labels = first["golden"], second["golden"]
            if first["reviewer"] != second["reviewer"] and labels != (None, None):
                (same if labels[0] == labels[1] else other).append(corpus.cosine(i, j))
    other.sort()
    wins = sum((bisect_left(other, value) + bisect_right(other, value)) / 2 for value in same)
    print(f"{len(same) + len(other):,} pairs, {len(same):,} of them of the same issue")
    print(f"area under the curve: {wins / len(same) / len(other):.3f}")
    print(f"at {ALIKE}: {sum(v >= ALIKE for v in same) / len(same):.0%} of the same are joined, ", end="")
    print(f"{sum(v < ALIKE for v in other) / len(other):.1%} of the others kept apart")


if __name__ == "__main__":
    main()
