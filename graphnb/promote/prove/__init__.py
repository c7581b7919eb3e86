"""Proof that a bundle is whole, before anything is sent: it runs where there is nothing else.

`proof` starts a clean process, `clean` is what runs in it, `fence` keeps from it whatever the
bundle does not name.
"""

from graphnb.promote.prove.proof import Proof, prove

__all__ = ["Proof", "prove"]
