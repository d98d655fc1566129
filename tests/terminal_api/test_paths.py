"""Addresses as terminals write them: whatever the slashes and the character set, one meaning."""

from urllib.parse import quote, quote_from_bytes

import pytest
from django.utils.encoding import repercent_broken_unicode
from hypothesis import given
from hypothesis import strategies as st

from terminal_api.paths import is_terminal_path, path_meant

pytestmark = pytest.mark.sqlite


def django_path(raw: bytes) -> str:
    """Return a decoded path as Django's handlers hand it on."""
    return repercent_broken_unicode(raw).decode()


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/t/x/syface/1", "/t/x/syface/1"),
        ("//t//x//syface//1//", "/t/x/syface/1"),
        ("/t/x/syface/1/", "/t/x/syface/1"),
        ("/t/x/syface/%2F1", "/t/x/syface/1"),
        ("/t/x/./syface/../syface/1", "/t/x/syface/1"),
        ("/../../t", "/t"),
        ("//", "/"),
        ("/", "/"),
        ("/t/x/syface/a.b", "/t/x/syface/a.b"),
        ("/t/x/syface/.a", "/t/x/syface/.a"),
        ("/t/x/syface/%C4%CF%C3%C5", "/t/x/syface/南门"),
        ("/t/x/syface/%E5%8D%97", "/t/x/syface/南"),
        ("/t/x/syface/%FF%FE", "/t/x/syface/%FF%FE"),
        ("/t/x/syface/100%", "/t/x/syface/100%"),
        ("/t/x/syface/1%00", "/t/x/syface/1"),
        ("/t/x/syface/1\0\0", "/t/x/syface/1"),
        ("/t/x/syface/1%00%0D%0A%20%00/", "/t/x/syface/1"),
        ("/t/x/syface/%C4%CF%C3%C5%00", "/t/x/syface/南门"),
        ("/t/x/syface/1%002", "/t/x/syface/1\x002"),
    ],
)
def test_a_path_is_read_as_it_is_meant(path: str, meant: str) -> None:
    assert path_meant(path) == meant


@pytest.mark.parametrize(
    "path", ["//t/x/syface/1", "//syface/1", "/.//sy", "//+syface/1", "/%74/x"]
)
def test_empty_segments_hide_no_terminal(path: str) -> None:
    assert is_terminal_path(path_meant(path))


@given(name=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2))
def test_a_name_in_gbk_is_the_name(name: str) -> None:
    """Even where its bytes happen to be UTF-8 in part, and Django decodes that part."""
    raw = name.encode("gbk")
    try:
        raw.decode()
    except UnicodeDecodeError:
        assert path_meant("/t/x/syface" + django_path(b"/" + raw)) == f"/t/x/syface/{name}"


@given(raw=st.binary(min_size=1).filter(lambda raw: b"%" not in raw and b"/" not in raw))
def test_percent_encoded_or_not_means_the_same(raw: bytes) -> None:
    assert path_meant("/" + quote_from_bytes(raw)) == path_meant(django_path(b"/" + raw))


@given(path=st.text(max_size=40))
def test_no_segment_is_empty_and_nothing_breaks(path: str) -> None:
    found = path_meant("/" + quote(path))

    assert found.startswith("/")
    assert "//" not in found
