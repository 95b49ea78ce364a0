"""What coverage-guided fuzzing found worth keeping: each is taken or refused in a sentence."""

import gzip
from pathlib import Path

import pytest

from bulkput.model.errors import SourceError
from bulkput.source.image import inspected
from bulkput.source.image.chain import _INSPECTIONS
from bulkput.source.source_file import open_file

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("kind", sorted(_INSPECTIONS))
def test_every_image_of_the_corpus_is_taken_or_refused(tmp_path, monkeypatch, kind):
    read = [0]
    read_at = inspected.read_at

    def counted(file, at_bytes, length_bytes):
        content = read_at(file, at_bytes, length_bytes)
        read[0] += len(content)
        return content

    for module in ("qcow2", "qcow2_tables", "vdi", "vhd", "vhdx", "vmdk"):
        monkeypatch.setattr(f"bulkput.source.image.{module}.read_at", counted)
    images = sorted((CORPUS / kind).glob("*.gz"))
    assert images
    for each in images:
        content = gzip.decompress(each.read_bytes())
        path = tmp_path / "image"
        path.write_bytes(content)
        file = open_file(path, allow_mounted=False)
        read[0] = 0
        try:
            assert _INSPECTIONS[kind](file).disk_bytes > 0
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right
        finally:
            file.close()
        assert read[0] <= 4 * len(content) + (4 << 20), each.name
