"""`mwx expert train`, the real one, with a checkpoint after every step and short evaluations.

Where MWX_TEST_HOLD names a number of steps, the training stops there until it is killed: so that a
kill comes in mid-run however fast the machine is. An attempt that resumes does not stop.
"""

import os
import time
from dataclasses import replace

from mwx import recipes
from mwx.agents.loop import Loop
from mwx.experts import train
from mwx.fleet.leash import main

recipe, save = recipes.tiny_agent, Loop.save


def tiny_agent():
    agent = recipe()
    return replace(agent, loop=replace(agent.loop, checkpoint_minutes=0.0))


def save_and_wait(self):
    save(self)
    held = int(os.environ.get("MWX_TEST_HOLD", "0"))
    if held and self.step >= held and len(attempts(self.run.path)) == 1:
        time.sleep(600)


def attempts(path):
    from mwx.fleet.record import attempts
    return attempts(path)


recipes.AGENTS["tiny"] = tiny_agent
train.EVALUATION_EPISODES = train.CARD_EPISODES = 1
Loop.save = save_and_wait
raise SystemExit(main())
