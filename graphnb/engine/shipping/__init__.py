"""Code that travels: what another process cannot import goes along by value.

    data = ship((Scorer, (0.5,)))       # in the kernel
    definition, args = unship(data)     # in a replica: it has graphnb, and what is installed

What a notebook's cells define, and the modules beside it, are known in the kernel alone. `ship`
takes along whatever of that a definition reaches, as the code digest follows it: globals and
closures by the names that code uses, of local modules what code names, modules that are imported
inside functions. All else is imported by name. A class that travels is one class wherever it
arrives, so that `isinstance` holds for values that pass between deployments; `ValuePickler` pickles
such values.

`namespaces` and `sources` send modules, `arrival` makes them anew; `functions` and `classes` know
those, `known_types` objects that pickle alone cannot take, `wanted` which attributes of modules are
needed. `pickler` puts them together, `parcels` makes bytes of it, `ship` is the door, `culprits`
finds what stands in the way.
"""

from __future__ import annotations

from graphnb.engine.shipping.parcels import ValuePickler
from graphnb.engine.shipping.ship import MAX_BYTES, mentions_local_code, ship, unship

__all__ = ["MAX_BYTES", "ValuePickler", "mentions_local_code", "ship", "unship"]
