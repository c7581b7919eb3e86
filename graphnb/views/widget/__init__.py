"""The live picture: a graph in a notebook whose figures change in place while requests flow.

`Picture` is laid out once for each graph, `Frames` say what stands on it at a moment, `changes`
what differs from one frame to the next, and `LiveWidget` carries it to the browser, whose side
is `widget/` at the root of the project. Where the figures come from is not known here: see
`graphnb.session.live`.
"""
