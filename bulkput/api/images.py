"""Images of a family, and images of snapshots that exist; no functions of the library."""

from bulkput.jobs.images.family import Pruning, list_family, prune_family
from bulkput.publish.family import FamilyImage

__all__ = ["FamilyImage", "Pruning", "list_family", "prune_family"]
