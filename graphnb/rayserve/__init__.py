"""The only door to Ray.

`adopt` makes what Ray Serve's decorators leave on an instance work in this process.
"""
