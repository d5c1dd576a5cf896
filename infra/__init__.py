"""WHAT each phase is: the Pulumi program, its components, plan, cost, and the runners that deploy it.

The pipeline, stage by stage: `settings` reads a stack file, `program` declares its resources, `evaluation`
captures the graph they form without a cloud, `plan` and `cost` judge that graph (pure), a runner carries it
out (the only stage that may touch a network).
"""
