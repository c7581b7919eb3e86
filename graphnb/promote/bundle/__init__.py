"""What promotion ships: a folder with a graph's module, its files, and all that it takes to run.

`contents` says what is in it, `write` makes it in one piece, `bundle` reads it again. Each other
module makes one of its files: `wheel`, `requirements`, `serve_config`, `kube`, `provenance`.
"""

from graphnb.promote.bundle.bundle import Bundle, read_bundle
from graphnb.promote.bundle.write import Contents, write_bundle

__all__ = ["Bundle", "Contents", "read_bundle", "write_bundle"]
