"""What the commands share: the group, options that several take, what they say and where."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from apl.conversion import Cog
    from apl.law import Rules
    from apl.parameters import Parameters
    from apl_core.workers import Workers


class _Place(click.Path):
    """A path of this machine; the address of something on a network is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            from apl_core.limits import refuse_url

            refuse_url(value)
        return super().convert(value, param, ctx)


Existing = _Place(path_type=Path)
# The rule of the BVCV (annexe, II) has one text at hand; `apl bvcv` names it in its summary.
BVCV_TEXT = ("masseur_kinesitherapeute", date(2024, 3, 20))


def day(value: str) -> date:
    """A date written as 2025-06-06; click shows the ValueError beside the option."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a date such as 2025-06-06") from None


profession_option = click.option("--profession", required=True, help="masseur_kinesitherapeute, …")
on_option = click.option(
    "--on", type=day, metavar="YYYY-MM-DD", required=True, help="Date of the law, 2025-06-06."
)
regime_option = click.option("--regime", help="Another regime of the law page than the text's own.")
strict_option = click.option(
    "--strict", is_flag=True, help="What would only be said (a notice) is refused."
)
for_others_option = click.option(  # `Command` takes it: no command sees it
    "--for-others", is_flag=True, help="In faults, no activity, fees or identifier of a person."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace a file that stands.")


def ordered(between: tuple[date, date] | None) -> None:
    """Refuse the dates of two geographies in the wrong order: no movement would lie between."""
    if between is not None and between[1] < between[0]:
        raise click.UsageError(f"--between: {between[1]} is before {between[0]}")


def law_options(command: Any) -> Any:
    """``--profession``, ``--on``, ``--parameters``."""
    parameters = click.option(
        "--parameters", type=Existing, help="TOML: what the texts do not give."
    )
    return profession_option(on_option(parameters(command)))


def unit_law_options(command: Any) -> Any:
    """``--profession`` and ``--on`` where the text of the BVCV will do: see `unit_law_of`."""
    whose = "Whose law page; else the one text at hand that has the rule."
    on = click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of the law.")
    return click.option("--profession", help=whose)(on(command))


def cog_options(command: Any) -> Any:
    """``--cog``, ``--movements``, ``--passage``: see `cog_of`."""
    for option in (
        click.option("--passage", type=Existing, help="Which one commune takes over a split one."),
        click.option("--movements", type=Existing, help="INSEE's movements of communes."),
        click.option("--cog", type=int, metavar="YEAR", help="Bring all tables to its communes."),
    ):
        command = option(command)
    return command


def cog_of(year: int | None, movements: Path | None, passage: Path | None) -> Cog | None:
    """The communes asked for: of 1 January of a year."""
    if year is None or movements is None:
        if year is not None or movements is not None or passage is not None:
            raise click.UsageError("--cog and --movements go together, --passage with both")
        return None
    from apl.conversion import read_cog

    files = {"mouvements": movements} | ({} if passage is None else {"passage": passage})
    return read_cog(date(year, 1, 1), files)


def told_options(command: Any) -> Any:
    """``--movements``, ``--passage`` again, of a run with ``--cog``."""
    whose = "Of a run with --cog: its movements of communes."
    passage = click.option("--passage", type=Existing, help="Of a run with --cog: its own.")
    return click.option("--movements", type=Existing, help=whose)(passage(command))


def run_options(command: Any) -> Any:
    """``--input`` and `told_options`, of a command on a run that stands."""
    whose = "The input folder of the run."
    return click.option("--input", "source", type=Existing, help=whose)(told_options(command))


def output_options(command: Any) -> Any:
    """``--format``, ``--overwrite``, ``--json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object."),
        click.option("--overwrite", is_flag=True, help="Replace results that stand."),
        click.option("--format", "file_format", type=click.Choice(["parquet", "csv"]),
                     default="parquet", show_default=True),
    ):  # fmt: skip
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
self_pair_option = click.option(
    "--self-pair",
    type=click.Choice(["error", "0", "none"]),
    default="error",
    show_default=True,
    help="A missing time from a commune to itself: a fault, 0 minutes (METRIC), or no access.",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Add the pairs up in blocks of their file, on a Dask cluster (tcp://host:8786), or on "
    "threads of this machine (threads): for a file larger than the memory.",
)
time_option = click.option("--time", help="HC or HP, where the travel times have both.")


class Command(click.Command):
    """A command whose refusal leaves the full list of faults beside its ``--out``."""

    def invoke(self, ctx: click.Context) -> Any:
        out, discreet = ctx.params.get("out"), ctx.params.pop("for_others", False)
        try:
            if out is not None and out.exists():
                _refuse_replacing(out, ctx.params)
            done = super().invoke(ctx)
        except Exception as error:
            told = _for_others(error) if discreet else error
            if out is not None:
                _list(told, out)
            if told is error:
                raise
            raise told from None
        if out is not None:
            from apl.full_list import remove_list

            remove_list(out)
        return done


def _refuse_replacing(out: Path, given: Mapping[str, Any]) -> None:
    """Refuse an output, ``--overwrite`` or not, that would replace what the command reads."""
    from apl.outputs import refuse_replacing

    values = (value for name, value in given.items() if name != "out")
    flat = (one for value in values for one in (value if isinstance(value, tuple) else (value,)))
    refuse_replacing(out, [one for one in flat if isinstance(one, Path)])


def _for_others(error: Exception) -> Exception:
    from apl_core.errors import AplError

    if not isinstance(error, AplError):
        return error
    from apl.for_others import for_others

    return for_others(error)


def _list(error: Exception, out: Path) -> None:
    """Write the full list, and let the error say where; what keeps it from being written too."""
    from apl_core.errors import AplError

    if isinstance(error, AplError):
        from apl.full_list import write_list

        try:
            error.listed = write_list(error, out)
        except AplError as refused:
            click.echo(f"the full list of faults cannot be written: {refused}", err=True)


class Group(click.Group):
    """The group of all commands."""

    command_class = Command


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="apl", prog_name="apl")  # is looked up when asked for: 30 ms
def cli() -> None:
    """Access to care in France: the APL, its zones, and the law behind them.

    Exit codes: 0 done, 1 a defect of ours, 2 command line, 3 data, 4 rules or parameters, 5 files,
    6 gap to the published figures, 7 resources, 8 a zoning rule is broken, 130 interrupted.
    """


