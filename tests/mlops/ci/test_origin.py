"""Whose repository a checkout is, from its remote, and with which token a person asks about it."""

import os
import shutil
import subprocess

import pytest

from mlops.ci.origin import AzureOrigin, Origin, hosted, parsed, parsed_azure
from mlops.errors import PlatformError, UsageError

WORD = "open-sesame"
"""What stands where a token would; put in here, so that the scan for secrets finds none."""


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://github.com/octo/flights.git", Origin("github.com", "octo/flights")),
        ("https://github.com/octo/flights/\n", Origin("github.com", "octo/flights")),
        (f"https://x-access-token:{WORD}@GitHub.com/octo/my.flights", Origin("github.com", "octo/my.flights")),
        ("git@github.com:octo/flights.git", Origin("github.com", "octo/flights")),
        ("ssh://git@ssh.github.com:443/octo/flights.git", Origin("ssh.github.com", "octo/flights")),
        ("git@git.example.org:octo/flights", Origin("git.example.org", "octo/flights")),
        ("../flights", None),
        ("https://github.com/octo", None),
    ],
)
def test_both_forms_of_a_remote_name_the_repository(address, wanted):
    assert parsed(address) == wanted


@pytest.fixture
def checkout(tmp_path):
    """A checkout, a way to set its remote, and `bin` with git alone in it."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git"))

    def remote(address):
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", address], check=True)
        return tmp_path

    return remote


def test_a_person_s_own_token_asks_about_the_remote(checkout, tmp_path):
    root = checkout("git@github.com:octo/flights.git")
    gh = tmp_path / "bin/gh"
    gh.write_text("#!/bin/sh\n[ \"$*\" = 'auth token' ] && echo gho_mine\n")
    gh.chmod(0o755)
    host = hosted(root, {"PATH": f"{tmp_path}/bin"})
    assert (host.context.system, host.context.repository) == ("github", "octo/flights")
    assert host.api._token == "gho_mine"
    assert hosted(root, {"PATH": f"{tmp_path}/bin", "GH_TOKEN": "ghp_other"}).api._token == "ghp_other"


def test_without_a_token_it_says_what_to_do(checkout, tmp_path):
    with pytest.raises(PlatformError, match="no token") as raised:
        hosted(checkout("git@github.com:octo/flights.git"), {"PATH": f"{tmp_path}/bin"})
    assert raised.value.hint.startswith("gh auth login")


def test_a_checkout_that_is_nobody_s_or_elsewhere_is_told_without_the_password_in_its_address(checkout):
    root = checkout(f"https://ada:{WORD}@git.example.org/octo/flights")
    with pytest.raises(UsageError, match=r"on git\.example\.org") as raised:
        hosted(root, {"PATH": os.environ["PATH"], "GITHUB_TOKEN": "x"})
    assert WORD not in str(raised.value)
    own = {"PATH": os.environ["PATH"], "GITHUB_TOKEN": "x", "GITHUB_API_URL": "https://git.example.org/api/v3"}
    assert hosted(root, own).context.repository == "octo/flights"
    with pytest.raises(UsageError, match="no remote `origin`"):
        hosted(root.parent, {"GITHUB_TOKEN": "x", "PATH": ""})


AZURE = AzureOrigin("contoso", "my project", "flights")


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://dev.azure.com/contoso/my%20project/_git/flights\n", AZURE),
        (f"https://contoso:{WORD}@dev.azure.com/contoso/my%20project/_git/flights", AZURE),
        ("https://dev.azure.com/contoso/_git/flights", AzureOrigin("contoso", "flights", "flights")),
        ("https://contoso.visualstudio.com/my%20project/_git/flights", AZURE),
        ("https://contoso.visualstudio.com/DefaultCollection/my%20project/_git/flights/", AZURE),
        ("https://contoso.visualstudio.com/_git/flights", AzureOrigin("contoso", "flights", "flights")),
        ("git@ssh.dev.azure.com:v3/contoso/my%20project/flights", AZURE),
        ("ssh://git@ssh.dev.azure.com:22/v3/contoso/my%20project/flights", AZURE),
        ("contoso@vs-ssh.visualstudio.com:v3/contoso/my%20project/flights", AZURE),
        ("https://dev.azure.com.example.org/contoso/p/_git/flights", None),
        ("https://example.org/dev.azure.com/contoso/_git/flights", None),
        ("git@github.com:octo/flights.git", None),
    ],
)
def test_a_remote_on_azure_devops_names_organization_project_and_repository(address, wanted):
    assert parsed_azure(address) == wanted


def test_without_a_token_for_azure_devops_it_says_what_to_do(checkout):
    root = checkout("git@ssh.dev.azure.com:v3/contoso/flights/flights")
    with pytest.raises(PlatformError, match="no token to ask Azure DevOps with") as raised:
        hosted(root, {"PATH": os.environ["PATH"], "GITHUB_TOKEN": "x"})
    assert "AZURE_DEVOPS_EXT_PAT" in raised.value.hint


def test_the_address_of_an_organization_is_the_one_of_today(checkout):
    host = hosted(checkout("https://contoso.visualstudio.com/_git/flights"), {"PATH": os.environ["PATH"], "AZURE_DEVOPS_EXT_PAT": "x"})
    assert (host.context.system, host.context.repository) == ("azure", "flights/flights")
    assert host._api.address == "https://dev.azure.com/contoso"
