"""WHEN to climb: measure, score, decide, publish. Also holds the vocabulary every folder shares.

The pipeline, stage by stage: `middleware` counts inside the application and pushes to the sidecar; `collect`
reads files, databases and the machine (the only stage that touches them); `snapshot` holds what was read;
`assessment` judges it and `recommendations` and `alerts` explain it (pure); `serve` publishes it.
"""
