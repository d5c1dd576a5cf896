"""Asks AWS, before anything is made, whether a phase could be made there: `outgrow infra preflight`.

`needs` reads the evaluated graph, `checks` compares that with what AWS answers, `reader` is the only module
that calls AWS, and it only reads.
"""
