"""What a wheel has beside the package: man pages and completion scripts, where pip puts them.

They are made while the wheel is built, from the manual and from the program, so that no copy of
either is kept. The folders are those that pip, pipx and distributions use.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_COMPLETIONS = {
    "bash": "share/bash-completion/completions/bulkput",
    "zsh": "share/zsh/site-functions/_bulkput",
    "fish": "share/fish/vendor_completions.d/bulkput.fish",
}


class SharedFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files to a wheel as its shared data."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files in a temporary folder, and name each one's place."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path[:0] = [str(root), str(root / "packaging")]
        self._folder = TemporaryDirectory(prefix="bulkput-shared-")  # goes with the hook
        for place, text in shared_files(root).items():
            path = Path(self._folder.name, place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = place


def shared_files(root: Path) -> dict[str, str]:
    """Return the content of each file by its place under the prefix of an installation."""
    from man_page import man_page  # type: ignore[import-not-found] # noqa: PLC0415 - by the path

    from bulkput import __version__  # noqa: PLC0415 - the checkout's, not an installed one
    from bulkput.cli.completion import script  # noqa: PLC0415 - the same

    files = {place: script(shell) for shell, place in _COMPLETIONS.items()}
    for page in sorted((root / "bulkput" / "manual").glob("*.md")):
        is_commands = page.stem == "commands"
        name, section = ("bulkput", 1) if is_commands else (f"bulkput-{page.stem}", 7)
        files[f"share/man/man{section}/{name}.{section}"] = man_page(
            page.read_text(encoding="utf-8"), name=name, section=section, version=__version__
        )
    return files
