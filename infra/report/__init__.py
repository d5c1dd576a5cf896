"""The analysis report: what was measured, judged, planned and priced, in one self-contained HTML file.

It stands in `infra` because it needs both the monitor's judgement and the plans' monthly costs, and imports
go from `infra` to `monitor`. `gathering` reads (a monitor, its store, a file, a snapshot; the plans offline);
`economics` and `checklist` reckon, `charts` draws, `page` writes. Nothing is stated as measured that was not.
"""
