"""The report: one file, escaped, complete; figures keep their colours; a sample of every part."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import figures
from mwx.evaluation import report_sections as sections
from mwx.evaluation.report import INLINE_VIDEO_BYTES, Report
from mwx.evaluation.score import Score
from mwx.motion.quality import Sheet
from mwx.router.guidance import Guidance, Provenance, Stage

EXPERTS = ("stand", "walk", "reach")


class Balanced(HTMLParser):
    """Checks that every element that opens is closed in order, and gathers the text."""

    VOID = ("meta", "img", "br", "path", "use", "rect", "image", "line")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"] or "")
        for key in ("src", "href", "xlink:href"):
            if given.get(key):
                self.links.append(given[key] or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    return parser


def guidance() -> Guidance:
    return Guidance(
        "door", "Walk to the closed door, turn its hatch, pull it open and walk through.", EXPERTS,
        ("keeps balance", "walks", "moves a hand"), np.array([0.1, 0.4, 0.5]),
        (Stage("approach", "walk", 0.3), Stage("open", "reach", 0.4), Stage("pass", "walk", 0.3)),
        False, np.zeros(3), Provenance("curated", author="test"))


def curve(rng: np.random.Generator, top: float) -> list[dict[str, Any]]:
    steps = np.arange(0, 900_000, 15_000)
    grow = 1 / (1 + np.exp(-(steps - 350_000) / 80_000))
    rows: list[dict[str, Any]] = []
    for s, g in zip(steps, grow, strict=True):
        noisy = float(top * g * (1 + 0.05 * rng.normal()))
        rows.append({"step": int(s), "train/task_return": noisy,
                     "train/alignment_return": float(640 * g), "loss/value": 1.0})
        if s % 90_000 == 0:
            rows.append({"step": int(s), "eval/task_return_mean": float(0.9 * top * g),
                         "eval/task_return_std": 0.04 * top, "eval/alignment_return_mean":
                         float(600 * g), "eval/alignment_return_std": 12.0})
    return rows


def ribbon(rng: np.random.Generator) -> np.ndarray:
    time = np.linspace(0, 1, 500)[:, None]
    centres = np.array([[0.05, 0.3, 0.62]])
    logits = -((time - centres) / 0.16) ** 2 + 0.1 * rng.normal(size=(500, 3)).cumsum(0) / 20
    weights = np.exp(logits)
    return weights / weights.sum(-1, keepdims=True)


def sample(path: Path) -> Report:
    """Write a page with every part, from made-up numbers."""
    rng = np.random.default_rng(0)
    weights = ribbon(rng)
    report = Report("Opening a door with composed skills", "Synthetic numbers: a sample of the "
                    "layout, not a result.")
    report.add_facts({"task return": "312.4", "best single expert": "187.0", "episodes": "10",
                      "demo time": "2 min 41 s"})
    report.add_section("What happened", "A human clip became a robot reference; three experts "
                       "were weighed by guidance and composed by a distilled router.")
    report.add_text("Run `mwx demo` to make this page again.")
    time = np.linspace(0, 4, 200)[:, None]
    wanted = np.sin(time * 5 + np.arange(8)) * np.linspace(0.1, 0.6, 8)
    sheet = Sheet("walk", {"key_error_mean": 1.04, "skate_mean": 7.32, "inside_limits": 100.0,
                           "joint_jump": 0.16, "utilisation": 4.3})
    sections.add_motion(report, sheet, "CMU subject 02, trial 01 (free for all uses).", wanted,
                        wanted + 0.03 * rng.normal(size=wanted.shape),
                        [f"joint_{i}" for i in range(8)])
    cards = {name: {"scores": {"task_return_mean": 880.1, "task_return_std": 3.2,
                               "alignment_return_mean": 640.0, "alignment_return_std": 2.0,
                               "episodes": 10}, "steps": 900_000, "wall_time_s": 3100.0,
                    "seed": 1, "commit": "0123456789ab"} for name in EXPERTS}
    sections.add_experts(report, cards, dict(zip(EXPERTS, guidance().descriptions, strict=True)),
                         {n: curve(rng, t) for n, t in zip(EXPERTS, (880, 760, 7000), strict=True)},
                         {"stand": 800, "walk": 700})
    sections.add_guidance(report, guidance())
    losses = [{"step": s, "loss": 2 * np.exp(-s / 200) + 0.3, "loss_task": 0.5 + s / 4000,
               "loss_demo": np.exp(-s / 250) + 0.2, "guidance_weight": 0.5 ** (s / 300)}
              for s in range(0, 1200, 50)]
    progress = np.linspace(0, 1, len(weights))
    profile = sections.progress_profile(weights, progress)
    sections.add_router(report, losses, EXPERTS, weights, guidance().title,
                        stages=((0, 3, "approach"), (3, 7, "open"), (7, 10, "pass")),
                        router_profile=profile, demo_profile=np.round(profile))
    rows = [sections.ResultRow(label, mean, std, align, 12.0, steps, rate, 10) for
            label, mean, std, align, steps, rate in (
                ("router", 312.4, 20.1, 540.0, 1000, 0.2), ("stand alone", 120.3, 2.2, 610.2, 1000,
                 0.0), ("walk alone", 187.0, 33.0, 400.0, 620, 0.0),
                ("reach alone", 150.9, 12.0, 420.0, 950, 0.0),
                ("uniform mix", 90.1, 41.0, 130.0, 300, 0.0))]
    sections.add_results(report, "door", rows, "router")
    frames = [np.full((120, 160, 3), shade, np.uint8) for shade in (90, 130, 170, 210)]
    sections.add_pictures(report, frames, ("0.0 s", "3.3 s", "6.7 s", "10.0 s"), None, path)
    sections.add_provenance(report, {"command": "mwx demo", "commit": "0123456789ab", "seed": 0,
                                     "versions": {"mwx": "0.1.0", "mujoco": "3.17.0"}},
                            ["mwx motion generate walk", "mwx router train door"])
    report.write(path)
    return report


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    sample(path)
    return path.read_text()


def test_page_is_well_formed_and_self_contained(page: str) -> None:
    found = parsed(page)
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert "http://" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert "<script" not in page and len(page) < 1_500_000


def test_page_has_every_section_once_and_the_links_find_them(page: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["What happened", "Human motion", "Experts", "Guidance", "Router",
                      "Task result", "Pictures", "Provenance"]
    found = parsed(page)
    for link in (x for x in found.links if x.startswith("#section")):
        assert found.ids.count(link[1:]) == 1


def test_identifiers_in_figures_do_not_collide(page: str) -> None:
    ids = parsed(page).ids
    assert len(ids) == len(set(ids))


def test_figures_follow_the_theme(page: str) -> None:
    svg = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--ink)" in svg and "var(--line)" in svg
    assert figures.INK not in svg and figures.LINE not in svg
    assert figures.EXPERT_COLOURS["walk"].lower() in svg.lower()


def test_text_is_escaped_everywhere() -> None:
    evil = '<script>alert("x")</script>&'
    report = Report(evil, evil).add_facts({evil: evil}).add_section(evil, evil).add_text(evil)
    report.add_code(evil, evil).add_table([evil], [[evil]], evil, evil).add_list({evil: evil})
    report.add_cards([(evil, "#000000", evil, {evil: evil})])
    report.add_stills([np.zeros((4, 4, 3), np.uint8)], [evil], evil)
    ribbon_figure = figures.weight_ribbon(np.ones((3, 1)), [evil], title=evil + " $\\frac$")
    report.add_figure(ribbon_figure, evil)
    markup = report.to_html()
    parsed(markup)
    assert "<script" not in markup and "alert(&quot;x" in markup


def test_braces_in_text_are_only_text() -> None:
    assert "{0} {title}" in Report("t").add_text("{0} {title}").to_html()


def test_table_rows_must_fit_their_header() -> None:
    with pytest.raises(ValueError, match="does not fit 2 columns"):
        Report("t").add_table(("a", "b"), [(1,)])


def test_numbers_are_aligned_and_the_best_row_set_off() -> None:
    markup = Report("t").add_table(("policy", "return"), [("ours", 12345.678), ("other", 3.14159)],
                                   highlight="ours").to_html()
    assert '<td class="number">12,345.7</td>' in markup and "3.14" in markup
    assert markup.count("<tr class=best>") == 1


def test_small_videos_are_inside_and_large_ones_linked(tmp_path: Path) -> None:
    small, large, page = tmp_path / "a.mp4", tmp_path / "videos" / "b.mp4", tmp_path / "r.html"
    small.write_bytes(b"0" * 100)
    large.parent.mkdir()
    with open(large, "wb") as file:
        file.truncate(INLINE_VIDEO_BYTES + 1)
    markup = Report("t").add_video(small).add_video(large, near=page).to_html()
    assert "data:video/mp4;base64," in markup and 'src="videos/b.mp4"' in markup
    with pytest.raises(MwxError, match="no such video"):
        Report("t").add_video(tmp_path / "none.mp4")


def test_a_page_without_pictures_says_why(tmp_path: Path) -> None:
    report = Report("t")
    sections.add_pictures(report, [], [], None, tmp_path / "r.html")
    assert "No pictures" in report.to_html() and "<code>mwx check</code>" in report.to_html()


def test_guidance_that_is_no_model_is_not_called_one() -> None:
    report = Report("t")
    sections.add_guidance(report, guidance())
    assert "No vision-language model was asked." in report.to_html()


def test_progress_profile_is_the_mean_in_each_bin() -> None:
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    profile = sections.progress_profile(weights, np.array([0.0, 0.1, 1.0]), bins=4)
    np.testing.assert_allclose(profile[[0, 3]], [[0.5, 0.5], [0.5, 0.5]])
    assert np.isnan(profile[1:3]).all()


def test_expert_colours_are_distinct_and_stable() -> None:
    assert len(set(figures.EXPERT_COLOURS.values())) == len(figures.EXPERT_COLOURS)
    assert figures.expert_colour("juggle") == figures.expert_colour("juggle")


def test_curves_leave_out_what_was_not_logged(page: str) -> None:
    rows = [{"step": 0, "task_return": 1.0}, {"step": 1, "task_return": None}, {"step": 2}]
    x, y = figures._series(rows, "step", "task_return")
    assert x.tolist() == [0.0] and y.tolist() == [1.0]
    figures.learning_curves({"walk": []})


def test_a_figure_can_also_be_a_picture() -> None:
    picture = figures.to_png(figures.score_bars(["a", "b"], [1, 2], [0.1, 0.2], "return", "a"))
    assert picture.startswith(b"\x89PNG")
    assert "data:image/png;base64," in Report("t").add_figure(picture).to_html()


def test_names_that_look_like_formulas_are_drawn_as_they_are() -> None:
    figure = figures.score_bars(["$_$", "b"], [1, 2], [0.1, 0.2], "$\\frac$", "$_$")
    assert figures.to_png(figure).startswith(b"\x89PNG")
    assert "$_$" in figures.to_svg(figure, "bars")


def test_missing_scores_are_dashes() -> None:
    assert sections.plus_minus(float("nan"), 1.0) == "–"
    assert sections.plus_minus(1234.56, 7.89) == "1,234.6 ± 7.9"
    assert json.dumps(sections.card_facts({})) == "{}"


def test_an_evaluation_becomes_a_row() -> None:
    score = Score("door", "router", 1, 2, 600.0, (700.0, 500.0), (90.0, 110.0), (1000, 800),
                  (True, False), {})
    row = sections.result_row(score, "router")
    assert (row.task_mean, row.steps_mean, row.success_rate, row.episodes) == (600, 900, 0.5, 2)
    assert row.task_std == pytest.approx(np.sqrt(2) * 100)
