"""The closed loop's last step: climb to the next phase, gated, journaled, reversible.

    planning    reads the stack, the file and the options, and builds the plan that approvals bind to
    policy      puts the gates before it: sustained threshold, approval, budget, source, values, target
    overview    looks: gates, journal, what a resume or an abort would do
    promote     acts: proposes, asks the gates, and hands the steps to `execution`; resume, abort, approve
    steps       one module each; everything up to the switch can be put back
    journal     one SQLite file, with an audit whose entries are chained by their hashes

No write is lost: `fence` closes the SQLite file for writing, durably and for every open connection, before
the copy begins, and every later step makes sure that it held.
"""
