"""The report's page frame and style sheet: light and dark, wide screens and phones."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="mark">mwx</p>
<h1>{title}</h1>
<p class="subtitle">{subtitle}</p>
{facts}
<nav aria-label="Sections">{links}</nav>
</header>
<main>{body}</main>
</body>
</html>
"""

STYLE = """
:root {
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  --page: #fbfbfa; --card: #ffffff; --ink: #4a4f57; --strong: #16191d; --quiet: #6d737d;
  --line: #dfe2e7; --accent: #0072b2; --tint: #eef5fa;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #14161a; --card: #1b1e23; --ink: #b9c0ca; --strong: #f1f3f6; --quiet: #8f97a3;
          --line: #343942; --accent: #56b4e9; --tint: #1c2a36; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 var(--font); }
header, main { max-width: 1020px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 56px; }
.mark { margin: 0 0 18px; font: 600 13px/1 var(--mono); letter-spacing: .08em;
        color: var(--accent); }
h1 { margin: 0; font-size: 38px; line-height: 1.15; letter-spacing: -.022em; font-weight: 680;
     color: var(--strong); text-wrap: balance; }
.subtitle { margin: 14px 0 0; max-width: 46em; font-size: 18px; color: var(--quiet); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0;
         margin: 34px 0 0; border-top: 1px solid var(--line); }
.facts div { padding: 16px 18px 0 0; }
.facts dt { font-size: 13px; color: var(--quiet); }
.facts dd { margin: 2px 0 0; font-size: 25px; font-weight: 620; letter-spacing: -.015em;
            color: var(--strong); font-variant-numeric: tabular-nums; }
nav { display: flex; flex-wrap: wrap; gap: 6px 22px; margin-top: 34px; padding: 12px 0;
      border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); font-size: 14px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
section { padding-top: 46px; }
h2 { margin: 0 0 6px; font-size: 23px; letter-spacing: -.014em; font-weight: 650;
     color: var(--strong); }
h3 { margin: 0; font-size: 16px; font-weight: 650; color: var(--strong); }
p { margin: 10px 0; max-width: 44em; }
.lead { color: var(--quiet); }
figure { margin: 22px 0; }
figcaption { margin-top: 8px; font-size: 13.5px; line-height: 1.5; color: var(--quiet);
             max-width: 54em; }
.scroll { overflow-x: auto; }
.chart { padding: 16px 18px; background: var(--card); border: 1px solid var(--line);
         border-radius: 10px; }
.chart svg, .chart img { display: block; width: 100%; height: auto; min-width: 560px; }
.chart svg text { font-family: var(--font); }
table { width: 100%; border-collapse: collapse; font-size: 15px;
        font-variant-numeric: tabular-nums; }
th { padding: 8px 14px 8px 0; text-align: left; font-size: 13px; font-weight: 550;
     color: var(--quiet); border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 9px 14px 9px 0; border-bottom: 1px solid var(--line); }
td:first-child { color: var(--strong); }
.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 6px; }
th:first-child, td:first-child { padding-left: 6px; }
.best td { background: var(--tint); color: var(--strong); font-weight: 620; }
pre { margin: 0; padding: 14px 16px; overflow-x: auto; background: var(--card); color: var(--ink);
      border: 1px solid var(--line); border-radius: 10px; font: 13px/1.55 var(--mono); }
code { padding: .1em .35em; background: var(--tint); border-radius: 4px;
       font: .88em var(--mono); }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 10px; }
.strip figure { margin: 0; }
.strip img, .video img, .video video { display: block; width: 100%; height: auto;
                                       border-radius: 8px; background: var(--line); }
.strip figcaption { margin-top: 5px; font-size: 12.5px; }
.video { max-width: 760px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 14px;
         margin: 22px 0; }
.cards article { padding: 16px 18px; background: var(--card); border: 1px solid var(--line);
                 border-top: 3px solid var(--colour); border-radius: 10px; }
.cards p { margin: 4px 0 12px; font-size: 14px; color: var(--quiet); }
.cards dl, .list { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; margin: 0;
                   font-size: 14px; }
.cards dd { text-align: right; }
.list { margin: 18px 0; gap: 6px 22px; }
dt { color: var(--quiet); }
dd { margin: 0; color: var(--strong); font-variant-numeric: tabular-nums;
     overflow-wrap: anywhere; }
main { padding-bottom: 90px; }
@media (max-width: 640px) {
  body { font-size: 15px; }
  header, main { padding-left: 18px; padding-right: 18px; }
  header { padding-top: 34px; }
  h1 { font-size: 29px; }
  .subtitle { font-size: 16px; }
  .facts { grid-template-columns: 1fr 1fr; }
  .facts dd { font-size: 21px; }
  .list { grid-template-columns: 1fr; gap: 0; }
  .list dd { margin-bottom: 8px; }
}
@media print { nav { display: none; } section { break-inside: avoid-page; } }
"""
