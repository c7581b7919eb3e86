"""The command line: `graphnb VERB`.

`main` is the group of all verbs, `promotion` has those that bring graphs elsewhere, `telling` how
results and errors are told.
"""

from graphnb.cli.main import main

__all__ = ["main"]
