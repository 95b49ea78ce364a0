"""By name, what is fuzzed: each takes any bytes, and raises only for a finding."""

from functools import partial

from fuzzing.disks import examine_disk
from fuzzing.images import KINDS, inspect_image
from fuzzing.streams import read_stream
from fuzzing.texts import read_text

TARGETS = {
    **{kind: partial(inspect_image, kind) for kind in KINDS},
    "disk": examine_disk,
    "stream": read_stream,
    "text": read_text,
}
