"""What holds for every test."""

from hypothesis import settings

# A busy machine is no bug: what an example takes says nothing of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
