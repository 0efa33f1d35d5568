"""gymnasium ids: the table is true, importing stays light, either order of imports registers."""

import subprocess
import sys

import pytest

import mwx
from mwx.integrations.registration import LISTINGS, Listing, gymnasium_id, listed
from mwx.sim import tasks


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=True).stdout.strip()


def test_the_table_says_what_the_tasks_say():
    expected = {task.name: Listing(task.success_bar, task.max_steps, task.robots)
                for task in tasks.TASKS.values()}
    assert expected == LISTINGS, "bring LISTINGS in mwx/integrations/registration.py up to date"
    assert set(listed()) == set(tasks.ids())


@pytest.mark.parametrize("code", [
    "import mwx, gymnasium", "import gymnasium, mwx",
    "import mwx, gymnasium.envs.registration, mwx.sim", "import mwx, mwx, gymnasium.vector"])
def test_either_order_of_imports_registers_every_id(code):
    known = run(f"{code}; print(*[i for i in gymnasium.registry if i.startswith('mwx/')])").split()
    assert sorted(known) == sorted(map(gymnasium_id, tasks.ids()))


def test_the_module_may_be_named_in_the_id():
    assert run("import gymnasium\nprint(gymnasium.make('mwx:mwx/h1-walk-v0').spec.id)") \
        == "mwx/h1-walk-v0"


def test_gymnasium_is_found_as_if_nobody_had_watched():
    code = ("import mwx, sys, inspect\nbefore = len(sys.meta_path)\nimport gymnasium\n"
            "registry = gymnasium.envs.registration\n"
            "assert len(inspect.getsource(registry)) > 1000 and registry.__spec__.origin\n"
            "print(before - len(sys.meta_path), 'CartPole-v1' in gymnasium.registry)")
    assert run(code) == "1 True"


def test_an_id_knows_its_limit_and_its_bar():
    import gymnasium
    for name, listing in listed().items():
        spec = gymnasium.spec(gymnasium_id(name))
        assert spec.max_episode_steps == listing.max_steps
        assert spec.reward_threshold == listing.success_bar


def test_environments_natively_and_lazily():
    env = mwx.make("h1-door", num_envs=3, threads=1)
    assert env.obs.vector.shape == (3, 55) and mwx.TASKS["door"].name == env.task.name
    assert {"make", "TASKS"} <= set(dir(mwx))
    with pytest.raises(AttributeError, match="no attribute 'mak'"):
        mwx.mak  # noqa: B018
    assert run("import mwx, sys; print('mujoco' in sys.modules)") == "False"
