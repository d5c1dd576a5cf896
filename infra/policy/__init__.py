"""The policy pack: rules over the resources of a stack, the same offline and under the Pulumi CLI.

`facts` makes plain values of whatever describes resources, `rule` is what a rule is, the modules named after
their subject hold the rules, `stack` judges a captured graph, and `__main__` is the pack that
`pulumi --policy-pack infra/policy` runs. Nothing here asks AWS anything.
"""
