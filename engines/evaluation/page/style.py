"""How the page looks, in light and in dark."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2126;--soft:#626c76;--line:#d9dee3;--back:#fff;
--card:#f5f7f9;--c0:#2563c9;--c1:#c2410c;--c2:#15803d;--c3:#9333ea;--c4:#b45309;--c5:#0e7490}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#98a2ac;--line:#363d44;--back:#15181b;
--card:#1e2226;--c0:#6ea8ff;--c1:#fb923c;--c2:#4ade80;--c3:#c084fc;--c4:#fbbf24;--c5:#22d3ee}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back);margin:0 auto;
padding:24px;max-width:1180px}
h1{font-size:24px;margin:0}h2{font-size:18px;margin:32px 0 12px}
.about,figcaption,.tick,.axis,.card span{color:var(--soft)}.about{overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.card{background:var(--card);border-radius:8px;padding:12px 14px}
.card b,.card span{display:block;font-size:13px;font-weight:500}
.card strong{font-size:26px;font-variant-numeric:tabular-nums}
.charts,.shots{display:grid;gap:18px;grid-template-columns:repeat(auto-fill,minmax(300px,1fr))}
.shots{grid-template-columns:repeat(auto-fill,minmax(250px,1fr))}
figure{margin:0}figcaption{font-size:13px;margin-bottom:4px}
.chart{width:100%;height:auto}.tick,.axis{font-size:11px;fill:var(--soft)}
.grid{stroke:var(--line);fill:none}.line{fill:none;stroke:currentColor;stroke-width:2}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}
.c4{color:var(--c4)}.c5{color:var(--c5)}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft)}
.legend i{display:inline-block;width:14px;height:0;border-top:3px solid currentColor;
margin:0 6px 4px 0}
.legend i.truth,.legend i.missed{color:#1faa59}.legend i.missed{border-top-style:dashed}
.legend i.found{color:#3b9bff}.legend i.alarm{color:#ff3b5c}
.shot svg{width:100%;height:auto;display:block;border-radius:6px;background:#000;
image-rendering:pixelated}
.shot figcaption{margin:6px 0 0}
.shot rect{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.shot .truth,.shot .missed{stroke:#1faa59}.shot .missed{stroke-dasharray:6 4}
.shot .found{stroke:#3b9bff}.shot .alarm{stroke:#ff3b5c}
.shot .name{font-family:system-ui,sans-serif;font-weight:600;fill:#fff;paint-order:stroke}
.shot .name.found{stroke:#0d4f96}.shot .name.alarm{stroke:#a3102c}
.shot path{fill:none;stroke-width:2.5;vector-effect:non-scaling-stroke;stroke-linecap:round}
.shot path.true{stroke-dasharray:2 5;stroke-width:2}
.axis-x{stroke:#ff4d4d}.axis-y{stroke:#3ddc6a}.axis-z{stroke:#5b8cff}
.shot circle.true{fill:#1faa59}.shot circle.told{fill:#3b9bff}
.tables{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
table{border-collapse:collapse;font-size:14px}.wide{overflow-x:auto}
caption{text-align:left;color:var(--soft);font-size:13px;padding-bottom:4px}
th,td{padding:4px 10px;text-align:left;border-bottom:1px solid var(--line)}
th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.confusion td{background:color-mix(in srgb,var(--c0) calc(var(--part)*55%),transparent)}
"""
