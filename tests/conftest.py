"""What holds for every test."""

import sys
from pathlib import Path

from hypothesis import settings

# `benchmarks` is not part of the wheel: found in the checkout, after everything installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))

# A busy machine is no bug: what an example takes says nothing of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
