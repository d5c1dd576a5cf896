"""The decimal that a stored real stands for."""

from __future__ import annotations

import math
from decimal import Context, Decimal

#: Exact for every binary64 and every int8 with any number of digits that PostgreSQL takes.
EXACT = Context(prec=1_100)
#: So many significant digits a binary64 keeps, whatever they are (DBL_DIG).
CERTAIN_DIGITS = 15


def decimal_of_real(value: float, scale: int | None) -> Decimal:
    """The shortest decimal that reads back as the real; with `scale`, so many digits behind the point.

    Binary arithmetic leaves noise behind the 15th significant digit, which rounding takes away; what rounding
    would take away more is an error.

    Raises:
        ValueError: the scale does not hold the number.
    """
    shortest = Decimal(repr(value))
    if scale is None or scale < 0 or math.isinf(value):
        return shortest
    exponent = shortest.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= scale:
        return shortest.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    rounded = f"{value:.{scale}f}"
    if f"{float(rounded):.{CERTAIN_DIGITS}g}" != f"{value:.{CERTAIN_DIGITS}g}":
        raise ValueError(value)
    return Decimal(rounded)
