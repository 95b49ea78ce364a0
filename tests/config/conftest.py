import json

import pytest

from bulkput.config.load import load_settings
from bulkput.model.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    """Write a file of text, bytes or data (as JSON, which is YAML) and return its path."""

    def write_file(content, name="job.yaml"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def load(write):
    def load_content(content, *, environ=None, overrides=None):
        return load_settings(write(content), environ=environ or {}, overrides=overrides)

    return load_content


@pytest.fixture
def problems(load):
    """Load what must be refused; return (path, line, expected) of each problem."""

    def problems_of(content, **keywords):
        with pytest.raises(ConfigError) as caught:
            load(content, **keywords)
        assert caught.value.status == 3
        assert caught.value.__cause__ is None
        return [(found.path, found.line, found.expected) for found in caught.value.problems]

    return problems_of
