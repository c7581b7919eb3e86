"""Targets: where a graph is promoted to, and what is refused."""

import pytest

from graphnb.errors import PromoteError
from graphnb.promote.release.target import Target, read_target


@pytest.fixture
def folder(tmp_path):
    """A folder in which a project's settings are read."""

    def written(text, name="graphnb.toml"):
        (tmp_path / name).write_text(text)
        below = tmp_path / "a" / "b"
        below.mkdir(parents=True, exist_ok=True)
        return below

    return written


def test_settings_are_found_above(folder):
    """In graphnb.toml, or else in pyproject.toml."""
    project = '[tool.graphnb.targets.one]\naddress = "https://two.example"\n'
    below = folder(project, "pyproject.toml")
    assert read_target("one", below).address == "https://two.example"
    own = '[targets.one]\naddress = "https://one.example"\ntoken_env = "T"\nenv = ["A"]\n'
    found = read_target("one", folder(own))
    assert found == Target("one", "https://one.example", token_env="T", env=("A",))


def test_an_address_does_as_well(tmp_path):
    """With the token that Ray's own programs take."""
    assert read_target("https://there.example", tmp_path).address == "https://there.example"


ADDRESS = "[targets.one]\naddress = 'https://x.example'\n"
WRONG = [
    (
        "[targets.other]\naddress = 'https://x.example'",
        "there is no target 'one'; there are: other",
    ),
    ("[targets.one]\nadress = 'https://x.example'", "a setting 'adress', which means nothing"),
    ("[targets.one]\naddress = 'x.example'", "the target one has no address"),
    ("[targets.one", "cannot be read"),
    (f"{ADDRESS}install = 'yes'", "the target one has install = 'yes': it is true or false"),
    (f"{ADDRESS}namespace = 'a.b'", "the namespace 'a.b', which cannot begin a name"),
    (f"{ADDRESS}namespace = ''", "the namespace '', which cannot begin a name"),
    (f"{ADDRESS}packages = '/mnt/graphs'", "keeps packages in '/mnt/graphs', which is no place"),
    (f"{ADDRESS}packages = 'ftp://x/y'", "keeps packages in 'ftp://x/y', which is no place"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=range(len(WRONG)))
def test_settings_that_do_not_do_are_told(folder, text, said):
    """With what is expected."""
    with pytest.raises(PromoteError, match=said):
        read_target("one", folder(text))


def test_an_address_of_rays_client_is_told(tmp_path):
    """It is not what is needed."""
    with pytest.raises(PromoteError) as caught:
        read_target("ray://x:10001", tmp_path)
    assert "dashboard" in caught.value.hint


UNSAFE = [
    (Target("t", "http://10.0.0.1:8265", token_env="T"), "without encryption"),
    (Target("t", "https://ray.example"), "has no token"),
]


@pytest.mark.parametrize(("target", "said"), UNSAFE, ids=["plain", "open"])
def test_another_machine_is_reached_safely_or_not_at_all(target, said):
    """Unless that is wanted, by name."""
    with pytest.raises(PromoteError, match=said) as caught:
        target.check_safe()
    assert "insecure = true" in caught.value.hint


SAFE = [
    Target("t", "http://127.0.0.1:8265"),
    Target("t", "http://localhost:8265"),
    Target("t", "http://[::1]:8265"),
    Target("t", "https://ray.example", token_file="x"),
    Target("t", "http://ray.example", insecure=True),
]


@pytest.mark.parametrize("target", SAFE, ids=range(len(SAFE)))
def test_what_is_safe_or_wanted_passes(target):
    """This machine is safe."""
    target.check_safe()


def test_a_token_is_read_where_it_is_said_to_be(tmp_path, monkeypatch):
    """When it is needed; it is no part of the target."""
    monkeypatch.setenv("A_TOKEN", " secret-one \n")
    (tmp_path / "token").write_text("secret-two\n")
    first = Target("t", "https://x.example", token_env="A_TOKEN")
    second = Target("t", "https://x.example", token_file=str(tmp_path / "token"))
    assert (first.token, second.token) == ("secret-one", "secret-two")
    assert "secret" not in f"{first}{second}"


def test_a_token_that_is_not_there_is_told(tmp_path, monkeypatch):
    """By the name of what should hold it."""
    monkeypatch.delenv("A_TOKEN", raising=False)
    with pytest.raises(PromoteError, match="A_TOKEN, which is not set"):
        assert Target("t", "https://x.example", token_env="A_TOKEN").token
    with pytest.raises(PromoteError, match="cannot be read"):
        assert Target("t", "https://x.example", token_file=str(tmp_path / "no")).token
    with pytest.raises(PromoteError, match="gives replicas A_TOKEN"):
        assert Target("t", "https://x.example", env=("A_TOKEN",)).env_values


def test_a_namespace_begins_the_names_of_applications():
    """Once; what does not begin with it is of others."""
    target = Target("t", "https://x.example", namespace="team")
    assert target.application("best") == target.application("team.best") == "team.best"
    assert target.owns("team.best")
    assert not target.owns("best")
    assert not target.owns("teams.best")
    other = Target("t", "https://x.example")
    assert other.application("best") == "best"
    assert other.owns("best")


@pytest.mark.parametrize("text", ["two\nlines", "two words", "tök", "a\x00b"])
def test_what_cannot_be_a_token_is_refused(tmp_path, monkeypatch, text):
    """And not shown."""
    (tmp_path / "token").write_text(text)
    with pytest.raises(PromoteError, match="takes as its token") as raised:
        assert Target("t", "https://x.example", token_file=str(tmp_path / "token")).token
    assert text not in str(raised.value)
