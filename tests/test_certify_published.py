"""`apl certify` on the published data: the short form stands, and an altered figure falls."""

from __future__ import annotations

import os
from pathlib import Path

from shared import DATA, needs_data, needs_jit
from test_certify import DOCS, rows_of

from apl.certified import frames
from apl.certified.certificate import certify
from apl.certified.claims import NON_VERIFIABLE, TENU, TOMBE, paper
from apl.certified.ground import FRAMES, Ground

NATIONAL = os.environ.get("APL_BENCH", "0") not in ("", "0")


@needs_data
@needs_jit
def test_the_short_form_stands_on_the_published_data() -> None:
    found = certify(DATA, short=not NATIONAL)
    assert not found.faults()
    of = {one.identifier: one for one in found.claims}
    for one in found.claims:
        left_out = one.verdict == NON_VERIFIABLE
        assert not left_out or one.subject in {"leads", "france", "five", "implied"} or not NATIONAL
    exact = ("bvcv.region_93", "paca.persons_two_lowest", "conservation.fte", "example.communes",
             "cases.independent", "table_vi.corsica_turned", "isere.bits")  # fmt: skip
    assert {of[name].verdict for name in exact} == {TENU}
    written = rows_of(DOCS / "CERTIFICATION.md")
    for name, one in of.items():  # the page of the repository is what comes out
        if one.verdict != NON_VERIFIABLE:
            assert written[name] == (one.shown("ours"), one.verdict), name


@needs_data
def test_an_official_figure_that_is_another_one_falls(tmp_path: Path) -> None:
    """A cell of the frames of 2018 to 2020, altered in a copy."""
    copy = tmp_path / FRAMES
    copy.parent.mkdir()
    copy.write_text((DATA / FRAMES).read_text("utf-8").replace("43.8", "43.9"), "utf-8")
    (pages,) = (
        one for s in paper().subjects for one in s.claims if one.identifier == "frames.pages"
    )
    for folder, verdict in ((DATA, TENU), (tmp_path, TOMBE)):
        assert pages.held(sum(frames._agreeing(Ground(folder)))).verdict == verdict
