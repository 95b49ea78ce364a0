"""Coverage-guided fuzzing of whatever reads content of others; run by hand, not by pytest.

pip install atheris; PYTHONPATH=tests python tests/fuzzing/fuzz.py qcow2 FOLDER
    -max_total_time=3600 -max_len=4096 -timeout=20 -rss_limit_mb=2048

FOLDER gets what reaches new code; to begin with, unpack corpus/qcow2 into it. What is worth keeping
goes back there, compressed by gzip -n.
"""

import sys

import atheris

with atheris.instrument_imports(include=["bulkput"]):
    from fuzzing.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup(sys.argv, TARGETS[sys.argv.pop(1)])
    atheris.Fuzz()
