"""Peak, error, convergence and intervals: closed forms and constructed curves."""

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import statistics as s

STEPS = np.arange(1, 9) * 1000.0


def curve(*values, steps=None):
    values = np.array(values, float)
    return s.Curve(STEPS[:len(values)] if steps is None else np.array(steps, float), values)


def test_the_standard_error_is_s_over_root_n():
    assert s.standard_error([1, 2, 3, 4]) == pytest.approx(np.sqrt(5 / 3) / 2)
    assert s.standard_error([7.0]) is None and s.standard_error([]) is None


def test_the_peak_is_the_best_mean_and_not_the_mean_of_the_bests():
    seeds = [curve(0, 10, 4), curve(10, 0, 8)]
    peak = s.peak_return(seeds)
    assert (peak.mean, peak.step, peak.seeds) == (6, 3000, 2)
    assert peak.stderr == pytest.approx(s.standard_error([4, 8]))
    assert s.best_of_each(seeds).mean == 10


@pytest.mark.parametrize("seed", range(5))
def test_selection_makes_the_mean_of_the_bests_the_larger(seed):
    rng = np.random.default_rng(seed)
    seeds = [curve(*rng.normal(size=8)) for _ in range(4)]
    assert s.best_of_each(seeds).mean >= s.peak_return(seeds).mean


def test_scaling_and_order_of_seeds_change_nothing_else():
    seeds = [curve(1, 5, 3), curve(2, 4, 9), curve(0, 1, 2)]
    peak, turned = s.peak_return(seeds), s.peak_return(seeds[::-1])
    assert turned == peak
    doubled = s.peak_return([s.Curve(c.steps, 2 * c.values) for c in seeds])
    assert doubled.mean == 2 * peak.mean and doubled.stderr == pytest.approx(2 * peak.stderr)
    assert doubled.step == peak.step


def test_seeds_meet_where_all_have_measured_and_nothing_is_interpolated():
    steps, values = s.together([curve(1, 2, 3, steps=[10, 20, 30]), curve(5, 6, steps=[15, 25])])
    assert steps.tolist() == [15, 20, 25]
    assert values.tolist() == [[1, 2, 2], [5, 5, 6]]
    with pytest.raises(MwxError, match="do not overlap"):
        s.together([curve(1, steps=[1]), curve(1, steps=[2])])
    with pytest.raises(MwxError, match="at least one seed"):
        s.peak_return([])


@pytest.mark.parametrize(("values", "window", "step"), [
    ((0, 50, 96, 99, 104, 100), 3, 3000),
    ((0, 96, 50, 99, 104, 100), 3, 4000),  # entered early, left again
    ((0, 96, 99, 98, 50, 100), 3, 2000),  # held for W once, later left: the paper's wording
    ((0, 10, 20, 30, 99, 100), 3, None),  # only two evaluations inside
    ((0, 10, 20, 30, 99, 100), 2, 5000),
    ((100, 100, 100), 3, 1000),
    ((100, 100), 3, None),
    ((0, 95, 105, 100), 3, 2000),  # the band's edges belong to it
    ((0, 94.9, 105, 100), 3, None),
    ((-200, -104, -96, -100), 3, 2000),  # negative returns: a share of the size
])
def test_convergence_on_constructed_curves(values, window, step):
    assert s.convergence_step(curve(*values), window) == step


def test_convergence_does_not_depend_on_the_scale():
    values = np.array([0, 50, 96, 99, 104, 100.0])
    for scale in (1e-3, 7.0, 1e6, -1.0):
        assert s.convergence_step(curve(*(scale * values))) == 3000
    with pytest.raises(MwxError, match="at least one"):
        s.convergence_step(curve(1, 2), 0)


def test_bootstrap_intervals_are_seeded_and_follow_the_values():
    values = np.random.default_rng(0).normal(size=30)
    low, high = s.bootstrap_interval(values)
    assert low < values.mean() < high and s.bootstrap_interval(values) == (low, high)
    assert s.bootstrap_interval(values, seed=1) != (low, high)
    moved = s.bootstrap_interval(3 * values + 5)
    assert moved == pytest.approx((3 * low + 5, 3 * high + 5))
    assert s.bootstrap_interval([1.0]) is None
    assert s.bootstrap_interval([2.0, 2.0, 2.0]) == (2, 2)
    with pytest.raises(MwxError, match="level"):
        s.bootstrap_interval(values, level=95)


def test_bootstrap_width_is_the_normal_one_for_many_values():
    values = np.random.default_rng(1).normal(size=400)
    low, high = s.bootstrap_interval(values, resamples=4000)
    assert high - low == pytest.approx(2 * 1.96 * s.standard_error(values), rel=0.06)


def test_bootstrap_intervals_cover_a_known_mean():
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(300):
        interval = s.bootstrap_interval(rng.exponential(size=40), resamples=400, seed=trial)
        inside += interval[0] <= 1 <= interval[1]
    assert 0.88 <= inside / 300 <= 0.98  # 95 % asked; skewed samples of 40 get about 93 %


def test_the_band_holds_the_mean_and_draws_whole_seeds():
    seeds = [curve(0, 1, 2), curve(2, 3, 4), curve(4, 5, 6)]
    steps, mean, low, high = s.bootstrap_band(seeds)
    assert mean.tolist() == [2, 3, 4] and steps.tolist() == [1000, 2000, 3000]
    assert np.ptp(high - mean) == pytest.approx(0) and (low <= mean).all() and (high >= mean).all()
    _, mean, low, high = s.bootstrap_band(seeds[:1])
    assert (low == mean).all() and (high == mean).all()


def test_the_band_of_many_seeds_is_that_of_their_mean():
    values = np.random.default_rng(4).normal(size=(25, 3))
    _, _, low, high = s.bootstrap_band([curve(*row) for row in values])
    expected = [2 * 1.96 * s.standard_error(column) for column in values.T]
    np.testing.assert_allclose(high - low, expected, rtol=0.15)


def test_a_peak_lies_where_the_mean_was_highest():
    peak = s.peak_return([curve(0, 8, 3), curve(2, 6, 5)])
    assert (peak.mean, peak.step, peak.seeds) == (7, 2000, 2)
    assert peak.stderr == pytest.approx(1)


def test_curves_come_from_logged_rows():
    rows = [{"step": 0, "train/return": 1.0}, {"step": 5, s.TASK_RETURN: 3.0},
            {"step": 9, s.TASK_RETURN: None}, {"step": 5, s.TASK_RETURN: 4.0}]
    found = s.curve_from(rows)
    assert found is not None and (found.steps.tolist(), found.values.tolist()) == ([5], [4])
    assert s.curve_from(rows, "eval/none") is None
    with pytest.raises(MwxError, match="rising"):
        s.Curve(np.array([2.0, 1.0]), np.zeros(2))
    with pytest.raises(MwxError, match="as many"):
        s.Curve(np.zeros(2), np.zeros(3))
