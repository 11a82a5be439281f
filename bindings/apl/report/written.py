"""The pages of a run as files: each made when it is written, all of them in place or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from apl.noticed import Notice
from apl.outputs import MADE_FROM, MANIFEST, Contents, claimed, made_from, replace_files
from apl.provenance import versions
from apl.regions.zonage import no_region
from apl.report.material import Material
from apl.report.pages import france_page, region_page
from apl.report.payload import Nation, france_payload, nation, region_payload
from apl.zoning import FRANCE
from apl_core import Fault, FileError, UsageError, refuse_if
from apl_core.errors import listed

if TYPE_CHECKING:
    from apl.report.shapes import Country, Shapes

NEEDED = {"html": ("jinja2", "shapely"), "xlsx": ("xlsxwriter",), "docx": ("docxtpl", "resvg_py"),
          "png": ("resvg_py",), "svg": ()}  # fmt: skip
SHAPED = ("code_commune", "code_bvcv", "code_region", "libelle")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be written.

    Attributes
    ----------
    regions : tuple of str
        Those asked for; empty: all, and the page of the country.
    outlines, coordinates : Path or None
        What maps are drawn from: a GeoJSON of communes, or a table of their places.
    on : date or None
        Of the texts that say what a class gives; None: that of the law applied.
    kinds : tuple of str
        Besides pages: ``xlsx``, ``docx``, ``svg``, ``png``.
    template : Path or None
        Of the draft arrêté, where the agency has its own.
    """

    regions: tuple[str, ...] = ()
    outlines: Path | None = None
    coordinates: Path | None = None
    on: date | None = None
    kinds: tuple[str, ...] = ()
    template: Path | None = None

    def files_of(self, region: str, drawn: bool) -> list[str]:
        """The files of a region, or of France, which issues no arrêté; maps where it is drawn."""
        none = {"docx"} if region == FRANCE else set()
        none |= set() if drawn else {"svg", "png"}
        kinds = [kind for kind in self.kinds if kind not in none]
        stem = "france" if region == FRANCE else f"region-{region}"
        return [file_of(region), *(f"{stem}.{kind}" for kind in kinds)]


@dataclass(frozen=True)
class Written:
    """The pages that were written.

    Attributes
    ----------
    bytes : mapping of file → int
    noticed : tuple of Notice
    """

    bytes: Mapping[str, int]
    noticed: tuple[Notice, ...]


def refuse_missing(kinds: Sequence[str]) -> None:
    """Refuse, before anything is read, what libraries that are not installed would write.

    Raises
    ------
    FileError
        APL-U07: the extra ``report`` is not installed.
    """
    wanted = {library for kind in ("html", *kinds) for library in NEEDED[kind]}
    missing = sorted(library for library in wanted if find_spec(library) is None)
    if missing:
        why, mend = f"pages are made with {', '.join(missing)}", 'pip install "apl[report]"'
        title = "the extra `report` is not installed"
        raise FileError([Fault("APL-U07", title, why, mend, "report", **listed(missing))])


def write_report(
    found: Material,
    out: Path,
    asked: Asked | None = None,
    *,
    overwrite: bool = False,
    say: Say = lambda stage: None,
) -> Written:
    """Write the pages of a run into a folder.

    Parameters
    ----------
    found : Material
    out : Path
        A folder; created if absent.
    asked : Asked, optional
    overwrite : bool
        Replace pages that stand.
    say : callable, optional
        Told of each page that is made.

    Raises
    ------
    UsageError
        A region that decides on nothing.
    FileError, TableError, ResourceError
        Outlines that cannot be used; what stands in ``out``.
    """
    wanted = asked or Asked()
    known = found.regions
    refuse_if(
        (no_region(one, set(known)) for one in wanted.regions if one not in known), UsageError
    )
    with claimed(out, overwrite):
        say("shapes")
        land = _land(found, wanted)
        say("figures of the country")
        made = _Maker(nation(found, on=wanted.on), land, wanted)
        codes = wanted.regions or (FRANCE, *known)
        drawn = {code for code in codes if made.shapes(code) is not None}
        files = {name: name for code in codes for name in wanted.files_of(code, code in drawn)}
        sizes: dict[str, int] = {}

        def contents(name: str) -> Contents:
            data = made.file(name)
            sizes[name] = len(data)
            say(f"{name}: {len(data) / 1e6:.1f} MB")
            return Contents(pa.py_buffer(data), hashlib.sha256(data).hexdigest())

        noticed = tuple(_notices(found, land))
        told = _manifest(found, wanted, noticed)
        replace_files(out, MANIFEST, files, contents, {**told, MADE_FROM: made_from(told)})
    return Written({name: sizes[name] for name in files}, noticed)


