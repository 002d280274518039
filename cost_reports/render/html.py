"""A document as one HTML file: no script, nothing loaded, dark mode, print, a table under every chart."""

from __future__ import annotations

import html

from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text
from cost_reports.text import printable

CSS = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d8dee4;--tint:#f5f7f9;--warn:#fff4d6;
--c0:#8a8f96;--c1:#0072B2;--c2:#E69F00;--c3:#009E73;--c4:#CC79A7}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--soft:#9aa4ae;--line:#343a41;--tint:#1d2125;
--warn:#3a3113;--c0:#8a8f96;--c1:#56B4E9;--c2:#E69F00;--c3:#2fc79a;--c4:#e3a5c6}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{font-size:28px;line-height:1.2;margin:4px 0 8px}
h2{font-size:20px;margin:38px 0 10px;padding-top:14px;border-top:1px solid var(--line)}
h3{font-size:16px;margin:22px 0 6px}
.kicker,.note,.a{color:var(--soft)}.kicker{margin:0}.note{font-size:13px;margin:4px 0 0}
.headline{font-size:19px;font-weight:600;border-left:4px solid var(--c3);padding:8px 14px;background:var(--tint)}
.warning{background:var(--warn);padding:8px 14px;border-radius:4px}.wrap{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:10px 0 4px}th,td{padding:5px 9px;border-bottom:1px solid var(--line);
text-align:left;vertical-align:top}th{color:var(--soft);font-weight:600;vertical-align:bottom}.r{text-align:right}
td.r,td.k{white-space:nowrap}td:last-child:not([class]){min-width:13em}tbody tr:hover{background:var(--tint)}
svg{display:block;width:100%;min-width:700px;max-width:900px;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--fg);paint-order:stroke;stroke:var(--bg);stroke-width:3px}
svg .a{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line)}.gate{stroke:var(--fg);stroke-dasharray:4 3}.c0{fill:var(--c0)}.c1{fill:var(--c1)}
.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}line[class^=bar]{stroke-width:3;opacity:.6}
.bar-c0,.line-c0{stroke:var(--c0)}.bar-c1,.line-c1{stroke:var(--c1)}.bar-c2,.line-c2{stroke:var(--c2)}
.bar-c3,.line-c3{stroke:var(--c3)}.bar-c4,.line-c4{stroke:var(--c4)}polyline{fill:none;stroke-width:2}
.faint{opacity:.35}.half{opacity:.65}.hollow{fill:none;stroke:var(--fg);stroke-dasharray:3 2}
.whisker{fill:none;stroke:var(--fg);stroke-width:2}.s-final{fill:var(--fg)}.s-estimated{fill:var(--soft);opacity:.55}
.s-late{fill:var(--warn);stroke:var(--soft);stroke-width:.6}
.mark{fill:var(--bg);stroke:var(--fg);stroke-width:1.5}.frontier{stroke:var(--soft);stroke-dasharray:5 4}
@media print{body{font-size:11px}main{max-width:none;padding:0}h2{break-after:avoid}tr,svg{break-inside:avoid}
.wrap{overflow:visible}svg{min-width:0}table{font-size:9.5px}th,td{padding:3px 5px;overflow-wrap:anywhere}
td:last-child:not([class]){min-width:0}}
"""


def render(document: Document) -> str:
    """Return the whole page as text (UTF-8)."""
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(document.title)}</title><style>{CSS}</style></head><body><main>\n"
        f'<p class="kicker">{escape(document.kicker)}</p><h1>{escape(document.title)}</h1>'
        f"<p>{escape(document.summary)}</p>\n{body}\n</main></body></html>\n"
    )


def escape(text: str) -> str:
    """Return `text` as HTML that shows it as it is."""
    return html.escape(printable(text))


def _block(block: Block) -> str:
    match block:
        case Heading(text=text):
            return f"<h2>{escape(text)}</h2>"
        case Text(text=text, kind=kind):
            return f'<p class="{kind}">{escape(text)}</p>'
        case Bullets(items=items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Chart(title=title, svg=svg, table=table):
            return f'<h3>{escape(title)}</h3>\n<div class="wrap">{svg}</div>\n{_table(table)}'
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    sides = [' class="r"' if c.align == "right" else ' class="k"' if c.keep else "" for c in table.columns]
    head = "".join(f'<th scope="col"{s}>{escape(c.name)}</th>' for c, s in zip(table.columns, sides, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{s}>{escape(cell)}</td>" for cell, s in zip(row, sides, strict=True)) + "</tr>\n"
        for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    return (
        f'<div class="wrap"><table>{caption}<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>{note}'
    )
