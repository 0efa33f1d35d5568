"""sbatch, srun, sacct and scancel of a Slurm that is one machine with room for everything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

folder = Path(os.environ["MWX_TEST_SLURM"])
command, words = sys.argv[1], sys.argv[2:]


def running(number):
    try:
        status = Path(f"/proc/{(folder / f'{number}.pid').read_text()}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


if command == "sbatch":
    number = 101 + len(list(folder.glob("*.sh")))
    script = folder / f"{number}.sh"
    script.write_text(Path(words[-1]).read_text())
    job = subprocess.Popen(["sh", str(script)], start_new_session=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env={**os.environ, "SLURM_JOB_ID": str(number), "SLURM_NTASKS": "1",
                                "SLURM_JOB_NUM_NODES": "1", "SLURM_NODEID": "0"})
    (folder / f"{number}.pid").write_text(str(job.pid))
    print(f"Submitted batch job {number}")
elif command == "srun":
    while words[0].startswith("-"):
        words = words[2:] if words[0] in ("--output", "--error") else words[1:]
    os.environ.update(SLURM_PROCID="0", SLURM_LOCALID="0")
    os.execvp(words[0], words)
elif command == "sacct":
    print("JobID|State|NodeList")
    for number in words[words.index("-j") + 1::2]:
        print(f"{number}|{'RUNNING' if running(number) else 'COMPLETED'}|here")
elif command == "scancel":
    os.killpg(int((folder / f"{words[0]}.pid").read_text()), signal.SIGKILL)
