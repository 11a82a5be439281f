"""The commands of the machine: cache."""

from __future__ import annotations

from apl.commands.shared import cli, json_option, say, tell


@cli.group()
def cache() -> None:
    """Compiled code: kept in a folder of yours, so that it is compiled once."""


@cache.command()
@json_option
def warm(as_json: bool) -> None:
    """Compile everything now: for images, whose first run then waits for nothing."""
    from apl import warm

    found = {"files": warm.warm(say), "folder": str(warm.folder())}
    tell(found, as_json, lambda found: f"{found['files']} files in {found['folder']}")


@cache.command()
@json_option
def path(as_json: bool) -> None:
    """Where it is."""
    from apl import warm

    found = {"folder": str(warm.folder())}
    tell(found, as_json, lambda found: str(found["folder"]))


@cache.command()
@json_option
def clear(as_json: bool) -> None:
    """Remove it: that of this version, and of those before."""
    from apl import warm

    found = {"files": warm.clear(), "folder": str(warm.folder())}
    tell(found, as_json, lambda found: f"{found['files']} files removed from {found['folder']}")
