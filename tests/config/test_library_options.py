"""What a Python program may say of an upload is what flags may say, and means the same."""

import dataclasses

from bulkput.api.options import UploadOptions
from bulkput.config.flags import UPLOAD_FLAGS, settings_from_flags


def test_every_flag_of_an_upload_is_an_option_and_no_other_is():
    options = {each.name for each in dataclasses.fields(UploadOptions)}
    flags = set(UPLOAD_FLAGS) - {"tag"}
    assert options == flags | {"source", "tags", "tuning"}


def test_options_that_are_not_given_are_as_flags_that_are_not_given(tmp_path):
    flagged = settings_from_flags("disk.img", flags={}, environ={}).settings
    assert UploadOptions("disk.img").settings == flagged
