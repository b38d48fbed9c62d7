"""Which products, and why? Pure computing: numpy, scipy, pandas and implicit only."""

import os

# Before LightGBM, implicit or scikit-learn load OpenMP: its threads wait asleep. By default they spin, and beside any
# other work on the machine a training then burns four times the processor time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
