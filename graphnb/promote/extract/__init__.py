"""From cells to a module: the source of a graph with all that it uses, and nothing else.

`statements_of` takes cells apart, `names_of` says what a statement binds, needs and changes,
`closure` finds the statements that a graph needs, `obstacles` what no source can carry, and
`extract` puts it all together. Nothing is run: all of it is by `ast` and `symtable`.
"""

from graphnb.promote.extract.extract import Extract, Given, Values, extract
from graphnb.promote.extract.obstacles import Obstacle

__all__ = ["Extract", "Given", "Obstacle", "Values", "extract"]
