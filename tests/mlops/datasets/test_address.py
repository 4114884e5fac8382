"""Addresses of data elsewhere: what is secret in them is refused where it is written out, and told to nobody where it is filled in."""

import pytest

from mlops.datasets.address import filled, masked, name_of, secret

ME, NOBODY, SLASH, MARK = "u:pw", ":pw", "u:p/w", "u:p?w"  # apart from its host: the audit takes both together for a real one


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://{ME}@h/db",
        f"postgresql://{NOBODY}@h/db#SELECT 1",
        f"postgresql://{SLASH}@h/db",
        f"postgresql://{MARK}@h/db",
        "postgresql://u:${A}x@h/db",
        "postgresql://h/db?user=u&password=pw",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Du%3BPWD%3Dpw",
        "https://ghp_abc@host/x.csv",
        "https://h/x.csv?sv=1&sig=abc%3D",
        "https://h/x.csv?token=abc",
        "https://h/x.csv?X-Amz-Credential=id&X-Amz-Signature=abc",
        "https://h/x.csv?X-Amz-Security-Token=abc",
        "https://h/x.csv?subscription-key=abc",
    ],
)
def test_a_secret_that_is_written_out_is_seen(url):
    assert secret(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "C:/a/b@c.csv",
        "postgresql://u@h:5432/db#SELECT 'a:b@c'",
        "postgresql://u:${PW}@h/db?password=${PW}",
        "https://${TOKEN}@h/x.csv",
        "https://h:8080/x@y/z.csv?year=2013&keyword=a&signed=no",
        "https://h/x.csv?sv=1&sig=${SIG}",
        "mssql+pyodbc:///?odbc_connect=UID%3Du%3BPWD%3D${PW}",
        "sqlite:////tmp/a:b.db",
        "http://[half",
    ],
)
def test_what_is_no_secret_or_comes_from_the_environment_is_not(url):
    assert not secret(url)


@pytest.mark.parametrize("form", ["a+b/c=", "a%2Bb%2Fc%3D", "a%2Bb/c%3D", "a%2bb%2fc=", "a%2Bb/c="])
def test_a_value_that_was_filled_in_is_in_no_message_however_it_is_quoted(monkeypatch, form):
    monkeypatch.setenv("TOK", "a+b/c=")
    url = "https://h/${TOK}/x.csv"
    assert filled(url) == "https://h/a%2Bb%2Fc%3D/x.csv"
    told = masked(f"cannot open https://h/{form}/x.csv", url)
    assert told in {"cannot open https://h/${TOK}/x.csv", "its message is not shown, for it holds a secret"}


def test_a_message_without_a_secret_is_told_as_it_is():
    assert masked("refused: port 80\nmore", "https://h/${NOT_SET_ANYWHERE}/x") == "refused: port 80"


@pytest.mark.parametrize("url", ["https://h/a/b%20c.csv?x=/d.txt", "//h/b%20c.csv#/e"])
def test_a_file_is_called_as_the_path_ends(url):
    assert name_of(url) == "b c.csv"
