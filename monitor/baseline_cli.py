"""`outgrow monitor baseline`: keep a stretch of history, and say later what has changed since."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import ExitCode, MonitorError, UsageError
from monitor.terminal import emit_json, err, out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.baseline_files import Source
    from monitor.baselines import Baseline

baseline_app = typer.Typer(
    help="Keep a stretch of history and say later what has changed since.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(help="The baseline's name.", metavar="NAME")]
_Url = Annotated[str | None, typer.Option(help="Address of a running monitor.", metavar="URL")]
_Store = Annotated[Path | None, typer.Option(help="A monitor's store on disk.", metavar="FILE")]
_Database = Annotated[
    str | None, typer.Option(help="The watched database, to find its default store.", metavar="FILE_OR_DSN")
]
_Token = Annotated[
    str | None, typer.Option(help="With --url: environment variable holding the token.", metavar="NAME")
]
_Window = Annotated[float, typer.Option("--window", min=60, help="Seconds of history to take, up to now.")]
_Dir = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of the baselines.", show_default="in the user's state folder"),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class WrongSource(MonitorError, UsageError):
    """No history, or more than one, was named."""


@baseline_app.command()
def save(
    *,
    name: _Name,
    url: _Url = None,
    store: _Store = None,
    database: _Database = None,
    window: _Window = 3600,
    folder: _Dir = None,
    token_env: _Token = None,
    json_output: _Json = False,
) -> None:
    """Keep the last stretch of history as a baseline.

    Take it under usual load, before a release or a change of settings. An
    older baseline of the same name is replaced.

    \b
    Examples:
      outgrow monitor baseline save before-2.4 --url http://127.0.0.1:9464
      outgrow monitor baseline save monday --store shop.history
        --window 14400
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    from monitor.baseline_files import default_folder, take  # noqa: PLC0415
    from monitor.baseline_files import save as write  # noqa: PLC0415

    with _source(url, store, database, token_env) as source:
        taken = take(source, name, window)
    path = write(folder or default_folder(), taken)
    if json_output:
        emit_json(taken)
        return
    points = max(len(values) for values in taken.values.values())
    err.print(f"kept {len(taken.values)} series of up to {points} points as {name} ({path})")


@baseline_app.command()
def compare(
    *,
    name: _Name,
    url: _Url = None,
    store: _Store = None,
    database: _Database = None,
    window: Annotated[
        float | None,
        typer.Option("--window", min=60, help="Seconds up to now to compare.", show_default="the baseline's"),
    ] = None,
    folder: _Dir = None,
    token_env: _Token = None,
    check: Annotated[bool, typer.Option("--check", help="End with status 3 if any metric is worse.")] = False,
    json_output: _Json = False,
) -> None:
    """Say what has changed since a baseline, metric by metric, and whether that could be chance.

    A rank test (Mann-Whitney, corrected for testing many metrics), the size of
    the effect, and a word: better, worse, more, less, no change, not enough data.

    \b
    Examples:
      outgrow monitor baseline compare before-2.4
        --url http://127.0.0.1:9464
      outgrow monitor baseline compare monday --store shop.history --check
    """  # noqa: D301
    from monitor.baseline_files import default_folder, load, take  # noqa: PLC0415
    from monitor.baselines import Verdict  # noqa: PLC0415
    from monitor.baselines import compare as changes_between  # noqa: PLC0415

    before = load(folder or default_folder(), name)
    with _source(url, store, database, token_env) as source:
        after = take(source, name, before.window_s if window is None else window, step_s=before.step_s)
    changes = changes_between(before.values, after.values)
    if json_output:
        emit_json({"baseline": _head(before), "now": _head(after), "changes": changes})
    else:
        from monitor.baseline_text import render_changes  # noqa: PLC0415

        out.print(render_changes(before, after, changes))
    if check and any(change.verdict is Verdict.WORSE for change in changes):
        raise typer.Exit(ExitCode.DIFFERS)


@baseline_app.command("list")
def list_all(*, folder: _Dir = None, json_output: _Json = False) -> None:
    """List the baselines.

    \b
    Examples:
      outgrow monitor baseline list
      outgrow monitor baseline list --dir baselines --json
    """  # noqa: D301
    from monitor.baseline_files import default_folder, load, names  # noqa: PLC0415

    where = folder or default_folder()
    found = [load(where, name) for name in names(where)]
    if json_output:
        emit_json([_head(one) for one in found])
        return
    if not found:
        err.print(f"there are no baselines in {where}")
        return
    from monitor.baseline_text import render_list  # noqa: PLC0415

    out.print(render_list(found))


@baseline_app.command()
def show(*, name: _Name, folder: _Dir = None, json_output: _Json = False) -> None:
    """Show what a baseline holds.

    \b
    Examples:
      outgrow monitor baseline show before-2.4
      outgrow monitor baseline show before-2.4 --json
    """  # noqa: D301
    from monitor.baseline_files import default_folder, load  # noqa: PLC0415

    found = load(folder or default_folder(), name)
    if json_output:
        emit_json(found)
        return
    from monitor.baseline_text import render_baseline  # noqa: PLC0415

    out.print(render_baseline(found))


def _head(baseline: Baseline) -> dict[str, object]:
    return {
        "name": baseline.name,
        "saved_at": baseline.saved_at,
        "window_s": baseline.window_s,
        "step_s": baseline.step_s,
        "source": baseline.source,
        "points": {metric: len(values) for metric, values in baseline.values.items()},
    }


@contextlib.contextmanager
def _source(
    url: str | None, store: Path | None, database: str | None, token_env: str | None
) -> Iterator[Source]:
    """Open the one history that was named."""
    from monitor.baseline_sources import MonitorSource, StoreSource  # noqa: PLC0415
    from monitor.command_options import environment  # noqa: PLC0415
    from monitor.store.opening import reading  # noqa: PLC0415
    from monitor.store.place import default_store  # noqa: PLC0415

    if sum(given is not None for given in (url, store, database)) != 1:
        raise WrongSource(
            "a baseline needs one history", next_step="give one of --url URL, --store FILE, --database FILE"
        )
    if url is not None:
        yield MonitorSource(url, None if token_env is None else environment(token_env, "--token-env"))
        return
    path = default_store(str(database)) if store is None else store
    with reading(path) as connection:
        yield StoreSource(path, connection)
