"""The rest of an assessment on a terminal: load, busy hour, forecasts, success metrics, database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.forecast import ForecastStatus
from monitor.kpis import KpiStatus
from monitor.thresholds import ALL_METRICS
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from monitor.assessment import Assessment
    from monitor.forecast import Forecast
    from monitor.kpis import Kpi
    from monitor.serve.published import AssessmentDocument

_KPI_MARKS: Final = {
    KpiStatus.MET: ("●", "green"),
    KpiStatus.MISSED: ("■", "red"),
    KpiStatus.UNKNOWN: ("?", "magenta"),
}


def render_history(document: AssessmentDocument) -> Iterator[RenderableType]:
    """Compose what only a running monitor knows: what is held, the busy hour, the forecasts."""
    held, busy = document.sustained, document.capacity
    if (held.light, held.decision) != (held.raw_light, held.raw_decision):
        text = f"light {held.light.value}, decision {held.decision.value}; what is new does not count yet"
        yield _titled("Held", text)
    if busy is None:
        yield _titled("Busy hour", "not known before a whole hour of history")
    else:
        score = "no score" if busy.score is None else f"score {busy.score:g}"
        yield _titled(
            "Busy hour",
            f"{busy.light.value}, {score}, decision {busy.decision.value} (of {busy.hours} h in 7 days)",
        )
    yield from _forecasts(document)


def render_rest(assessment: Assessment) -> Iterator[RenderableType]:
    """Compose what every assessment has: workload, headroom, success metrics, database."""
    if assessment.workload is not None:
        yield _titled("Workload", assessment.workload.reason)
    room = assessment.headroom
    if room is not None:
        title = ALL_METRICS[room.metric].title
        yield _titled(
            "Headroom",
            f"x{room.to_urgent:g} {room.basis} until {title} is at its limit (x{room.to_stay:g} to planning)",
        )
    if assessment.kpis:
        yield _heading("Success metrics")
        yield from (_kpi(one) for one in assessment.kpis)
    choice = assessment.database
    if choice is not None:
        yield _heading("Database after SQLite")
        low, high = choice.weeks
        yield _line(
            Text.assemble(
                (choice.name, "bold"),
                f", {low} to {high} weeks; confidence {choice.confidence.value}: {'; '.join(choice.because)}",
            )
        )
        for one in choice.candidates:
            reasons = "; ".join(one.reasons) or "nothing observed speaks for it"
            yield _line(Text(f"{one.name} {one.points}: {reasons}", style="dim"))


def _forecasts(document: AssessmentDocument) -> Iterator[RenderableType]:
    known = [one for one in document.forecast if one.status is not ForecastStatus.NOT_ENOUGH_DATA]
    if not known:
        points = max((one.points for one in document.forecast), default=0)
        needed = max((one.needed for one in document.forecast), default=0)
        yield _titled("Forecast", f"not enough data: {points} of {needed} days")
        return
    yield _heading("Forecast (80 % interval)")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 2), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in known:
        if one.status is not ForecastStatus.NOT_WITHIN or ALL_METRICS[one.metric].in_matrix:
            table.add_row(ALL_METRICS[one.metric].title, _forecast(one))
    yield table


def _forecast(one: Forecast) -> Text:
    text = Text(one.text, style="yellow" if one.within_lead_time else "")
    backtest = "" if one.backtest_share is None else f", held {one.backtest_share:.0%} of past weeks"
    growth = "" if one.per_week is None else f"{_signed(one)} a week, "
    text.append(f" ({growth}{one.points} days, {one.method}{backtest})", style="dim")
    return text


def _signed(one: Forecast) -> str:
    change = one.per_week or 0.0
    return f"{'-' if change < 0 else '+'}{show(one.metric, abs(change))}"


def _kpi(one: Kpi) -> RenderableType:
    symbol, colour = _KPI_MARKS[one.status]
    value = "unknown" if one.value is None else _amount(one.value, one.unit)
    sign = ">" if one.above else "<"
    text = Text.assemble(
        (f"{symbol} {one.status.value:<8}", colour),
        f"{one.title}: {value} (target {sign} {_amount(one.target, one.unit)})",
        (f"; {one.basis}", "dim"),
    )
    return Padding(text, (0, 0, 0, 2), expand=False)


def _amount(value: float, unit: str) -> str:
    if unit == "USD":
        return f"${value:,.2f}"
    return f"{round(value, 3):g} {unit}"


def _titled(title: str, text: str) -> RenderableType:
    return Text.assemble((f"{title}  ", "bold"), text)


def _heading(title: str) -> RenderableType:
    return Padding(Text(title, style="bold"), (1, 0, 0, 0), expand=False)


def _line(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 2), expand=False)
