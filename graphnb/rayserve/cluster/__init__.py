"""Starting Ray, attaching to one that runs, and leaving it.

`ensure_ray` connects this process, `ensure_serve` brings Ray Serve, `leave` undoes both. A Ray
that is started here is kept by a process of its own (`keeper`), for as long as the kernel lives;
`start_outliving` starts one for longer, which later kernels find by its `Record`.
"""

from graphnb.rayserve.cluster.connection import ensure_ray, import_ray, is_within_reach, leave
from graphnb.rayserve.cluster.outliving import running, start_outliving, stop_outliving
from graphnb.rayserve.cluster.proxy import ensure_serve
from graphnb.rayserve.cluster.ray_cluster import RayCluster
from graphnb.rayserve.cluster.record import Record
from graphnb.rayserve.cluster.settings import RaySettings, resources_of

__all__ = [
    "RayCluster",
    "RaySettings",
    "Record",
    "ensure_ray",
    "ensure_serve",
    "import_ray",
    "is_within_reach",
    "leave",
    "resources_of",
    "running",
    "start_outliving",
    "stop_outliving",
]
