"""Releases of a bundle on another cluster: planned, applied, watched, and taken back.

`target` says where, `package` is what is sent, `history` what was released before, `desired` what
the cluster is to have, `plan` what would change, `rollout` brings it about.
"""
