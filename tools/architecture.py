"""Draw docs/architecture.svg: which package imports which, and which stack needs which.

`python -m tools.architecture` writes the file. Both graphs are read from the code. Nodes stand in rows, above what
they need; an arrow that crosses a row passes through a gap between the nodes of that row.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "architecture.svg"
ABOUT = {
    "app.py": "what cdk deploy starts",
    "billing_exports": "reads FOCUS and Cost and Usage files",
    "contracts": "shapes and spellings that two sides share",
    "cost_reports": "the money library: prices, estimates, decisions, reports",
    "infra": "CDK constructs and settings",
    "ladder": "the command line",
    "lambdas": "the code that runs in AWS",
    "offline": "the embedded AWS on this machine",
    "stacks": "one module per stack",
}

WIDTH, BOX, GAP, LANE = 900, 178, 26, 18
LINE, ROW_GAP, MARGIN, CHARACTERS = 17, 58, 20, 24
STYLE = """
  svg { --ink: #1f2328; --soft: #59636e; --box: #f6f8fa; --edge: #57606a; --pale: #b6bfc9; --paper: #ffffff }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --soft: #9198a1; --box: #161b22; --edge: #9198a1; --pale: #4a525c; --paper: #0d1117 }
  }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
  .paper { fill: var(--paper) } .heading { font-size: 17px; font-weight: 600 }
  .name { font-size: 15px; font-weight: 600; text-anchor: middle }
  .about { font-size: 12.5px; fill: var(--soft); text-anchor: middle } .note { font-size: 13px; fill: var(--soft) }
  .box { fill: var(--box); stroke: var(--edge) } .optional { stroke-dasharray: 5 4 }
  .arrow { fill: none; stroke: var(--edge); stroke-width: 1.5; marker-end: url(#head) }
  .implied { stroke: var(--pale); marker-end: url(#pale) }
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """Names with what is said of them, and for each what it needs. `optional` nodes are drawn with a dashed line."""

    about: Mapping[str, str]
    needs: Mapping[str, frozenset[str]]
    optional: frozenset[str] = frozenset()

    def implied(self, name: str, other: str) -> bool:
        """Return whether `name` also gets at `other` through something else that it needs."""
        waiting = set(self.needs[name] - {other})
        seen: set[str] = set()
        while waiting:
            seen.add(via := waiting.pop())
            waiting |= self.needs[via] - seen
        return other in seen


def packages() -> Graph:
    """Return what ships, by import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]]
    files = {"app.py": [ROOT / "app.py"]} | {name: sorted((ROOT / name).rglob("*.py")) for name in sorted(names)}
    found = {name: {imported for file in paths for imported in _imported(file)} for name, paths in files.items()}
    needs = {name: frozenset(imported & (files.keys() - {name})) for name, imported in found.items()}
    if unknown := sorted(files.keys() - ABOUT.keys()):
        raise ValueError(f"{__file__}: ABOUT says nothing of {', '.join(unknown)}; say what each package is")
    return Graph({name: ABOUT[name] for name in files}, needs)


def _imported(file: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def stacks() -> Graph:
    """Return the stacks that `stacks.ladder` builds; a stack needs those that it is given."""
    tree = ast.parse((ROOT / "stacks" / "ladder.py").read_text(encoding="utf-8"))
    modules = {
        alias.name: node.module.partition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stacks.")
        for alias in node.names
    }
    variables = {
        target.id: modules[node.value.func.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Name) and node.value.func.id in modules
    }
    needs: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in modules:
            given = {n.id for keyword in node.keywords for n in ast.walk(keyword.value) if isinstance(n, ast.Name)}
            needs[modules[node.func.id]] = frozenset(variables[name] for name in given & variables.keys())
    asked_for = {
        modules[node.func.id]
        for choice in ast.walk(tree)
        if isinstance(choice, ast.If)
        for node in ast.walk(choice)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in modules
    }
    return Graph({name: _first_sentence(name) for name in needs}, needs, frozenset(asked_for))


def _first_sentence(stack: str) -> str:
    tree = ast.parse((ROOT / "stacks" / f"{stack}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


@dataclass(slots=True)
class Place:
    """A node, or the gap through which an arrow passes a row (without a name)."""

    row: int
    name: str | None = None
    x: float = 0
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)

    @property
    def width(self) -> int:
        return BOX if self.name else LANE


def draw(graph: Graph, top: float) -> tuple[list[str], float]:
    """Return the SVG elements of a graph whose first row begins at `top`, and where its last row ends."""
    rows, paths = lay_out(graph)
    texts = {name: textwrap.wrap(about, CHARACTERS) for name, about in graph.about.items()}
    heights = [max(34 + LINE * len(texts[p.name]) for p in row if p.name) for row in rows]
    tops = [top + sum(heights[:number]) + ROW_GAP * number for number in range(len(rows))]
    drawn = []
    for path in paths:
        first, last = path[0], path[-1]
        implied = graph.implied(str(first.name), str(last.name))
        kind = "arrow implied" if implied else "arrow"
        start = _port(first, first.below, path[1]), tops[first.row] + heights[first.row]
        words = [f"M{start[0]:.1f} {start[1]:.1f}"]
        for here, there in pairwise(path):
            end_x = there.x if there is not last else _port(last, last.above, here)
            middle = tops[there.row] - ROW_GAP / 2
            words.append(f"C{start[0]:.1f} {middle:.1f} {end_x:.1f} {middle:.1f} {end_x:.1f} {tops[there.row]:.1f}")
            start = end_x, tops[there.row] + heights[there.row]
            if there is not last:
                words.append(f"V{start[1]:.1f}")
        drawn.append(f'<path class="{kind}" d="{" ".join(words)}"/>')
    # Pale arrows lie under the others, and boxes over all.
    drawn.sort(key=lambda element: "implied" not in element)
    for row in rows:
        for place in row:
            if place.name:
                kind = "box optional" if place.name in graph.optional else "box"
                drawn += _box(place.name, texts[place.name], kind, place.x, tops[place.row], heights[place.row])
    return drawn, tops[-1] + heights[-1]


def _port(place: Place, neighbours: Sequence[Place], other: Place) -> float:
    """Return where an arrow meets a box: the arrows of one side stand apart, in the order of where they go."""
    ordered = sorted(neighbours, key=lambda neighbour: neighbour.x)
    step = min(22.0, BOX * 0.8 / len(ordered))
    index = next(number for number, neighbour in enumerate(ordered) if neighbour is other)
    return place.x + step * (index - (len(ordered) - 1) / 2)


def _box(name: str, about: Sequence[str], kind: str, x: float, y: float, height: float) -> list[str]:
    lines = [
        f'<rect class="{kind}" x="{x - BOX / 2:.1f}" y="{y:.1f}" width="{BOX}" height="{height}" rx="7"/>',
        f'<text class="name" x="{x:.1f}" y="{y + 22:.1f}">{escape(name)}</text>',
    ]
    for number, line in enumerate(about, start=1):
        lines.append(f'<text class="about" x="{x:.1f}" y="{y + 22 + LINE * number:.1f}">{escape(line)}</text>')
    return lines


def lay_out(graph: Graph) -> tuple[list[list[Place]], list[list[Place]]]:
    """Return the rows from top to bottom, each from left to right, and the way of every arrow."""
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((deep(other) for other in graph.needs[name]), default=-1)
        return depth[name]

    last = max(map(deep, sorted(graph.needs)))
    nodes = {name: Place(last - depth[name], name) for name in sorted(graph.needs)}
    rows: list[list[Place]] = [[place for place in nodes.values() if place.row == row] for row in range(last + 1)]
    paths = []
    for name in nodes:
        for other in sorted(graph.needs[name]):
            gaps = [Place(row) for row in range(nodes[name].row + 1, nodes[other].row)]
            path = [nodes[name], *gaps, nodes[other]]
            for upper, lower in pairwise(path):
                upper.below.append(lower)
                lower.above.append(upper)
            for gap in gaps:
                rows[gap.row].append(gap)
            paths.append(path)
    for row in rows:
        _spread(row)
    # Each place moves to the middle of its neighbours, downwards and upwards in turn, which leaves few crossings.
    for turn in range(12):
        for row in rows if turn % 2 == 0 else reversed(rows):
            middles = {id(place): _middle(place, upwards=turn % 2 == 0) for place in row}
            row.sort(key=lambda place: middles[id(place)])
            _spread(row)
    return rows, paths


def _middle(place: Place, *, upwards: bool) -> float:
    neighbours = place.above if upwards else place.below
    return sum(other.x for other in neighbours) / len(neighbours) if neighbours else place.x


def _spread(row: Sequence[Place]) -> None:
    """Set the places side by side, the row as a whole in the middle."""
    x = (WIDTH - sum(place.width for place in row) - GAP * (len(row) - 1)) / 2
    for place in row:
        place.x = x + place.width / 2
        x += place.width + GAP


def render() -> str:
    """Return the text of the file."""
    body: list[str] = []
    end = 0.0
    for heading, note, graph in (
        ("Packages", "An arrow points at what is imported; pale: it is also reached through another.", packages()),
        ("Stacks", "An arrow points at what must be deployed before; dashed: only where it is asked for.", stacks()),
    ):
        top = end + 34
        body.append(f'<text class="heading" x="{MARGIN}" y="{top:.1f}">{heading}</text>')
        body.append(f'<text class="note" x="{MARGIN}" y="{top + 21:.1f}">{note}</text>')
        drawn, end = draw(graph, top + 42)
        body += drawn
    height = round(end + MARGIN)
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="var(--{colour})"/></marker>'
        for name, colour in (("head", "edge"), ("pale", "pale"))
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
            "<title>Packages and stacks of the FM cost ladder</title>",
            f"<style>{STYLE}</style>",
            f"<defs>{heads}</defs>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def main() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
