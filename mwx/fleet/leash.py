"""The process of one job: `mwx`, on a leash. It ends when the process that started it ends.

A worker that is killed outright cannot end its training. Left alone, that training would go on
writing to a run directory which the next attempt, elsewhere, has taken over.
"""

import os
import signal
import sys

PARENT = "MWX_FLEET_PARENT"  # process id of the one that holds the leash
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's <sys/prctl.h>


def hold() -> None:
    """Let the kernel kill this process when its parent ends (Linux; elsewhere the lock guards)."""
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    import ctypes
    ctypes.CDLL(None, use_errno=True).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # it ended before the kernel was asked
        os._exit(128 + signal.SIGKILL)


def main() -> int:
    """Run one verb of `mwx` on the leash and return its exit code."""
    hold()
    from mwx.cli import main as mwx
    sys.argv[0] = "mwx"  # what cards name as the command
    return mwx()


if __name__ == "__main__":
    raise SystemExit(main())
