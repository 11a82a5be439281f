"""`apl report`: what pages say is what `apl explain` and the tables say; what they may not do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from scenes import LAW
from shared import DATA, needs_data
from test_simulate_command import run_of

import apl
from apl.explained.explain import explain
from apl.outputs import write_file
from apl.verify import verify
from apl_core import AplError, FileError, UsageError
from apl_core.schema import schema

pytest.importorskip("jinja2", reason="the extra `report` is not installed: no pages are tested")
pytest.importorskip("shapely", reason="the extra `report` is not installed: no pages are tested")

from apl.commands.report import report as command
from apl.report.brought import density
from apl.report.material import Given, Material, material
from apl.report.pages import france_page, region_page
from apl.report.payload import france_payload, nation, region_payload

HOSTILE = "</script><script>alert(1)</script>", "=cmd()", "‮edisrever", "{{ 7*7 }}"
VOID = {"meta", "input", "rect", "path", "circle", "polyline", "br", "link"}


class Page(HTMLParser):
    """Elements with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, dict[str, str], str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.texts.append((*self.elements[-1], data))

    def of(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.elements if name == tag)

    @property
    def data(self) -> Any:
        found = [text for _, attributes, text in self.texts if attributes.get("id") == "donnees"]
        return json.loads("".join(found))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The worked example with hostile names: its input folder, its run."""
    folder = tmp_path_factory.mktemp("scene")
    source, _, _ = run_of(folder)
    path = next(source.glob("communes.*"))
    named = apl.read_table(path, "communes")
    named = named.append_column("libelle", pa.array(HOSTILE))
    path.unlink()
    write_file(named, source / "communes.csv")
    given = apl.read_parameters(folder / "parameters.toml")
    apl.run(source, LAW, out=folder / "run", parameters=given)
    return source, folder / "run"


@pytest.fixture(scope="module")
def found(scene: tuple[Path, Path]) -> Material:
    source, run = scene
    return material(run, Given(source=source))


@pytest.fixture(scope="module")
def texts(found: Material) -> dict[str, str]:
    country = nation(found)
    return {"region": region_page({**region_payload(country, "84"), "seule": False}, None),
            "france": france_page(france_payload(country), None)}  # fmt: skip


@pytest.mark.parametrize("which", ["region", "france"])
def test_a_page_asks_nothing_and_runs_itself_alone(texts: dict[str, str], which: str) -> None:
    page = Page(texts[which])
    policy = next(one["content"] for one in page.of("meta")
                  if one.get("http-equiv") == "Content-Security-Policy")  # fmt: skip
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "base-uri 'none'; form-action 'none'" in policy
    for tag in ("script", "style"):
        (text,) = (t for name, at, t in page.texts if name == tag and at.get("id") != "donnees")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for name, attributes in page.elements:
        assert name not in ("iframe", "img", "object", "embed", "base", "link")
        assert "src" not in attributes
        assert "style" not in attributes, "an inline style, which the policy forbids"
        assert not [one for one in attributes if one.startswith("on")]
        where = attributes.get("href", "#")
        assert where.startswith("#") or re.fullmatch(r"(index|region-\w+)\.html", where)


@pytest.mark.parametrize("which", ["region", "france"])
def test_names_that_would_be_programs_are_names(texts: dict[str, str], which: str) -> None:
    page = Page(texts[which])
    assert len(list(page.of("script"))) == 2, "the data and the one script"
    assert "49" not in {one["libelle"] for one in page.data["bvcv"]}
    labels = {one["libelle"] for one in page.data["bvcv"]}
    assert HOSTILE[0] in labels
    assert "\u2068\u202eedisrever\u2069" in labels, "isolated from the words after it"
    assert "alert(1)</script>" not in texts[which]


@pytest.mark.parametrize("which", ["region", "france"])
def test_a_page_is_made_to_be_read_by_all(texts: dict[str, str], which: str) -> None:
    page = Page(texts[which])
    assert next(page.of("html"))["lang"] == "fr"
    assert [name for name, _ in page.elements].count("h1") == 1
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h\d", name)]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    names = [name for name, _ in page.elements]
    assert names.count("caption") == names.count("table")
    assert all(one.get("scope") in ("row", "col") for one in page.of("th"))
    ids = [at["id"] for _, at in page.elements if "id" in at]
    assert len(ids) == len(set(ids))
    labelled = {one["for"] for one in page.of("label") if "for" in one}
    for one in [*page.of("input"), *page.of("select")]:
        assert one.get("id") in labelled or one.get("type") == "radio"
    assert all(at.get("href", "#contenu")[1:] in ids for at in page.of("a")
               if at["href"].startswith("#"))  # fmt: skip
    for _, at in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(at.get(name, "").split()) <= set(ids)


def test_parts_and_distances_are_those_of_explain(
    scene: tuple[Path, Path], found: Material
) -> None:
    assert found.opened is not None
    page = region_payload(nation(found), "84")
    for one in page["bvcv"]:
        why: Any = explain(found.opened, one["code"], key="bvcv")
        assert one["apl"] == why.area["apl"]
        named = {part.code_commune: part.apl for part in why.parts if part.code_commune}
        assert {p["code"]: p["apl"] for p in one["decomposition"] if p["code"]} == pytest.approx(
            named, abs=1e-4
        )
        assert sum(p["apl"] for p in one["decomposition"]) == pytest.approx(one["apl"], abs=1e-3)
        hidden = sum(p.get("regroupees", 0) for p in one["decomposition"])
        assert hidden == why.gathered.communes
        assert [(e["ecart_apl"], e["zone"]) for e in one["ecarts"]] == [
            (d.ecart_apl, d.zone) for d in why.distances
        ]


def test_the_page_of_a_region_has_its_classes_and_what_it_may_move(found: Material) -> None:
    page = region_payload(nation(found), "84")
    assert sum(zone["population"] for zone in page["zones"]) == 6000
    assert sum(zone["bvcv"] for zone in page["zones"]) == len(page["bvcv"]) == 2
    assert page["regime"]["population"] == 6000
    assert page["paires"]["bvcv"] == [one["code"] for one in page["bvcv"]]
    assert page["densite"]["unite"] == "professionnels en activité"
    assert page["densite"]["france"] == pytest.approx(3 * 10**4 / 6000), "one is too old, one idle"
    assert [one["densite"] for one in page["bvcv"]] == [None, None], "of one and of two"


def test_a_density_of_fte_keeps_what_is_secret(found: Material) -> None:
    dense = density(replace(found, persons=None))
    assert dense is not None
    assert dense.unit == "ETP"
    assert set(dense.by_bvcv.values()) == {None}
    assert found.secrecy is not None
    shown = replace(found.secrecy, least=1, kept=found.secrecy.kept & False)
    dense = density(replace(found, persons=None, secrecy=shown))
    assert dense is not None
    etp = sum(found.communes["etp"].to_pylist())
    assert dense.country == pytest.approx(etp * 10**4 / 6000)
    assert sum(one is not None for one in dense.by_bvcv.values()) == 2


def test_pages_are_written_as_results_are(scene: tuple[Path, Path], tmp_path: Path) -> None:
    source, run = scene
    out = tmp_path / "pages"
    asked = [str(run), "--input", str(source), "--out", str(out), "--json"]
    done = CliRunner().invoke(command, asked)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(told["files"]) == {"index.html", "region-84.html"}
    assert any("without a map" in one["text"] for one in told["noticed"])
    assert not verify(out).faults
    first = (out / "region-84.html").read_bytes()
    refused = CliRunner().invoke(command, asked)
    assert isinstance(refused.exception, FileError)
    assert refused.exception.fault == "APL-I03"
    assert CliRunner().invoke(command, [*asked, "--overwrite"]).exit_code == 0
    assert (out / "region-84.html").read_bytes() == first, "the same run gives the same bytes"
    alone = [*asked, "--overwrite", "--region", "84"]
    assert CliRunner().invoke(command, alone).exit_code == 0
    assert not (out / "index.html").exists(), "pages that stood and are not asked for are gone"
    assert 'href="index.html"' not in (out / "region-84.html").read_text(encoding="utf-8")
    nowhere = CliRunner().invoke(command, [*asked, "--overwrite", "--region", "99"])
    assert isinstance(nowhere.exception, UsageError)
    assert (out / "region-84.html").exists(), "what stood stands"


def test_decisions_of_a_zonage_stand_on_the_page(scene: tuple[Path, Path], tmp_path: Path) -> None:
    source, run = scene
    zones = apl.read_table(run / "bvcv.parquet", "bvcv")
    rows = zones.to_pylist()
    regime = LAW.adaptation.regimes[1]
    move = next(m for m in regime.moves if m.origin == rows[0]["zone"])
    decided = zones.append_column("zone_nationale", zones.column("zone"))
    after = [move.target, rows[1]["zone"]]
    decided = decided.set_column(decided.column_names.index("zone"), "zone", pa.array(after))
    decided = decided.append_column("motif", pa.array(["une raison", None]))
    decided = decided.append_column("article", pa.array([move.cite, None]))
    write_file(decided, tmp_path / "zonage.csv")
    taken = material(run, Given(source=source, zonage=tmp_path / "zonage.csv"))
    page = region_payload(nation(taken), "84")
    one = next(one for one in page["bvcv"] if one["code"] == rows[0]["code_bvcv"])
    assert (one["zone"], one["zone_nationale"], one["motif"]) == (
        move.target, rows[0]["zone"], "une raison")  # fmt: skip
    by = {zone["code"]: zone for zone in page["zones"]}
    assert by[move.target]["population"] >= rows[0]["population"]
    assert by[rows[0]["zone"]]["part"] < by[rows[0]["zone"]]["part_nationale"]
    assert page["regime"]["en_place"][one["code"]]["zone"] == move.target
    other = decided.set_column(decided.column_names.index("zone_nationale"), "zone_nationale",
                               pa.array([move.target, rows[1]["zone"]]))  # fmt: skip
    write_file(other, tmp_path / "other.csv")
    with pytest.raises(FileError) as refused:
        material(run, Given(source=source, zonage=tmp_path / "other.csv"))
    assert refused.value.fault == "APL-I12"


def test_intervals_are_shown_where_they_are_of_this_run(
    scene: tuple[Path, Path], tmp_path: Path
) -> None:
    source, run = scene
    zones = apl.read_table(run / "bvcv.parquet", "bvcv").select(
        ["code_bvcv", "code_region", "population", "apl", "zone"]
    )
    chances = [f.name for f in schema("incertitude").fields if f.name.startswith("p_")]
    more = {"apl_bas": [1.0, None], "apl_haut": [99.5, None], "tenue": [0.625, 1.0],
            "pile_ou_face": [True, False], **{name: [0.1, 0.2] for name in chances}}  # fmt: skip
    table = zones
    for name, values in more.items():
        table = table.append_column(name, pa.array(values))
    folder = tmp_path / "unc"
    write_file(table, folder / "incertitude.csv")
    taken = material(run, Given(source=source, incertitude=folder))
    page = region_payload(nation(taken), "84")
    (first, second) = (one["intervalle"] for one in page["bvcv"])
    held = {one["tenue"]: one for one in (first, second)}
    assert (held[0.625]["bas"], held[0.625]["haut"], held[1.0]["bas"]) == (1.0, 99.5, None)
    text = region_page({**page, "seule": True}, None)
    assert "1,0 à 99,5 ; 62\u202f%" in text
    other = table.set_column(3, "apl", pa.array([1.0, 2.0]))
    write_file(other, folder / "incertitude.csv", overwrite=True)
    with pytest.raises(FileError) as refused:
        material(run, Given(source=source, incertitude=folder))
    assert refused.value.fault == "APL-I12"


def test_apl_s09_what_a_report_cannot_show(scene: tuple[Path, Path], tmp_path: Path) -> None:
    places = "code_commune,longitude,latitude\n01001,5.0,46.0\n01002,5.1,46.0\n01003,5.2,46.0\n"
    (tmp_path / "places.csv").write_text(places)
    asked = [str(scene[1]), "--out", str(tmp_path / "pages"), "--coordinates",
             str(tmp_path / "places.csv"), "--json"]  # fmt: skip
    done = CliRunner().invoke(command, asked)
    assert done.exit_code == 0, done.output
    said = {one["text"] for one in json.loads(done.stdout)["noticed"] if one["fault"] == "APL-S09"}
    assert any("no what-if" in text for text in said)
    assert "1 communes without a shape: 01004" in said
    assert 'id="carte-svg"' in (tmp_path / "pages" / "region-84.html").read_text(encoding="utf-8")


def test_apl_u07_an_extra_that_is_not_installed(
    scene: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apl.report import written

    monkeypatch.setitem(written.NEEDED, "docx", ("docxtpl", "no_such_library"))
    asked = [str(scene[1]), "--out", str(tmp_path / "pages"), "--docx"]
    refused = CliRunner().invoke(command, asked).exception
    assert isinstance(refused, FileError)
    assert (refused.fault, refused.exit_code, refused.values) == (
        "APL-U07", 5, ("no_such_library",))  # fmt: skip
    assert "apl[report]" in str(refused)
    assert not (tmp_path / "pages").exists()


def test_what_is_no_run_is_refused(scene: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(AplError) as refused:
        material(tmp_path)
    assert refused.value.fault == "APL-A01"
    source, run = scene
    without = material(run)
    assert without.opened is None, "the pairs are not at hand"
    page = region_payload(nation(without), "84")
    assert page["paires"] is None
    assert all(not one["decomposition"] for one in page["bvcv"])
    (tmp_path / "communes.csv").write_bytes((source / "communes.csv").read_bytes() + b"\n")
    with pytest.raises(FileError) as other:
        material(run, Given(communes=tmp_path / "communes.csv"))
    assert other.value.fault == "APL-I12"


@needs_data
def test_the_page_of_paca_is_that_of_the_guide(tmp_path: Path) -> None:
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    persons = DATA / "population/population_municipale_geographie_2023.csv"
    counted = apl.read_table(persons, "population_municipale", choose={"population": "2020"})
    write_file(apl.build_bvcv(geography, counted, LAW).communes, tmp_path / "communes.csv")
    (tmp_path / "parameters.toml").write_text('[territories_without_apl]\n"06" = 279471\n')
    from apl.__main__ import cli

    published = DATA / "published/apl_mk_2022.csv"
    law = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
    made = CliRunner().invoke(cli, [
        "zone", str(published), str(tmp_path / "communes.csv"), *law, "--parameters",
        str(tmp_path / "parameters.toml"), "--out", str(tmp_path / "zones"),
    ])  # fmt: skip
    assert made.exit_code == 0, made.output
    with pytest.raises(UsageError):
        material(tmp_path / "zones")
    taken = material(tmp_path / "zones", Given(communes=tmp_path / "communes.csv"))
    page = region_payload(nation(taken), "93")
    lowest, low, *_ = page["zones"]
    assert (lowest["bvcv"], low["bvcv"], sum(z["bvcv"] for z in page["zones"])) == (5, 5, 167)
    margin = page["regime"]["jauges"][0]
    assert (margin["plafond"], page["regime"]["population"]) == (127_965, 5_118_636)
    assert lowest["population"] + low["population"] == 70_887
    assert taken.libelles["84123"] == "Sault"
