"""Takes the words of `mwx expert train` and leaves the files of a training, without the training.

The recipe says how it behaves: "good", "bad" (always fails), "once" (killed by itself in its first
attempt, after a checkpoint), "slow" (until it is ended), "silent" (no card, exit code 0).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from mwx.fleet.leash import hold

hold()
words = sys.argv[1:]
assert words[:2] == ["expert", "train"]
options = dict(zip(words[3::2], words[4::2], strict=False))
path, recipe = Path(options["--out"]), options["--recipe"]
resumed = "--resume" in words
checkpoint = path / "checkpoints" / "000000050"
assert resumed == (path / "config.json").exists()
(path / "config.json").write_text('{"agent": {"loop": {"steps": 100}}, "teacher": {"steps": 7}}')
(path / "reference.npz").touch()
with open(path / "threads", "a") as file:
    file.write(f"{os.environ['OMP_NUM_THREADS']} {options['--threads']}\n")
print("at work", flush=True)
if recipe == "bad":
    sys.exit("error: it cannot be done")
if recipe == "silent":
    sys.exit(0)


def log(**row):
    with open(path / "metrics.jsonl", "a") as metrics:
        metrics.write(json.dumps(row) + "\n")


if not checkpoint.exists():
    log(step=50, time=1.0, steps_per_s=25.0)
    checkpoint.mkdir(parents=True)
    if recipe == "once":
        os.kill(os.getpid(), signal.SIGKILL)
while recipe == "slow" and not (path.parent / "go").exists():
    time.sleep(0.02)
log(step=100, time=2.0, steps_per_s=25.0)
log(step=100, time=3.0, **{"eval/task_return_mean": 12.5})
(path / "expert").mkdir()
(path / "expert" / "card.json").write_text(json.dumps(
    {"steps": 100, "best_step": 100, "wall_time_s": 3, "machine": "none", "commit": "unknown",
     "scores": {"task_return_mean": 10.0 + int(options["--seed"])}, "returns": [10.0, 11.0]}))
