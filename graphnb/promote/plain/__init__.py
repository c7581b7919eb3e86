"""A graph as plain Ray Serve code, with a driver to read and no graphnb in it.

`module` writes the code, of the graph that a bundle's own module builds: `expressions` says values
as source, `methods` says a graph as a method, `imports` turns graphnb's imports into Ray's.
`driving/` is what such code takes along.
"""
