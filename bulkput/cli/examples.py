"""The examples that come with the program: job files, IAM policies under ``iam/``, and services.

What starts bulkput elsewhere (systemd, containers, cloud templates) lies in a folder a kind.

Owns where they are. In the package they are in ``bulkput/examples``; a checkout has them once, in
``configs/`` beside the package.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import bulkput


def examples() -> dict[str, str]:
    """Return the file name of each example by its own name: ``iam/upload`` -> ``upload.json``."""
    entries = sorted(_folder().iterdir(), key=lambda entry: entry.name)
    jobs = {_stem(file): file.name for file in entries if file.name.endswith(".yaml")}
    return jobs | {
        f"{folder.name}/{_name_in(folder, file)}": file.name
        for folder in entries
        if folder.is_dir()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.is_file()
    }


def example(name: str) -> bytes:
    """Return the content of an example; ``name`` is one of `examples`."""
    folder, slash, _ = name.rpartition("/")
    return (_folder() / f"{folder}{slash}{examples()[name]}").read_bytes()


def _folder() -> Traversable:
    packaged = files("bulkput") / "examples"
    return packaged if packaged.is_dir() else Path(bulkput.__file__).parents[1] / "configs"


def _name_in(folder: Traversable, file: Traversable) -> str:
    """Return what a file is called: a policy by its command, all else by its whole name."""
    return _stem(file) if folder.name == "iam" else file.name


def _stem(file: Traversable) -> str:
    return file.name.rpartition(".")[0]
