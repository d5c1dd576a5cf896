"""The steps of a promotion, one module each, in the order in which they run.

    provision    the runner makes the next phase's stack
    prepare      the target answers, may be written and is empty
    stop         the application stops
    fence        the SQLite file is closed for writing
    copy         schema and rows move
    verify       an independent comparison of both databases, and of the fence
    switch       the application starts on PostgreSQL: the point of no return
    health       it answers well
    retire       the SQLite file is kept, fenced and without write permission

Up to `verify`, whatever fails puts everything back in reverse order; from `switch` on the way leads forward.
"""
