"""tolerance against the closed forms of its eight sigmoids."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.maths.tolerance import (
    MAY_REACH_ZERO,
    SIGMOIDS,
    at_least,
    between,
    exactly,
    tolerance,
)

EACH = pytest.mark.parametrize("sigmoid", sorted(SIGMOIDS))
FINITE = st.floats(-50, 50)


@EACH
@given(x=FINITE, margin=st.floats(0.1, 10), value=st.floats(0.05, 0.95))
def test_range_and_inside(sigmoid, x, margin, value):
    y = tolerance(x, between(-1, 2), margin, sigmoid, value)
    assert 0 <= y <= 1
    if -1 <= x <= 2:
        assert y == 1


@EACH
@pytest.mark.parametrize("value", [0.1, 0.5])
def test_value_at_margin_on_both_sides(sigmoid, value):
    y = tolerance(np.array([-1 - 0.4, 2 + 0.4]), between(-1, 2), 0.4, sigmoid, value)
    np.testing.assert_allclose(y, value, atol=1e-12)


@EACH
def test_decreases_with_distance(sigmoid):
    y = tolerance(np.linspace(0, 9, 200), exactly(0), 2.0, sigmoid)
    assert (np.diff(y) <= 0).all() and y[0] == 1


@pytest.mark.parametrize(("sigmoid", "closed"), [
    ("gaussian", lambda z: 0.1 ** (z * z)),
    ("linear", lambda z: max(0.0, 1 - 0.9 * z)),
    ("quadratic", lambda z: max(0.0, 1 - 0.9 * z * z)),
    ("hyperbolic", lambda z: 1 / math.cosh(z * math.acosh(10))),
    ("long_tail", lambda z: 1 / (1 + 9 * z * z)),
    ("reciprocal", lambda z: 1 / (1 + 9 * z)),
    ("cosine", lambda z: (1 + math.cos(z * math.acos(-0.8))) / 2
     if z * math.acos(-0.8) < math.pi else 0.0),
    ("tanh_squared", lambda z: 1 - math.tanh(z * math.atanh(math.sqrt(0.9))) ** 2),
])
def test_closed_form(sigmoid, closed):
    distance = np.linspace(0, 6, 61)
    expected = [closed(d / 1.5) for d in distance]
    np.testing.assert_allclose(tolerance(3 + distance, (-math.inf, 3), 1.5, sigmoid), expected,
                               atol=1e-14)


def test_no_margin_is_all_or_nothing():
    y = tolerance(np.array([0.9, 1.0, 5.0, np.nan]), at_least(1), margin=0)
    np.testing.assert_array_equal(y, [0, 1, 1, np.nan])


def test_far_away_is_finite():
    for sigmoid in SIGMOIDS:
        y = tolerance(np.array([1e12, -1e12]), exactly(0), 1e-3, sigmoid)
        assert np.isfinite(y).all() and (y < 1e-6).all()


@EACH
def test_zero_at_the_margin_only_where_it_makes_sense(sigmoid):
    if sigmoid in MAY_REACH_ZERO:
        assert tolerance(1.0, exactly(0), 1.0, sigmoid, value_at_margin=0) == pytest.approx(0)
    else:
        with pytest.raises(MwxError, match="value_at_margin"):
            tolerance(1.0, exactly(0), 1.0, sigmoid, value_at_margin=0)


def test_mistakes_are_explained():
    with pytest.raises(MwxError, match="did you mean 'gaussian'"):
        tolerance(0.0, exactly(0), 1.0, "gausian")
    with pytest.raises(MwxError, match="bounds"):
        tolerance(0.0, between(2, 1), 1.0)
    with pytest.raises(MwxError, match="margin"):
        tolerance(0.0, exactly(0), -1.0)
