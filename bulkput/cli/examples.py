"""The examples that come with the program: job files, and IAM policies under ``iam/``.

Owns where they are. In the package they are in ``bulkput/examples``; a checkout has them once, in
``configs/`` beside the package.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import bulkput


def examples() -> dict[str, str]:
    """Return the file name of each example by its own name: ``iam/upload`` -> ``upload.json``."""
    folder = _folder()
    jobs = {_stem(file): file.name for file in folder.iterdir() if file.name.endswith(".yaml")}
    policies = {
        f"iam/{_stem(file)}": file.name
        for file in (folder / "iam").iterdir()
        if file.name.endswith(".json")
    }
    return dict(sorted(jobs.items())) | dict(sorted(policies.items()))


def example(name: str) -> bytes:
    """Return the content of an example; ``name`` is one of `examples`."""
    place = "iam/" if name.startswith("iam/") else ""
    return (_folder() / f"{place}{examples()[name]}").read_bytes()


def _folder() -> Traversable:
    packaged = files("bulkput") / "examples"
    return packaged if packaged.is_dir() else Path(bulkput.__file__).parents[1] / "configs"


def _stem(file: Traversable) -> str:
    return file.name.rpartition(".")[0]
