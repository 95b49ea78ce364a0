"""Which error of a task group is the one to report."""

from collections.abc import Iterator

from bulkput.model.errors import BulkputError


def first_cause(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error of a group that explains the end best: bulkput's own, else the first."""
    leaves = list(_leaves(failures))
    return next((leaf for leaf in leaves if isinstance(leaf, BulkputError)), leaves[0])


def _leaves(failures: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure
