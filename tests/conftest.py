"""Every test computes on one thread, here and in what it starts, whatever the machine has.

Sums over several threads are added up in another order, and so have other last digits; on few
cores threads of several workers also wait for each other. Set before anything loads torch or numpy.
"""

import os
import sys

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
if "torch" in sys.modules:  # a plugin was faster, and torch has read them already
    sys.modules["torch"].set_num_threads(1)
