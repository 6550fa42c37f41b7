"""Plot of accuracy against calls."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

BLUE = "#2a6f97"
_MARKERS = "osD^v<>"
_TICKS = [2, 3, 5, 10, 20, 40]

Point = tuple[str, int, Mapping[str, float]]
"""A stop, the number of voters, and the means over all votes (`benchmarks.votes`)."""


def plot(points: Sequence[Point], path: Path) -> None:
    """Plot accuracy against calls into an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "votes", "svg.fonttype": "none", "font.size": 10}
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    markers = dict(zip(sorted({size for _, size, _ in points}), _MARKERS, strict=False))
    for size, marker in markers.items():
        shown = _of_size(points, size)
        axes.plot([x for x, _, _ in shown], [y for _, y, _ in shown], color="#c9d6df", zorder=1)
        for number, (x, y, stop) in enumerate(shown):
            full, up = stop == "all_votes()", number % 2 == 0
            fill, label = ("white", f"all {size} voters") if full else (BLUE, stop)
            axes.scatter(x, y, marker=marker, s=46, zorder=3, facecolors=fill, edgecolors=BLUE)
            axes.annotate(
                label,
                (x, y),
                xytext=(9, -3) if full else (2, 7 if up else -7),
                textcoords="offset points",
                rotation=0 if full else 35 if up else -35,
                rotation_mode="anchor",
                verticalalignment="baseline" if full or up else "top",
                fontsize=8,
                color="#333333",
            )
    for size, marker in markers.items():
        axes.scatter([], [], marker=marker, color=BLUE, label=f"of {size} voters")
    axes.set(xlabel="calls per question, mean", ylabel="right answers, %", xscale="log", xlim=(2, 70))
    axes.margins(y=0.2)
    axes.set_xticks(_TICKS, [str(tick) for tick in _TICKS])
    axes.minorticks_off()
    axes.grid(color="#e5e5e5", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    title = "Cost and accuracy of votes; hollow marks hear all voters"
    axes.set_title(title, fontsize=11, loc="left")
    figure.savefig(path, metadata={"Date": None})
    print(f"\nwrote {path}")


def _of_size(points: Iterable[Point], size: int) -> list[tuple[float, float, str]]:
    """Return calls, right answers in percent, and the stop, by calls; without the Dirichlet variant."""
    shown = [(row["calls"], 100 * row["right"], stop) for stop, at, row in points if at == size]
    return sorted(point for point in shown if "dirichlet" not in point[2])
