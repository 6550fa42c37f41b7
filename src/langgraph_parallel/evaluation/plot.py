"""The frontier of an evaluation as an SVG: scores over costs."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from langgraph_parallel.counted import count
from langgraph_parallel.evaluation.recommend import costs_of
from langgraph_parallel.evaluation.result import Evaluation, VariantResult

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 56, 64
_TICKS = 5
_MEASURES = {
    "usd": "US dollars for an item",
    "tokens": "tokens for an item",
    "calls": "calls for an item",
    "p50_seconds": "median seconds for an item",
}
_STYLE = """
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
  .ground { fill: #ffffff; } .ink { fill: #1f2328; } .soft { fill: #59636e; }
  .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
  .grid { stroke: #d1d9e0; } .line { stroke: #0969da; fill: none; stroke-width: 2; }
  .bar { stroke: #59636e; stroke-width: 1.5; } .dot { fill: #59636e; } .best { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .ink { fill: #f0f6fc; } .soft { fill: #9198a1; }
    .label { stroke: #0d1117; }
    .grid { stroke: #3d444d; } .line { stroke: #4493f8; }
    .bar { stroke: #9198a1; } .dot { fill: #9198a1; } .best { fill: #4493f8; }
  }
"""


def frontier_svg(evaluation: Evaluation) -> str:
    """Return scores with their intervals over costs, with the frontier as a line; it needs no other file.

    The costs are US dollars where all are known, else tokens, calls or seconds.
    """
    shown = [one for one in evaluation.variants if one.score is not None]
    costs = _costs(shown)
    plane = _Plane(shown, costs)
    advice = evaluation.recommendation
    said = (
        ""
        if advice is None
        else f"Recommended: {advice.variant}" + ("" if advice.known else " (not known yet)")
    )
    title = f"Scores ({evaluation.scorer}) of {count(evaluation.items, 'item')} over costs"
    frontier = sorted((one for one in shown if one.on_frontier), key=lambda one: costs[one.name])
    path = " ".join(f"{plane.x(costs[one.name]):.1f},{plane.y(one.score or 0.0):.1f}" for one in frontier)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(_described(shown, costs))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="ink" x="{_LEFT}" y="24" font-weight="600">{escape(title)}</text>',
        f'<text class="soft" x="{_LEFT}" y="42">{escape(said)}</text>',
        *plane.axes(_measure(shown, costs)),
        f'<polyline class="line" points="{path}"/>',
        *(part for one in shown for part in plane.point(one, costs[one.name])),
        *plane.labels([(one, costs[one.name]) for one in shown]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Plane:
    """Where scores and costs are drawn."""

    def __init__(self, variants: Sequence[VariantResult], costs: Mapping[str, float]) -> None:
        bounds = [bound for one in variants for bound in (one.score, one.low, one.high) if bound is not None]
        low, high = min(bounds, default=0.0), max(bounds, default=1.0)
        self._step = _nice((high - low or 0.1) / _TICKS)
        self._low = max(0.0, math.floor(low / self._step) * self._step)
        self._high = min(1.0, math.ceil(high / self._step) * self._step)
        most = max(costs.values(), default=0.0)
        self._unit = _nice((most or 1.0) / _TICKS)
        self._most = (math.floor(most / self._unit) + 1) * self._unit

    def x(self, cost: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * cost / self._most

    def y(self, score: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (score - self._low) / (self._high - self._low)

    def axes(self, measure: str) -> list[str]:
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        parts = []
        for place in range(round((self._high - self._low) / self._step) + 1):
            score = self._low + place * self._step
            y, said = self.y(score), f"{100 * score:g}%"
            parts += [
                f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>',
                f'<text class="soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{said}</text>',
            ]
        for place in range(round(self._most / self._unit) + 1):
            x, cost = self.x(place * self._unit), place * self._unit
            parts.append(
                f'<text class="soft" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{cost:.6g}</text>'
            )
        parts.append(
            f'<text class="soft" x="{(_LEFT + right) / 2}" y="{bottom + 44}" text-anchor="middle">'
            f"{escape(measure)}</text>"
        )
        return parts

    def point(self, one: VariantResult, cost: float) -> list[str]:
        x, y = self.x(cost), self.y(one.score or 0.0)
        parts = []
        if one.low is not None and one.high is not None:
            low, high = self.y(one.low), self.y(one.high)
            parts.append(f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
        kind = "best" if one.on_frontier else "dot"
        return [*parts, f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>']

    def labels(self, points: Sequence[tuple[VariantResult, float]]) -> list[str]:
        """Return the names beside the points; those that would overlap are moved down."""
        parts: list[str] = []
        taken: list[tuple[float, float]] = []
        for one, cost in sorted(points, key=lambda point: -(point[0].score or 0.0)):
            x, y = self.x(cost), self.y(one.score or 0.0) - 8
            while any(abs(x - left) < 150 and abs(y - top) < 15 for left, top in taken):
                y += 15
            taken.append((x, y))
            is_right = x > _WIDTH * 0.7
            anchor, shift = ("end", -10) if is_right else ("start", 10)
            text = escape(f"{one.name} {100 * (one.score or 0.0):.1f}%")
            place = f'x="{x + shift:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            parts.append(f'<text class="ink label" {place}>{text}</text>')
        return parts


def _nice(step: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((nice * power for nice in (1.0, 2.0, 5.0) if nice * power >= step), 10.0 * power)


def _costs(variants: Sequence[VariantResult]) -> dict[str, float]:
    """Return what variants cost; their time, where none of them costs anything."""
    costs = costs_of(variants)
    if all(cost is None for cost in costs.values()):
        costs = {one.name: one.p50_seconds for one in variants}
    return {name: cost or 0.0 for name, cost in costs.items()}


def _measure(variants: Sequence[VariantResult], costs: Mapping[str, float]) -> str:
    """Return what the costs are."""
    for measure, words in _MEASURES.items():
        if variants and all(getattr(one, measure) == costs[one.name] for one in variants):
            return words
    return "cost unknown"


def _described(variants: Sequence[VariantResult], costs: Mapping[str, float]) -> str:
    return "; ".join(
        f"{one.name}: {100 * (one.score or 0.0):.1f}% at {costs[one.name]:.6g}" for one in variants
    )
