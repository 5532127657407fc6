"""What speed costs: a chart of policies, pay per order against click-to-door, as SVG."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor
from typing import Final

from msgspec import Struct

WIDTH: Final = 760
HEIGHT: Final = 480
LEFT: Final = 72
RIGHT: Final = 130
TOP: Final = 56
BOTTOM: Final = 64
NAMESPACE: Final = "http://www.w3.org/2000/svg"
NEAR: Final = 16.0
"""Names closer than this one above the other, and than their width, are pushed apart."""
NAME_WIDTH: Final = 110.0
STYLE: Final = """
  svg { font: 13px system-ui, sans-serif; background: #fff; color: #1d2530 }
  text { fill: currentColor } .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 11px } .quiet { fill: #5d6875 } .grid { stroke: #e3e7ec }
  .front { stroke: #1f6f8b; fill: none; stroke-width: 2 } .ours { fill: #1f6f8b }
  .theirs { fill: none; stroke: #b4542b; stroke-width: 2 } .lead { stroke: #9aa5b1 }
  .bound { stroke: #5d6875; stroke-dasharray: 4 4 }
  @media (prefers-color-scheme: dark) {
    svg { background: #14191f; color: #e6ebf0 } .quiet { fill: #9aa5b1 } .grid { stroke: #2a323b }
    .front { stroke: #6fc3df } .ours { fill: #6fc3df } .theirs { stroke: #f0a27c }
    .lead { stroke: #5d6875 } .bound { stroke: #9aa5b1 } }
"""


class Point(Struct, frozen=True):
    name: str
    pay: float
    eff_min: float
    ours: bool = True


class Frame(Struct, frozen=True):
    low_pay: float
    high_pay: float
    low_min: float
    high_min: float

    def x(self, pay: float) -> float:
        share = (pay - self.low_pay) / (self.high_pay - self.low_pay)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, eff_min: float) -> float:
        share = (eff_min - self.low_min) / (self.high_min - self.low_min)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in both, by pay."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.pay, p.eff_min)):
        if not best or point.eff_min < best[-1].eff_min:
            best.append(point)
    return best


def drawn(points: Sequence[Point], *, bound_min: float | None, span_min: float = 2.5) -> str:
    """Points `span_min` slower than the quickest are named below: they would flatten the chart."""
    assert points
    beyond_min = min(p.eff_min for p in points) + span_min
    shown = [p for p in points if p.eff_min <= beyond_min]
    frame = _frame(shown, bound_min)
    line = " ".join(
        f"{frame.x(p.pay):.1f},{frame.y(p.eff_min):.1f}"
        for p in front([p for p in shown if p.ours])
    )
    title = "Pay per order against effective click-to-door, by policy"
    parts = [
        f'<svg xmlns="{NAMESPACE}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        _text(LEFT, 28, "What speed costs", kind="title"),
        *_axes(frame),
        *_bound(frame, bound_min),
        f'<polyline class="front" points="{line}"/>',
        *_marks(frame, shown),
        *_left_out([p for p in points if p.eff_min > beyond_min]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(shown: Sequence[Point], bound_min: float | None) -> Frame:
    low_min = min([p.eff_min for p in shown] + ([] if bound_min is None else [bound_min]))
    return Frame(
        low_pay=floor(min(p.pay for p in shown) * 5 - 0.2) / 5,
        high_pay=ceil(max(p.pay for p in shown) * 5 + 0.2) / 5,
        low_min=floor(low_min * 2 - 0.2) / 2,
        high_min=ceil(max(p.eff_min for p in shown) * 2 + 0.2) / 2,
    )


def _text(x: float, y: float, said: str, *, kind: str = "", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(said)}</text>'


def _axes(frame: Frame) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts: list[str] = []
    for step in range(round((frame.high_pay - frame.low_pay) * 5) + 1):
        pay = frame.low_pay + step / 5
        x = frame.x(pay)
        parts += [
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>',
            _text(x, bottom + 20, f"{pay:.1f}", kind="quiet", anchor="middle"),
        ]
    for step in range(round((frame.high_min - frame.low_min) * 2) + 1):
        eff_min = frame.low_min + step / 2
        y = frame.y(eff_min)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>',
            _text(LEFT - 10, y + 4, f"{eff_min:.1f}", kind="quiet", anchor="end"),
        ]
    upright = _text(0, 0, "effective click-to-door, minutes", anchor="middle")
    return [
        *parts,
        _text((LEFT + right) / 2, bottom + 42, "pay per order, dollars", anchor="middle"),
        f'<g transform="translate(22 {(TOP + bottom) / 2}) rotate(-90)">{upright}</g>',
    ]


def _bound(frame: Frame, bound_min: float | None) -> list[str]:
    if bound_min is None:
        return []
    y = frame.y(bound_min)
    return [
        f'<line class="bound" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        _text(WIDTH - RIGHT + 8, y + 4, "no contention", kind="quiet"),
    ]


def _marks(frame: Frame, shown: Sequence[Point]) -> list[str]:
    """A disc for each of ours, a ring for others; names to the right, pushed apart downwards."""
    parts: list[str] = []
    written: list[tuple[float, float]] = []
    for point in sorted(shown, key=lambda p: (-p.eff_min, p.name)):
        x, y = frame.x(point.pay), frame.y(point.eff_min)
        name_y = y + 4
        while any(abs(name_y - at) < NEAR and abs(x - by) < NAME_WIDTH for by, at in written):
            name_y += 2
        written.append((x, name_y))
        kind = "ours" if point.ours else "theirs"
        told = f"{point.name}: {point.eff_min:.2f} min, ${point.pay:.2f}"
        mark = f'class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"'
        line = f'x1="{x:.1f}" y1="{y:.1f}" x2="{x + 11:.1f}" y2="{name_y - 4:.1f}"'
        parts += [
            f'<line class="lead" {line}/>',
            f"<circle {mark}><title>{escape(told)}</title></circle>",
            _text(x + 14, name_y, point.name),
        ]
    return parts


def _left_out(slow: Sequence[Point]) -> list[str]:
    if not slow:
        return []
    named = ", ".join(f"{p.name} ({p.eff_min:.1f} min, ${p.pay:.2f})" for p in slow)
    return [_text(LEFT, HEIGHT - 6, f"Beyond the chart: {named}", kind="small quiet")]
