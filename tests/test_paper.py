"""The equation map is true: homes exist and say their equation; letters are accounted for."""

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from mwx.paper import DEVIATIONS, EQUATIONS, SYMBOLS, Equation, equation

HOMES = [(row, home) for row in EQUATIONS for home in row.homes]


def find(home: str) -> object | None:
    module, name = home.split(":")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mwx"):
            return None
        raise


def cited(docstring: str) -> set[int]:
    """Return the numbers a docstring cites: eq. (4), eqs. (1) and (3), eq. (10)-(12), (9)(13)."""
    numbers: set[int] = set()
    for group in re.findall(r"[Ee]qs?\.\s*((?:\(\d+\)[\s,\-]*(?:and|to)?\s*)+)", docstring):
        listed = [int(n) for n in re.findall(r"\((\d+)\)", group)]
        ranged = re.search(r"\((\d+)\)\s*(?:-|to)\s*\((\d+)\)", group)
        numbers |= set(range(int(ranged[1]), int(ranged[2]) + 1)) if ranged else set()
        numbers |= set(listed)
    return numbers


def test_all_thirteen_equations_have_one_row() -> None:
    numbers = sorted(n for row in EQUATIONS for n in row.numbers)
    assert numbers == list(range(1, 14))
    assert equation(13).homes == equation(9).homes


@pytest.mark.parametrize(("row", "home"), HOMES, ids=[home for _, home in HOMES])
def test_home_exists_and_names_its_equation(row: Equation, home: str) -> None:
    found = find(home)
    if row.status == "planned":
        assert found is None, f"{home} exists: its row is no longer planned"
        return
    assert found is not None, f"{home} does not exist"
    own, module = inspect.getdoc(found) or "", inspect.getdoc(inspect.getmodule(found)) or ""
    assert cited(own), f"{home}: its own docstring cites no equation"
    text = f"{own} {module}"
    assert set(row.numbers) <= cited(text), f"{home}: docstring cites {sorted(cited(text))}"


def test_departures_are_explained() -> None:
    for row in EQUATIONS:
        if row.status == "read as":
            assert any(f"eq. ({n})" in d.paper for n in row.numbers for d in DEVIATIONS), row.what
    assert len({d.topic for d in DEVIATIONS}) == len(DEVIATIONS)
    for deviation in DEVIATIONS:
        assert all((deviation.paper, deviation.here, deviation.why, deviation.measured))


def test_a_letter_means_one_thing_per_equation() -> None:
    seen: dict[tuple[str, int], str] = {}
    for symbol in SYMBOLS:
        for number in symbol.equations:
            key = (symbol.letter, number)
            assert key not in seen, f"{symbol.letter} twice in eq. ({number})"
            seen[key] = symbol.meaning
            assert 1 <= number <= 13


@pytest.mark.parametrize("text", ["Paper eq. (4): ...", "of eqs. (1) and (4)", "eq. (3)-(5)"])
def test_citations_are_read(text: str) -> None:
    assert 4 in cited(text)


def test_symbols_name_something_in_the_code() -> None:
    from mwx import paper
    root = Path(inspect.getfile(paper)).parent
    source = "\n".join(f.read_text() for f in root.rglob("*.py") if f.name != "paper.py")
    for symbol in SYMBOLS:
        assert re.search(rf"\b{symbol.name}\b", source), f"{symbol.letter}: no {symbol.name}"
