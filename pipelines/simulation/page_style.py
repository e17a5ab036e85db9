"""How the page looks. Colours have a contrast of at least 4.5 to 1 where they are text."""

STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #55606e; --line: #d9dee5; --good: #00694f; --bad:
  #a33a00; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 28px 32px 60px; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 40px 0 6px; }
h3 { font-size: 15px; margin: 0 0 8px; }
p { margin: 0 0 10px; max-width: 82ch; }
.soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin:
  22px 0 0; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.card b { display: block; font-size: 24px; line-height: 1.2; font-weight: 650; font-variant-numeric:
  tabular-nums; }
.card span { display: block; color: var(--soft); font-size: 13px; }
.good { color: var(--good); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 6px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align:
  top; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
thead th { font-weight: 600; color: var(--soft); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(460px, 1fr)); gap: 26px; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; padding-top: 4px; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; }
svg .sea { fill: #f4f6f9; } svg .grid { stroke: #dfe4ea; stroke-width: 1; }
svg .degree { fill: #6a7482; font-size: 10px; }
svg .flow { fill: none; opacity: 0.55; stroke-linecap: round; }
svg .place { fill: #2b3440; opacity: 0.6; stroke: #fff; stroke-width: 0.7; }
svg .site { stroke: #fff; stroke-width: 1.5; }
svg .name { fill: #1c2430; font-weight: 650; font-size: 13px; paint-order: stroke; stroke: #f4f6f9;
  stroke-width: 4px;
  stroke-linejoin: round; }
svg .label { text-anchor: end; fill: #1c2430; font-size: 13px; } svg .value { fill: #1c2430; font-size:
  13px; }
svg .small { fill: #55606e; font-size: 11px; } svg .mark { stroke: #1c2430; stroke-width: 2;
  stroke-dasharray: 4 2; }
svg .happened, i.happened { fill: #8a94a3; background: #8a94a3; } svg .replayed, i.replayed { fill:
  #56a0d3; background: #56a0d3; }
svg .scenario, i.scenario { fill: #0b4f86; background: #0b4f86; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; margin: 0 0 6px;
  }
.key i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 6px;
  vertical-align: -1px; }
td:first-child { white-space: nowrap; }
td .meter { display: inline-block; height: 10px; background: #0072b2; border-radius: 2px; vertical-align:
  0; }
ul { padding-left: 20px; max-width: 82ch; } li { margin: 3px 0; }
@media print { body { padding: 0; } h2 { break-after: avoid; } figure, .card { break-inside: avoid; } }
"""