def law_of(profession: str, on: date, parameters: Path | None = None) -> tuple[Rules, Parameters]:
    """The rules of a profession on a date, and the parameters that are in them."""
    from apl.law import rules
    from apl.parameters import Parameters, read_parameters

    given = Parameters() if parameters is None else read_parameters(parameters)
    return given.applied(rules(profession, on=on)), given


def unit_law_of(
    profession: str | None, on: date | None, parameters: Path | None = None
) -> tuple[Rules, Parameters]:
    """`law_of` where none need be asked for: of the text that is, else of `BVCV_TEXT`."""
    if (profession is None) != (on is None):
        raise click.UsageError("--profession and --on go together")
    return law_of(profession or BVCV_TEXT[0], on or BVCV_TEXT[1], parameters)


def say(stage: str) -> None:
    """A stage that begins, to standard error."""
    click.echo(f"… {stage}", err=True)


def tell(
    found: Mapping[str, Any], as_json: bool, text: Callable[[Any], str], out: Path | None = None
) -> None:
    """The summary, as JSON or as text, with the place of the results that were written."""
    found = found if out is None else {**found, "out": str(out)}
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else text(found))


@contextmanager
def workers_of(
    scheduler: str | None, source: Path | None, threads: int | None
) -> Iterator[Workers | None]:
    """The workers behind ``--scheduler``; None: the pairs are held in memory."""
    if scheduler is None:
        yield None
        return
    if source is None:
        raise click.UsageError("--scheduler goes with a folder of tables")
    from apl.inputs import input_files
    from apl.scheduler import cluster
    from apl_core.workers import Workers

    if scheduler == "threads":
        with Workers.threads(threads or min(os.cpu_count() or 1, 8)) as workers:
            yield workers
        return
    with cluster(scheduler, input_files(source)["temps_de_parcours"]) as workers:
        yield workers
