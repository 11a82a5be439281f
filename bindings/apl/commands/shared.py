"""What the commands share: the group, options that several take, what they say and where."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from apl.law import Rules
    from apl.parameters import Parameters

Existing = click.Path(path_type=Path)
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
time_option = click.option("--time", help="HC or HP, where the travel times have both.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("apl"), prog_name="apl")
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
