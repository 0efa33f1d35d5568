"""A training that is killed at random moments, again and again, until it is through.

Run as a program: it imports everything once and forks a child for every life of the training, so
that a kill costs what a kill costs and not the seconds of an import.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from test_agents_loop import build

from mwx.runs import Run, read_metrics

OFTEN = 0.001  # [min] between checkpoints


def live(path, steps, storage, minutes):
    """Train, or go on training, to the end."""
    torch.set_num_threads(1)
    sys.stderr = open(os.devnull, "w")
    loop = build(path, steps, storage=storage, checkpoint_minutes=minutes, capacity=160,
                 log_every=80)
    loop.train(resume=loop.run.resumable)


def killed(path, steps, storage, wait):
    """Give a life of the training so many seconds; return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            live(path, steps, storage, OFTEN)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stdout, flush=True)
            os._exit(1)
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if _over(child, os.WNOHANG):
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _over(child, how):
    found, status = os.waitpid(child, how)
    if found and os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("a life of the training failed")
    return bool(found)


def scalars(path):
    """Return the logged numbers without those of time."""
    return [{k: v for k, v in row.items() if not k.startswith("time") and "per_s" not in k}
            for row in read_metrics(path / "metrics.jsonl")]


def main(folder, kills, steps, storage):
    """Kill trainings so often; compare each that ends with one that was left alone."""
    draw, count, lives = random.Random(steps), 0, 0
    child = os.fork()
    if child == 0:
        live(folder / "whole", steps, "memory", 99.0)
        os._exit(0)
    began = time.monotonic()
    _over(child, 0)
    alone = time.monotonic() - began
    _, expected, _ = Run(folder / "whole").restore()
    while count < kills:
        lives += 1
        path, reached = folder / f"run{lives}", -1
        while killed(path, steps, storage,
                     draw.uniform(0, 0.2 * alone) if count < kills else 1e9):
            count += 1
            made = Run(path).checkpoints()
            assert (made or [-1])[-1] >= reached, (made, reached)
            if made:
                reached = made[-1]
                Run(path).restore()  # what is there can be read at any moment
        _, arrays, _ = Run(path).restore()
        assert arrays.keys() == expected.keys()
        apart = [k for k in arrays if not np.array_equal(arrays[k], expected[k], equal_nan=True)]
        assert not apart, apart
        assert scalars(path) == scalars(folder / "whole")
    print(json.dumps({"kills": count, "trainings": lives, "alone_s": round(alone, 2)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
