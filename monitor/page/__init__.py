"""The web page: three dashboards that are complete as HTML, then kept up to date by one small script.

`asked` and `ranges` say what an address asks for, `seen` holds what is shown. `charts` reads what each chart
shows and `drawing` makes lines of it; `executive`, `technical` and `operations` say what the regions of the
dashboards need; `rendering` makes HTML of them. `live` pushes what changed, `routes` serves it all.
"""
