"""The words on numbers and arrays: IEEE division, powers that are rounded once, functions that do not raise."""

import math
from fractions import Fraction

import numpy as np
import pytest

from thincopt.language import arithmetic, maximum, norm, sign, sqrt, sum, total, where


def test_words_work_on_numbers_and_arrays():
    array = np.array([-4.0, 9.0])
    assert list(sqrt(abs(array))) == [2.0, 3.0]
    assert sqrt(-1.0) != sqrt(-1.0)  # NaN
    assert list(maximum(array, 0.0)) == [0.0, 9.0]
    assert list(sign(array)) == [-1.0, 1.0]
    assert list(where(array > 0, array, 0.0)) == [0.0, 9.0]
    assert where(True, 1.0, 0.0) == 1.0
    assert (sum(array), norm(array), total(5.0)) == (5.0, math.sqrt(97.0), 5.0)


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [
        (1.0, 0.0, math.inf),
        (-1.0, 0.0, -math.inf),
        (1.0, -0.0, -math.inf),
        (0.0, 0.0, math.nan),
        (math.nan, 0, math.nan),
    ],
)
def test_division_is_that_of_IEEE(a, b, quotient):
    assert arithmetic.divide(a, b) == pytest.approx(quotient, nan_ok=True)


@pytest.mark.parametrize("x", [0.9, 0.999, 2.0, -1.5, 0.0])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000, -3])
def test_whole_powers(x, n):
    expected = math.inf if x == 0 and n < 0 else x**n
    assert arithmetic.whole_power(x, n) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("x", [0.9, 0.95, 0.999, 0.9999, 1 / 3])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 1023, 1400])
def test_whole_powers_are_rounded_once(x, n):
    """Against exact fractions: RAdam's ρₜ magnifies what is lost here by 1/(1−β)²."""
    assert arithmetic.whole_power(x, n) == float(Fraction(x) ** n)


def test_whole_powers_do_not_depend_on_those_that_were_asked_before():
    """Against the loop of native/exact.h."""
    for x in (0.9, 0.999, -1.5, 1e200):
        for n in (*range(2100), 4095, 4096, 5000, 70_000, 123_457):
            result, square = (1.0, 0.0), (x, 0.0)
            for bit in range(n.bit_length()):
                result = arithmetic._product(result, [square] if n >> bit & 1 else [])
                square = arithmetic._product(square, [square])
            assert repr(arithmetic.whole_power(x, n)) == repr(result[0])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (arithmetic.power(-2.0, 0.5), math.nan),
        (arithmetic.power(0.0, -1.5), math.inf),
        (arithmetic.power(1e300, 2.5), math.inf),
        (arithmetic.power(-1e300, 3.0), -math.inf),
        (arithmetic.exp(1000.0), math.inf),
        (arithmetic.log(0.0), -math.inf),
        (arithmetic.log(-1.0), math.nan),
        (arithmetic.sqrt(-1.0), math.nan),
        (arithmetic.sign(math.nan), math.nan),
        (arithmetic.minimum(math.nan, 1.0), math.nan),
        (arithmetic.minimum(1.0, math.nan), math.nan),
        (arithmetic.maximum(math.nan, 1.0), math.nan),
        (arithmetic.maximum(1.0, math.nan), math.nan),
    ],
)
def test_functions_do_not_raise(found, expected):
    assert found == pytest.approx(expected, nan_ok=True)
