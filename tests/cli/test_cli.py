"""The command line: help, mistakes, exit codes; every verb can be loaded and explained."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mwx import check, cli
from mwx.errors import MwxError


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mwx", *words], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)


def test_overview_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, verb in cli.VERBS.items():
        assert name in text and verb.summary in text


def test_help_is_quick() -> None:
    """Of processor time, which a busy machine does not change."""
    def spent():
        used = os.times()
        return used.children_user + used.children_system
    best = 9.0
    for _ in range(3):
        start = spent()
        assert run("--help").returncode == 0
        best = min(best, spent() - start)
    assert best < 0.6


def test_group_help_names_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["motion"]) == cli.main(["motion", "--help"]) == 0
    text = capsys.readouterr().out
    assert "motion retarget" in text and "expert train" not in text


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (cli.function(name).__doc__ or "").strip()
    with pytest.raises(SystemExit) as stop:
        cli.main([*name.split(), "--help"])
    assert stop.value.code == 0
    assert f"mwx {name}" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "hint"), [
    (["evaluat"], "did you mean 'evaluate'?"),
    (["motion", "retargt"], "did you mean 'retarget'?"),
    (["router", "distil"], "known after 'router': train"),
])
def test_a_wrong_verb_names_the_nearest(words: list[str], hint: str,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: unknown verb") and hint in captured.err
    assert captured.out == ""


def test_a_wrong_option_is_a_mistake_without_traceback() -> None:
    done = run("paper", "--symbol")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "--symbols" in done.stdout + done.stderr


def test_a_wrong_task_names_the_nearest() -> None:
    done = run("guide", "dor")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown task 'dor': did you mean 'door'?")
    assert "Traceback" not in done.stderr


def test_errors_of_any_verb_become_exit_code_two(monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise MwxError("nothing to show")

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "function", lambda name: fail)
    assert cli.main(["paper"]) == 2
    assert capsys.readouterr().err == "error: nothing to show\n"
    monkeypatch.setattr(cli, "function", lambda name: interrupt)
    assert cli.main(["paper"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_programming_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "function", lambda name: broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["paper"])


def test_paper_prints_every_equation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["paper", "--symbols"]) == 0
    text = capsys.readouterr().out
    assert "(2, 9, 13)" in text and "mwx.agents.planner:plan" in text and "departures" in text


def test_guide_prints_relevances_and_who_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guide", "door"]) == 0
    text = capsys.readouterr().out
    assert "reach" in text and ("curated" in text or "paper_table" in text)


def test_guide_takes_any_words(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guide", "crawl under the bar", "--out", str(tmp_path / "g.json")]) == 0
    assert "w_v: rules" in capsys.readouterr().out
    assert json.loads((tmp_path / "g.json").read_text())["task_text"] == "crawl under the bar"
    assert cli.main(["guide", "door", "--record", str(tmp_path)]) == 2  # nobody was asked
    assert "--provider vlm" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("mwx 0.")


def test_check_finds_versions_and_explains_every_extra() -> None:
    found = {(f.chapter, f.name): f for f in check.findings()}
    assert found["versions", "mujoco"].good
    for extra in check.EXTRAS:
        assert ("optional extras", extra) in found
    missing = [f for f in found.values() if f.chapter == "optional extras" and not f.good]
    assert all("pip install" in f.value for f in missing)


def test_processor_flags_are_read(tmp_path: object) -> None:
    path = Path(str(tmp_path)) / "cpuinfo"
    path.write_text("processor: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 sse\n")
    assert check.cpu_flags(path) == ("avx2", "avx512f", "avx512_bf16")
    assert check.cpu_flags(path.with_name("none")) == ()


def test_extras_are_those_of_the_project_and_something_imports_each() -> None:
    root = Path(__file__).parents[2]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"][
        "optional-dependencies"]
    assert set(check.EXTRAS) == set(declared)
    code = "\n".join(file.read_text() for file in (root / "mwx").rglob("*.py")
                     if file.name != "check.py")
    for extra in set(declared) - {"test", "dev", "benchmarks"}:  # tools
        modules, _ = check.EXTRAS[extra]
        assert len(modules) == len(declared[extra])
        for module in modules:
            used = rf"^\s*(import|from) {module}\b|import_module\(\"{module}\"\)"
            assert re.search(used, code, re.M), f"nothing imports {module} of [{extra}]"


def test_experts_are_listed_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["expert", "list"]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    columns = [head.index(name) for name in ("expert", "what it does")]
    right = [head.index(name) + len(name)
             for name in ("task return", "alignment return", "steps", "trained in")]
    assert len(rows) == 9 and "standard deviation" in last
    line = next(row for row in rows if row.startswith("reach_two_hands"))
    assert line[columns[1] - 2:].startswith("  stand and bring both hands")
    ends = [line.index(x) + len(x) for x in ("910.9 ± 9.1", "920.8 ± 12.4", "64,000", "6 min")]
    assert ends == right
