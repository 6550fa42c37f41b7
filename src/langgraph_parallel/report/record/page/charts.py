"""The charts of the page: calls in flight, and requests by time with those that were refused."""

from collections.abc import Sequence

from langgraph_parallel.report.record.clock import counted, in_flight, peak, spans_of
from langgraph_parallel.report.record.numbers import Measured
from langgraph_parallel.report.record.page.markup import Html, tag
from langgraph_parallel.report.record.tree import calls_made
from langgraph_parallel.report.record.wording import seconds
from langgraph_parallel.report.wording import count

WIDTH, HEIGHT = 1000, 100
"""Units of a chart: its whole width is the time of the run."""
_FLIGHT, _RATE = 250, 80
"""Parts of the time that a chart has."""


def charts(measured: Measured) -> Html:
    """Return both charts, each with its greatest value; nothing without calls."""
    made = calls_made(measured.record.calls)
    clock = measured.clock
    if not made or clock.end <= 0:
        return Html("")
    spans = spans_of(made, clock)
    flight = in_flight(spans, clock.end, _FLIGHT)
    begun = counted([begin for begin, _ in spans], clock.end, _RATE)
    refused = counted([clock.shown(call.ended) for call in made if call.throttled], clock.end, _RATE)
    greatest = peak(spans)
    rate = f"{len(made):,} in all, at most {max(begun):,} in {seconds(clock.end / _RATE)}"
    refusals = f"{count(sum(refused), 'refusal')} (429)" if any(refused) else "none refused"
    return Html(
        _chart("flight", "Calls in flight", f"at most {greatest:,}", _area(flight))
        + _chart("rate", "Requests", f"{rate}, {refusals}", _bars(begun, refused))
    )


def _chart(kind: str, title: str, words: str, drawn: Html) -> Html:
    svg = tag(
        "svg",
        drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title}: {words}",
        class_=f"chart {kind}",
    )
    label = tag("div", tag("strong", title), tag("span", words), class_="chart-label")
    return tag("div", label, svg, class_="chart-row")


def _area(values: Sequence[float]) -> Html:
    scale = (HEIGHT - 4) / (max(values) or 1)
    step = WIDTH / len(values)
    points = [f"M0 {HEIGHT}"]
    for number, value in enumerate(values):
        top = _short(HEIGHT - value * scale)
        points.append(f"L{_short(number * step)} {top}L{_short((number + 1) * step)} {top}")
    return tag("path", d=f"{''.join(points)}L{WIDTH} {HEIGHT}Z", class_="area")


def _bars(begun: Sequence[int], refused: Sequence[int]) -> Html:
    scale = (HEIGHT - 4) / (max(map(sum, zip(begun, refused, strict=True))) or 1)
    step, bars = WIDTH / len(begun), []
    for number, (calls, refusals) in enumerate(zip(begun, refused, strict=True)):
        left, high, top = _short(number * step), calls * scale, refusals * scale
        size = {"x": left, "width": _short(step * 0.85)}
        if calls:
            bars.append(tag("rect", y=_short(HEIGHT - high), height=_short(high), class_="begun", **size))
        if refusals:
            y = _short(HEIGHT - high - top)
            bars.append(tag("rect", y=y, height=_short(top), class_="refused", **size))
    return Html("".join(bars))


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
