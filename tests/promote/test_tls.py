"""Targets behind TLS, whose certificates an authority of one's own has given."""

import ssl
from dataclasses import replace

import pytest
import trustme

from graphnb.errors import ClusterError
from graphnb.promote.promotion import standings
from graphnb.promote.release.target import Target
from tests.session.dashboard import Dashboard


@pytest.fixture(scope="module")
def authority():
    """Whom nobody trusts, unless they are told to."""
    return trustme.CA()


@pytest.fixture
def target(authority, tmp_path):
    """A cluster that is reached by HTTPS, with the authority's certificate in a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    dashboard = Dashboard(context)
    yield Target("there", dashboard.address, ca=str(tmp_path / "authority.pem"))
    dashboard.close()


def test_a_target_names_whom_it_trusts(target):
    """And is then reached."""
    assert standings(target) == []


def test_a_certificate_that_is_not_trusted_is_told(target):
    """With the setting that says who is."""
    with pytest.raises(ClusterError, match="not trusted here") as raised:
        standings(replace(target, ca=None))
    assert "ca = " in str(raised.value.hint)
    assert not raised.value.unreachable


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_told(target, tmp_path, text):
    """By their file."""
    file = tmp_path / "other.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ClusterError, match=r"the certificates in .*other\.pem cannot be read"):
        standings(replace(target, ca=str(file)))


def test_no_proxy_stands_before_this_machine(target, monkeypatch):
    """Whatever the environment says of others."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert standings(target) == []
