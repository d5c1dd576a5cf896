"""WHEN to climb: measure, score, decide, publish. Also holds the vocabulary every folder shares.

The pipeline, stage by stage: `collect` reads (the only stage that touches files and processes), `snapshot` holds what was read,
`assessment` judges it (pure), `recommendations` explains it (pure), `serve` publishes it.
"""
