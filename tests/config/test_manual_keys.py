"""The manual's table of keys and its variables are those of the program."""

from support.manual import page

from bulkput.config.describe import keys, markdown_table
from bulkput.config.environment import PREFIX, variables


def test_the_manual_s_table_is_the_program_s():
    text = page("job-files")
    table = text.split("<!-- generated: config-keys -->")[1].split("<!-- /generated -->")[0]
    assert table.strip() == markdown_table().strip()


def test_every_key_has_one_row_of_four_cells():
    rows = markdown_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [key.path for key in keys()]
    assert len({key.path for key in keys()}) == len(rows)
    for key in keys():
        assert key.type_text
        assert key.default
        assert key.description.endswith((".", ")")), key.path


def test_the_variables_that_the_manual_names_exist():
    words = page("job-files").replace("`", " ").replace("=", " ").replace(",", " ").split()
    named = {word.strip(".;:()") for word in words if word.startswith(PREFIX)} - {PREFIX}
    assert named
    assert named <= set(variables())
