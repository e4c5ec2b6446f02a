"""How the report looks, on a screen and on A4 paper; quiet, so that what is red is seen."""

from __future__ import annotations

STYLE = """
@page { size: A4; margin: 11mm 12mm 12mm 12mm; }
* { box-sizing: border-box; }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { margin: 0; background: #e9ecef; color: #1b2430; font: 7.9pt/1.28 "Segoe UI", "Helvetica Neue", Arial,
  "DejaVu Sans", sans-serif; }
.page { background: white; max-width: 210mm; margin: 6mm auto; padding: 11mm 12mm; page-break-after: always; }
.page:last-child { page-break-after: auto; }
@media print { body { background: white; } .page { margin: 0; padding: 0; max-width: none; } }
header { border-bottom: 2px solid #1f4e79; padding-bottom: 2mm; margin-bottom: 3mm; }
header table { width: 100%; }
header td { padding: 0; vertical-align: bottom; border: 0; }
header .right { text-align: right; color: #5a6673; font-size: 8pt; }
h1 { font-size: 20pt; line-height: 1.1; margin: 0; color: #1f4e79; display: inline; }
h2 { font-size: 9.6pt; margin: 2.4mm 0 0.8mm 0; color: #1f4e79; }
p { margin: 0 0 1.5mm 0; }
.notice { color: #7a4a00; background: #fff3d6; border: 1px solid #e3b44f; border-radius: 3px; padding: 0.3mm 2mm;
  font-weight: 600; font-size: 8pt; white-space: nowrap; }
.chip { border-radius: 3px; padding: 0.2mm 2mm; font-weight: 600; white-space: nowrap; }
.good { color: #0b4f2d; background: #d9f0e3; }
.check { color: #6b4700; background: #fdecc8; }
.breach { color: #ffffff; background: #c62828; }
.none { color: #4d5762; background: #e8ebee; }
.xrays { max-width: 100%; max-height: 66mm; display: block; margin: 2mm auto 0 auto; border-radius: 3px; }
.whole { max-height: 150mm; }
.grading { width: 100%; display: block; border-radius: 3px; margin-top: 2.5mm; }
.key { color: #5a6673; font-size: 7.5pt; margin: 0.8mm 0 0 0; }
table { border-collapse: collapse; }
table.facts { width: 100%; }
table.facts th, table.facts td { text-align: left; padding: 0.32mm 1.5mm; border-bottom: 1px solid #e3e7eb;
  vertical-align: top; }
table.facts thead th { color: #5a6673; font-weight: 600; font-size: 8pt; border-bottom: 1.5px solid #aab4be; }
table.facts tbody th { font-weight: normal; color: #44505c; white-space: nowrap; }
.columns { width: 100%; table-layout: fixed; }
.columns > tbody > tr > td { vertical-align: top; padding: 0 0 0 4mm; border: 0; }
.columns > tbody > tr > td:first-child { padding-left: 0; width: 56%; }
.facts .chip { font-size: 7.4pt; padding: 0.1mm 1.2mm; }
.name { white-space: nowrap; }
.yes { color: #0b6b3a; font-weight: 700; }
.no { color: #a35200; font-weight: 700; }
.quiet { color: #5a6673; }
ul.findings { margin: 1mm 0 0 0; padding: 0; list-style: none; }
ul.findings li { margin: 0 0 1mm 0; padding: 1mm 2mm; border-left: 3px solid #e3b44f; background: #fffaf0; }
footer { margin-top: 2.5mm; border-top: 1px solid #aab4be; padding-top: 1mm; color: #5a6673; font-size: 7.5pt; }
"""