class _Maker:
    """Files by their names; what several of a region need is made once."""

    def __init__(self, country: Nation, land: Country | None, asked: Asked) -> None:
        self._country, self._land, self._asked = country, land, asked
        self.data, self.shapes = cache(self._data), cache(self._shapes)
        self.drawing = cache(self._svg)

    def file(self, name: str) -> bytes:
        """The bytes of a file."""
        stem, _, kind = name.partition(".")
        code = FRANCE if stem in ("index", "france") else stem.removeprefix("region-")
        how: dict[str, Callable[[str], bytes]] = {
            "html": self._page, "xlsx": self._workbook, "docx": self._document,
            "svg": lambda one: self.drawing(one).encode(), "png": self._picture,
        }  # fmt: skip
        return how[kind](code)

    def _data(self, code: str) -> dict[str, Any]:
        if code == FRANCE:
            return france_payload(self._country)
        return {**region_payload(self._country, code), "seule": bool(self._asked.regions)}

    def _shapes(self, code: str) -> Shapes | None:
        if self._land is None:
            return None
        if code == FRANCE:
            return self._land.france()
        drawn = any(region == code for _, region in self._land.pieces.keys)
        return self._land.region(code) if drawn else None

    def _page(self, code: str) -> bytes:
        how = france_page if code == FRANCE else region_page
        return how(self.data(code), self.shapes(code)).encode()

    def _workbook(self, code: str) -> bytes:
        from apl.report.workbook import write_workbook

        return write_workbook(self._country, self.data(code))

    def _svg(self, code: str) -> str:
        from apl.report.drawing import map_svg

        shapes = self.shapes(code)
        return "" if shapes is None else map_svg(self.data(code), shapes)

    def _picture(self, code: str) -> bytes:
        from apl.report.drawing import map_png

        return map_png(self.drawing(code))

    def _document(self, code: str) -> bytes:
        from apl.report.document import arrete

        picture = None if self.shapes(code) is None else self._picture(code)
        return arrete(
            self._country, self.data(code), template=self._asked.template, picture=picture
        )


def file_of(region: str) -> str:
    """The name of the page of a region, or of France.

    >>> file_of("93"), file_of("FR")
    ('region-93.html', 'index.html')
    """
    return "index.html" if region == FRANCE else f"region-{region}.html"


def _land(found: Material, asked: Asked) -> Country | None:
    """What maps are drawn of; None where nothing says where communes are."""
    from apl.report.shapes import shapes_of
    from apl_core.tables import read_table

    places = found.coordinates
    if asked.coordinates is not None:
        places = read_table(asked.coordinates, "coordonnees")
    if asked.outlines is None and places is None:
        return None
    return shapes_of(found.communes.select(list(SHAPED)), asked.outlines, places)


def _notices(found: Material, land: Country | None) -> Iterator[Notice]:
    if found.opened is None:
        yield Notice(
            "APL-S09", "the pairs are not at hand (--input): no parts, no density, no what-if"
        )
    if land is None:
        text = "nothing says where communes are (--outlines, --coordinates): pages without a map"
        yield Notice("APL-S09", text)
        return
    for what, codes in (("BVCV without a shape, in the table alone", land.without_shape),
                        ("communes without a shape", land.communes_without),
                        ("communes of the outlines that the run does not have", land.strangers),
                        ("cities whose arrondissements are drawn by a scheme", land.schematic),
                        ):  # fmt: skip
        if codes:
            some = ", ".join(codes[:10]) + ", …" * (len(codes) > 10)
            yield Notice("APL-S09", f"{len(codes):,} {what}: {some}")


def _manifest(found: Material, asked: Asked, noticed: Sequence[Notice]) -> dict[str, Any]:
    """Where the pages come from: the run with its own manifest, and what was given besides."""
    from apl.outputs import FINGERPRINT, sha256

    asked_for = {"outlines": asked.outlines, "coordonnees": asked.coordinates,
                 "modele": asked.template, "zonage": found.given.zonage,
                 "incertitude": found.given.incertitude}  # fmt: skip
    given = {name: path for name, path in asked_for.items() if path is not None}
    files = [{"table": name, "file": path.name, "bytes": path.stat().st_size,
              "sha256": sha256(path)} for name, path in given.items()]  # fmt: skip
    return {
        "software": versions(),
        "synthetic": found.synthetic,
        "run": found.manifest[FINGERPRINT],
        "inputs": [*found.manifest["inputs"], *files],
        "rules": found.manifest["rules"],
        "options": {"regions": list(asked.regions), "kinds": list(asked.kinds),
                    "on": str(asked.on or ""),
                    "run": found.manifest["options"]},
        "noticed": [notice.as_dict() for notice in noticed],
    }  # fmt: skip


def describe(found: Material, done: Written) -> dict[str, Any]:
    """The pages, their sizes and what was noticed."""
    return {
        "synthetic": found.synthetic,
        "profession": found.rules.profession,
        "law": {"text": found.rules.text, "nor": found.rules.nor},
        "supplied_by_the_caller_not_law": list(found.rules.supplied),
        "files": dict(done.bytes),
        "noticed": [notice.as_dict() for notice in done.noticed],
    }


def text(told: Mapping[str, Any]) -> str:
    """`describe` as a person reads it."""
    from apl.lines import headed, made_up, noticed_lines, written_lines

    files = told["files"]
    largest = max(files, key=files.__getitem__)
    return "\n".join([
        *made_up(told),
        *headed(told),
        f"{len(files):,} file{'s' * (len(files) != 1)}, {sum(files.values()) / 1e6:.1f} MB; "
        f"the largest: {largest}, {files[largest] / 1e6:.1f} MB",
        *noticed_lines(told),
        *written_lines(told),
    ])  # fmt: skip
