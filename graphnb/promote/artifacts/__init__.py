"""Values that were computed in a notebook, as files beside the module that loads them.

`kinds` knows models, arrays and plain data by their types, `choice` finds the names whose values
go along rather than the source that made them, `artifact` writes a value and says how it is loaded.
"""

from graphnb.promote.artifacts.artifact import Artifact
from graphnb.promote.artifacts.choice import LiveValues

__all__ = ["Artifact", "LiveValues"]
