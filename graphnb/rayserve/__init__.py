"""The only door to Ray.

`reading` makes graphs of applications that were written for plain Ray Serve. `adopt` makes what
Ray Serve's decorators leave on an instance work beside others in one process, and `context` lets
the functions of `ray.serve` answer for the replica that calls them.
"""
