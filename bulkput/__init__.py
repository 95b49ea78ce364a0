"""bulkput turns disks into EBS snapshots and proves that every byte arrived.

As a library: ``await upload(UploadOptions("disk.img", region="eu-central-1"))``. What it exports
is in ``bulkput.api.public``, imported when the first name of it is used: commands need not pay.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
"""That of ``typing``, which takes longer to import than all that comes before Ctrl-C is heard."""

if TYPE_CHECKING:
    from bulkput.api.public import *  # noqa: F403 - exactly its __all__
else:

    def __getattr__(name: str) -> object:
        if name == "__all__" or not name.startswith("_"):
            from bulkput.api import public  # noqa: PLC0415 - see above

            if name == "__all__" or name in public.__all__:
                return getattr(public, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        from bulkput.api import public  # noqa: PLC0415 - see above

        return sorted({*globals(), *public.__all__})
