"""What the contract's tests share besides the fixtures of all tests."""

import pytest


@pytest.fixture
def soon(executor):
    """Seconds of a time-out that passes soon, and not before a call that has begun is under way."""
    return 0.05 if executor == "local" else 1.0
