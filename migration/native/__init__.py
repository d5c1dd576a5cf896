"""The inner loops in C: rows to COPY's binary format, column facts, checksums.

`build` compiles `src/` with whatever C compiler is at hand, `library` loads the result, and `loading`,
`profiling` and `proving` say in Python what each loop is given and gives back. The C code deals only with
values that need no judgement and hands every other row to Python; without a compiler Python does everything,
with the same result, only slower. Tests hold both against each other.
"""
