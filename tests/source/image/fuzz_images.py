"""Coverage-guided fuzzing of one format's inspection; run by hand, not by pytest.

pip install atheris; PYTHONPATH=tests python tests/source/image/fuzz_images.py qcow2 FOLDER
    -max_total_time=3600 -max_len=140000

FOLDER holds sound images to begin with (support/written_images.py makes them) and gets what
reaches new code; what is worth keeping goes into corpus/qcow2/, compressed by gzip -n.
"""

import os
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["bulkput.source"]):
    from bulkput.source.image.chain import _INSPECTIONS
    from bulkput.source.source_file import open_file

from bulkput.model.errors import SourceError

KIND = sys.argv.pop(1)
PATH = os.path.join(tempfile.mkdtemp(dir="/dev/shm"), "image")  # noqa: PTH118 - fast


def inspect(content):
    """Inspect what was made; whatever is raised but a refusal is a finding."""
    with open(PATH, "wb") as file:  # noqa: PTH123
        file.write(content)
    opened = open_file(PATH, allow_mounted=True)
    try:
        _INSPECTIONS[KIND](opened)
    except SourceError:
        pass
    finally:
        opened.close()


if __name__ == "__main__":
    atheris.Setup(sys.argv, inspect)
    atheris.Fuzz()
