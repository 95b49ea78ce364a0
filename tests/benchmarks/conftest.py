import sys
from pathlib import Path

# `benchmarks` is not part of the wheel: found in the checkout, after everything installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))
