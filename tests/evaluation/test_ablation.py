"""Table III and Fig. 8: numbers by hand, the paper's beside them, honest gaps."""

import csv
import json

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation.ablation import TABLE_III, ablation_table, read_entry, write_ablation
from mwx.runs import write_json

STEPS = (100, 200, 300, 400, 500)


def run_folder(path, values, best=None, success=0.0):
    path.mkdir(parents=True)
    rows = [{"step": s, "eval/task_return_mean": v} for s, v in zip(STEPS, values, strict=False)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    if best is not None:
        write_json(path / "adapted" / "card.json",
                   {"scores": {"task_return_mean": best, "success_rate": success}})
    return path


@pytest.fixture
def entry(tmp_path):
    runs = {0: run_folder(tmp_path / "full-0", (1, 10, 100, 100, 100), 98.0, 1.0),
            1: run_folder(tmp_path / "full-1", (3, 14, 110, 104, 104), 102.0, 0.5),
            2: tmp_path / "full-2"}  # not begun
    return read_entry("full model", "everything", runs)


def test_numbers_by_hand(entry):
    assert entry.curves.keys() == {0, 1}
    assert entry.peak.mean == 105 and entry.peak.step == 300
    assert entry.peak.stderr == pytest.approx(np.std([100, 110], ddof=1) / np.sqrt(2))
    assert entry.last.tolist() == [100, 104] and entry.convergence == 300
    table = ablation_table("door", [entry])
    ((label, cells),) = table.rows
    assert label == "full model"
    assert cells == ("105.00 ± 5.00 (2 seeds)", "102.00 ± 2.00 (2 seeds)",
                     "100.00 ± 2.00 (2 seeds)", "75%", "300", "303.95", "126,400")
    assert "everything" in table.markdown() and "was not trained; ours is" in table.markdown()


def test_another_task_has_no_published_numbers(entry):
    table = ablation_table("h1-push", [entry])
    assert not any("paper" in c for c in table.columns) and len(table.rows[0][1]) == 5
    assert "Table III" not in table.markdown()


def test_a_short_single_run_claims_nothing(tmp_path):
    entry = read_entry("w/o VLM", "rules", {0: run_folder(tmp_path / "a", (5, 7))})
    ((_, cells),) = ablation_table("door", [entry]).rows
    assert cells == ("7.00 (1 seed)", "7.00 (1 seed)", "-", "-", "-", "-", "-")
    assert read_entry("w/o VLM", "rules", {0: tmp_path / "b"}) is None
    with pytest.raises(MwxError, match="no run there has been evaluated"):
        write_ablation("door", [None], tmp_path)


def test_files(entry, tmp_path):
    other = read_entry("w/o router", "constant", {0: run_folder(tmp_path / "x-0", (1, 2, 3))})
    page, numbers, picture = write_ablation("door", [entry, None, other], tmp_path)
    assert page.read_text().startswith("## Ablation on door")
    rows = list(csv.DictReader(numbers.open()))
    assert [r["variant"] for r in rows] == ["full model", "w/o router"]
    assert float(rows[0]["peak"]) == 105 and rows[0]["runs"] == "full-0 full-1"
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_the_printed_table_has_our_variants():
    from mwx.baselines.adaptation import VARIANTS
    assert {v.label for v in VARIANTS.values()} == set(TABLE_III)
