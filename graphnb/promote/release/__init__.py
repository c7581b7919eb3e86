"""Releases of a bundle on another cluster: planned, applied, watched, and taken back.

`target` says where, `package` is what is sent and `store` where it is kept, `history` what was
released before, `desired` what the cluster is to have, `installing` what its replicas install,
`plan` what would change (`changes` deployment by deployment), `rollout` brings it about.
"""
