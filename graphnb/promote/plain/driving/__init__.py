"""Drives a graph on plain Ray Serve: which calls a request makes, and how it is answered."""
