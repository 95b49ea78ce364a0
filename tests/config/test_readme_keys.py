from pathlib import Path

from bulkput.config.describe import keys, markdown_table
from bulkput.config.environment import PREFIX, variables

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- config-keys -->", "<!-- /config-keys -->"


def test_the_readme_s_table_is_the_program_s():
    text = README.read_text()
    assert text.count(BEGIN) == text.count(END) == 1, f"README.md needs {BEGIN} ... {END}"
    table = text.split(BEGIN)[1].split(END)[0].strip()
    assert table == markdown_table().strip()


def test_every_key_has_one_row_of_four_cells():
    rows = markdown_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [key.path for key in keys()]
    assert len({key.path for key in keys()}) == len(rows)
    for key in keys():
        assert key.type_words
        assert key.default
        assert key.description.endswith((".", ")")), key.path


def test_the_variables_that_the_readme_names_exist():
    words = README.read_text().replace("`", " ").replace("=", " ").replace(",", " ").split()
    named = {word.strip(".;:()") for word in words if word.startswith(PREFIX)} - {PREFIX}
    assert named
    assert named <= set(variables())
