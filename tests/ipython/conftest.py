"""Notebooks: cells in a real IPython shell, and in a real kernel."""

import pytest

import graphnb
from tests.ipython.kernel import Kernel
from tests.ipython.notebook import SETUP, Notebook


@pytest.fixture(scope="session")
def ipython_dir(tmp_path_factory):
    """A home for IPython's profile, so that nobody's own start-up files run."""
    return tmp_path_factory.mktemp("ipython")


@pytest.fixture
def bare_notebook(ipython_dir, signals):
    """A new notebook in which nothing ran yet; its graphs end with the test."""
    made = Notebook(ipython_dir)
    yield made
    signals.release()
    graphnb.serve.shutdown()
    made.close()


@pytest.fixture
def notebook(bare_notebook, signals):
    """A new notebook with the extension loaded, and `signals` to follow its nodes by."""
    bare_notebook.run(SETUP)
    bare_notebook.shell.user_ns["signals"] = signals
    return bare_notebook


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory):
    """A kernel in a process of its own, for all tests of a module."""
    made = Kernel(tmp_path_factory.mktemp("kernel"))
    made.run(SETUP)
    yield made
    made.close()


@pytest.fixture
def kernel(module_kernel, signals):
    """The module's kernel with `signals` of this test; its graphs end with the test."""
    client = f"Signals({signals.port!r}, {signals.scope!r})"
    module_kernel.run(f"from tests.contract.signals import Signals\nsignals = {client}")
    yield module_kernel
    signals.release()
    module_kernel.run("serve.shutdown()")
