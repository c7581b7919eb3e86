"""What a request is known by."""

import os
import pickle

import pytest

from graphnb.engine.request import Request


def ids(count=3):
    """Ids of new requests."""
    return [Request(None).request_id for _ in range(count)]


def test_ids_are_of_their_own():
    """No two requests of a process have the same."""
    found = ids(1_000)
    assert len(set(found)) == 1_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_forked_processes_have_ids_of_their_own():
    """As replicas are, of one process that has all modules: their traces meet in one place."""
    read, write = os.pipe()
    for _ in range(2):
        child = os.fork()
        if child == 0:
            os.write(write, pickle.dumps(ids()).ljust(500))
            os._exit(0)
        os.waitpid(child, 0)
    found = [one for _ in range(2) for one in pickle.loads(os.read(read, 500))]
    os.close(read)
    os.close(write)
    assert len({*found, *ids()}) == 9
