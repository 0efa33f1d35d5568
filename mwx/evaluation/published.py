"""Tables I, II and IV as the paper prints them (MetaWorld-X), to stand beside our own numbers.

The paper does not say which of HumanoidBench's two sitting tasks its Sit is; its returns above
1,000 cannot be task returns, which are at most 1 a step over 1,000 steps.
"""

from typing import NamedTuple

COLUMNS = ("stand", "walk", "run", "sit", "carry")


class Printed(NamedTuple):
    """One cell of Table I: peak return, standard error, convergence step [million steps]."""

    peak: float
    stderr: float
    convergence: float


def _row(*cells: tuple[float, float, float]) -> dict[str, Printed]:
    return {name: Printed(*cell) for name, cell in zip(COLUMNS, cells, strict=True)}


TABLE_I: dict[str, dict[str, Printed]] = {
    "PPO": _row((28.8, 0.4, 5.3), (28.8, 0.4, 5.3), (28.8, 0.4, 5.3), (28.8, 0.4, 5.3),
                (25.9, 0.4, 5.4)),
    "SAC": _row((93.6, 17.7, 4.9), (32.7, 11.4, 5.4), (18.3, 1.5, 5.4), (275.9, 15.7, 6.0),
                (43.4, 9.7, 5.3)),
    "TD-MPC2": _row((749.8, 63.1, 1.8), (644.2, 162.3, 1.8), (66.1, 4.7, 2.0),
                    (733.9, 120.6, 1.1), (438.0, 72.9, 1.9)),
    "DreamerV3": _row((699.3, 62.7, 5.5), (428.2, 14.5, 6.0), (298.5, 84.5, 6.0),
                      (709.6, 98.4, 5.2), (427.8, 51.2, 6.0)),
    "MetaWorld-X (paper)": _row((815.9, 0.3, 0.6), (1118.7, 7.1, 0.5), (2056.9, 13.6, 1.0),
                                (862.2, 2.1, 0.6), (963.5, 5.1, 0.5)),
}

# successes of ten trials of 30 s
TABLE_II: dict[str, dict[str, int]] = {
    name: dict(zip(COLUMNS, row, strict=True)) for name, row in {
        "PPO": (0, 0, 0, 0, 0), "SAC": (1, 1, 0, 2, 1), "DreamerV3": (2, 2, 1, 3, 2),
        "TD-MPC2": (3, 3, 2, 4, 3), "MetaWorld-X (paper)": (9, 9, 9, 8, 9)}.items()}


class Manipulation(NamedTuple):
    """One cell of Table IV: return, and what is printed behind ±."""

    mean: float
    spread: float


METHODS_IV = ("PPO", "SAC", "TD-MPC2", "DreamerV3", "MetaWorld-X (paper)")


def _methods(*cells: tuple[float, float]) -> dict[str, Manipulation]:
    return {name: Manipulation(*cell) for name, cell in zip(METHODS_IV, cells, strict=True)}


TABLE_IV: dict[str, dict[str, Manipulation]] = {  # after 2 million steps
    "door": _methods((58.0, 13.5), (168.7, 3.9), (285.0, 12.0), (257.7, 37.9), (470.0, 2.2)),
    "basketball": _methods((58.0, 1.3), (45.4, 5.5), (148.4, 3.3), (77.6, 1.2), (250.0, 11.9)),
    "push": _methods((36.8, 11.0), (-201.3, 13.6), (-113.8, 6.8), (-59.9, 7.3), (70.0, 2.1)),
    "truck": _methods((58.0, 13.5), (1142.6, 15.8), (1213.2, 1.1), (1383.4, 2.5), (1500.0, 15.6)),
    "package": _methods((-8112.3, 191.1), (-6662.1, 137.2), (-6788.5, 552.7), (-5817.2, 903.8),
                        (-5200.0, 47.2))}
