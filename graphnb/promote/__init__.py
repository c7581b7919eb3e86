"""From notebook to production: what runs in a kernel becomes what runs on a cluster.

`extract` makes a module of the cells that a graph is written in.
"""
