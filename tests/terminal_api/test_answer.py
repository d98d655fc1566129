"""No path of a terminal ever gets a 500, an HTML page or a stack trace."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Site, Terminal
from devices.services import site_create, site_token_rotate, terminal_disable
from faces.models import Delivery, Person
from records.models import Alert, Record
from server_common.process_state import process_state_forget
from tests.support.golden import golden_cases
from tests.support.sent_pictures import picture
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.mark.parametrize("case", golden_cases())
@pytest.mark.parametrize("bare", [False, True], ids=["token", "bare"])
def test_golden_payloads(
    case: dict[str, Any], bare: bool, token: str, portraits: dict[str, Path]
) -> None:
    jpeg = picture(portraits["obama2.jpg"])
    wrapped = "\r\n".join(jpeg[start : start + 76] for start in range(0, len(jpeg), 76))
    body = case["body"].replace("{{JPEG_BASE64_WRAPPED_76}}", wrapped)
    _, kind, device_id = case["path"].split("/")
    wire = WireClient(token=None if bare else token, device_id=device_id)

    answer = wire.post(kind, body.replace("{{JPEG_BASE64}}", jpeg), case["headers"]["Content-Type"])

    expect = case["expect"]
    assert answer["ret"] == expect["ret"]
    assert answer["desc"] == expect.get("desc", answer["desc"])
    if kind == "syface":
        assert answer["openDoor"] == 0
    for name, value in expect.get("stored", {}).items():
        record = Record.objects.get()
        if name == "picture":
            assert record.picture is not None
        elif name == "captured_at":
            assert record.captured_at is not None
            assert record.captured_at.timestamp() == value
        elif name == "temperature_c":
            assert float(record.temperature_c or 0) == value
        else:
            assert getattr(record, name) == value
    if delivery := expect.get("delivery"):
        assert Delivery.objects.get(user_id=delivery["user_id"]).code == delivery["code"]
    if alert := expect.get("alert"):
        assert Alert.objects.get().kind == alert


@pytest.mark.parametrize(
    ("method", "path", "ret"),
    [
        ("get", "/t/{token}/syface/1", "50004"),
        ("post", "/t/{token}/syrecord/1", "50004"),
        ("put", "/t/{token}/syheartbeat/1", "50004"),
        ("post", "/t/{token}/syunknown/1", "40001"),
        ("get", "/t/{token}/", "40001"),
        ("get", "/t/{token}", "40001"),
        ("get", "/t/", "40001"),
        ("post", "/t/{token}/syheartbeat/", "30001"),
        ("post", "/t/{token}/syheartbeat", "30001"),
        ("post", "/t/{token}/syheartbeat/" + "x" * 33, "30001"),
        ("post", "/t/{token}/syheartbeat/%00", "30001"),
        ("post", "/t/wrong-token-entirely/syheartbeat/1", "10005"),
        ("post", "/t//syheartbeat/1", "10005"),
        ("post", "/t/syheartbeat/1", "10005"),
        ("post", "/t//+syheartbeat//1", "10005"),
        ("post", "/t/{token}/../../syunknown", "40001"),
        ("post", "/t/{token}/../../admin/", "40001"),
    ],
)
def test_what_can_never_be_allowed_is_refused_in_json(
    wire: WireClient, token: str, method: str, path: str, ret: str
) -> None:
    response = getattr(wire.client, method)(path.format(token=token))

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.json()["ret"] == ret


@pytest.mark.parametrize(
    ("body", "ret"),
    [("", "30003"), ("{}", "30003"), ("[]", "30001"), ("hello", "30001"), ('"x"', "30001"),
     ("null", "30001"), ("{" * 500, "30001"), ("\x00", "30001")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["syface", "syattribute", "syresult"])
def test_bodies_with_nothing_in_them_are_refused(
    wire: WireClient, kind: str, body: str, ret: str
) -> None:
    answer = wire.post(kind, body)

    assert answer["ret"] == ret
    assert answer["desc"]


def test_the_bare_path_is_refused_unless_a_site_allows_it(site: Site) -> None:
    wire = WireClient(token=None)
    assert wire.post("syheartbeat", "")["ret"] == "0"

    Site.objects.update(allow_bare_path=False)
    assert wire.poll_refused() == "10005"


def test_two_sites_with_a_bare_path_do_not_guess(site: Site, terminal: Terminal) -> None:
    site_create(code="other", name="Other", allow_bare_path=True)

    assert WireClient(token=None).post("syheartbeat", "")["ret"] == "0"
    assert WireClient(token=None, device_id="new").post("syheartbeat", "")["ret"] == "10005"


def test_heartbeats_are_admitted_from_memory_and_nothing_else_is(
    wire: WireClient, terminal: Terminal, django_assert_num_queries: Any
) -> None:
    wire.post("syheartbeat", "")
    with django_assert_num_queries(0):
        assert wire.post("syheartbeat", "")["ret"] == "0"

    terminal_disable(terminal=terminal)

    assert wire.post("syface", {"userId": "1"})["ret"] == "10005"
    assert WireClient(token="wrong-token").post("syheartbeat", "")["ret"] == "10005"
    process_state_forget()
    assert wire.post("syheartbeat", "")["ret"] == "10005"


def test_a_disabled_terminal_is_refused(wire: WireClient, terminal: Terminal) -> None:
    terminal_disable(terminal=terminal)

    assert wire.post("syface", {"userId": "1"})["ret"] == "10005"
    assert Record.objects.count() == 0


def test_a_rotated_token_works_for_its_overlap(wire: WireClient, site: Site) -> None:
    from datetime import timedelta

    site_token_rotate(site=site, overlap=timedelta(hours=1))
    assert wire.post("syheartbeat", "")["ret"] == "0"

    site_token_rotate(site=site, overlap=timedelta(0))
    site.tokens.exclude(ends_at=None).update(ends_at="2020-01-01T00:00:00Z")
    assert wire.poll_refused() == "10005"


def test_addresses_off_the_sites_list_are_refused(wire: WireClient, site: Site) -> None:
    Site.objects.update(allowed_networks=["10.0.0.0/8"])
    spoofed = wire.client.post(
        f"{wire.base}/syheartbeat/1",
        b"",
        content_type="application/json",
        headers={"X-Forwarded-For": "10.1.2.3"},
    )
    assert spoofed.json()["ret"] == "10004"

    Site.objects.update(allowed_networks=["127.0.0.0/8"])
    assert wire.post("syheartbeat", "")["ret"] == "0"


def test_a_trusted_proxys_word_is_believed(wire: WireClient, site: Site, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    Site.objects.update(allowed_networks=["10.0.0.0/8"])

    def ask(forwarded: str) -> str:
        response = wire.client.post(
            f"{wire.base}/syheartbeat/1",
            b"",
            content_type="application/json",
            headers={"X-Forwarded-For": forwarded},
        )
        return str(response.json()["ret"])

    assert ask("10.1.2.3") == "0"
    assert ask("10.1.2.3, 8.8.8.8") == "10004"


def test_a_body_over_the_limit_is_refused_before_it_is_read(
    wire: WireClient, settings: Any
) -> None:
    settings.TERMINAL_BODY_LIMIT_BYTES = 100

    assert wire.post("syface", {"userId": "1", "img": "A" * 200})["ret"] == "30001"


def test_a_database_that_is_away_is_worth_repeating(
    wire: WireClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("terminal_api.answer.admit", away)
    with caplog.at_level(logging.CRITICAL):
        response = wire.raw("syface", {"userId": "1"})

    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert json.loads(response.content)["ret"] == "50002"


TEXT = st.text(max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["userId", "userName", "temperature", "mask", "screenTime", "similarity", "img", "Info",
     "idCardInfo", "actionCode", "resultList", "userID", "status", "Heartinfo", "IDCardImg"]
) | TEXT  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["syface", "syattribute", "syresult", "syheartbeat"]),
    body=st.dictionaries(KEYS, VALUES).map(json.dumps).map(str.encode) | st.binary(max_size=200),
    content_type=st.sampled_from(
        ["application/json", "text/plain", "multipart/form-data; boundary=x",
         "application/x-www-form-urlencoded", "", "x"]
    ),
    device_id=st.text(min_size=1, max_size=40),
)  # fmt: skip
def test_no_upload_breaks_the_answer(
    token: str, kind: str, body: bytes, content_type: str, device_id: str
) -> None:
    wire = WireClient(token=token)
    from urllib.parse import quote

    # So many refused device ids in a row would be a stranger who calls too often.
    with override_settings(STRANGER_RATE=(1_000_000, 1_000_000)):
        response = wire.client.generic(
            "POST", f"/t/{token}/{kind}/{quote(device_id, safe='')}", body, content_type
        )

    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    assert response.json()["ret"] in {"0", "30001", "30003", "40001"}


@pytest.mark.slow
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.text(max_size=60), query=st.text(max_size=60))
def test_no_path_of_a_terminal_gets_html(token: str, path: str, query: str) -> None:
    from urllib.parse import quote

    for start in (f"/t/{token}/", "/t/", "/sy", "/i/"):
        response = WireClient(token=token).client.get(
            start + quote(path), QUERY_STRING=quote(query)
        )
        assert response.status_code in {200, 404}
        assert not response["Content-Type"].startswith("text/html")


def test_logs_name_nobody(
    wire: WireClient,
    terminal: Terminal,
    obama: Person,
    portraits: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    jpeg = picture(portraits["obama2.jpg"])
    with caplog.at_level(logging.DEBUG):
        wire.sync()
        wire.post(
            "syface",
            {"userId": "1001", "userName": "Barack Obama", "img": jpeg,
             "idCardInfo": {"name": "张三", "id": "43112319961122001X"}},
        )  # fmt: skip
        wire.client.post("/t/some-wrong-token/syface/1", b"{}", content_type="text/plain")

    for secret in (jpeg[:200], "43112319961122001X", "张三", "Barack", wire.base[3:]):
        assert secret not in caplog.text
    assert "some-wrong-token" not in caplog.text


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "http://testserver.elsewhere.example:80"},
    {"Origin": "http://"},
    {"Origin": "http://["},
    {"Origin": "https://testserver", "Sec-Fetch-Site": "Cross-Site "},
]


@pytest.mark.parametrize("fields", FOREIGN)
@pytest.mark.parametrize("kind", ["syface", "syattribute", "syresult", "syheartbeat"])
def test_pages_of_other_sites_cannot_speak_for_a_terminal(
    wire: WireClient, terminal: Terminal, kind: str, fields: dict[str, str]
) -> None:
    answer = wire.client.post(
        f"{wire.base}/{kind}/{wire.device_id}",
        b'{"userId": "1"}',
        content_type="text/plain",
        headers=fields,
    )

    assert answer.status_code == 200
    assert answer.json() == {"ret": "30001", "desc": "sent by a page of another site"}
    assert not Record.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": "https://testserver"},
        {"Origin": "http://TestServer:8443", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_what_no_other_page_sent_is_taken(
    wire: WireClient, terminal: Terminal, fields: dict[str, str]
) -> None:
    answer = wire.client.post(
        f"{wire.base}/syface/{wire.device_id}",
        b'{"userId": "1"}',
        content_type="application/json",
        headers=fields,
    )

    assert answer.json()["ret"] == "0"
    assert Record.objects.count() == 1


@pytest.mark.parametrize(
    "old", ["/t/{}/syface//0000001", "/.//t/{}//syface/0000001/", "/./t/{}/syface/%30000001"]
)
def test_slashes_make_no_other_terminal(
    wire: WireClient, terminal: Terminal, token: str, old: str
) -> None:
    answer = wire.client.post(
        old.format(token), b'{"userId": "1"}', content_type="application/json"
    )

    assert answer.json()["ret"] == "0"
    assert Record.objects.get().terminal == terminal


def test_every_answer_says_how_long_it_is(
    wire: WireClient, obama: Person, terminal: Terminal
) -> None:
    """Terminals of HTTP/1.0 know no pieces."""
    entries, _ = wire.poll()
    address = entries[0]["imageUrl"].partition("testserver")[2]
    found = [
        wire.raw("syface", {"userId": "1"}),
        wire.raw("syheartbeat", ""),
        wire.raw("syunknown", ""),
        wire.client.get(f"{wire.base}/syrecord/0000001"),
        wire.client.get("/i/nothing.jpg"),
        wire.client.get(address),
    ]

    for response in found:
        assert response["Content-Length"] == str(len(response.content))
    assert found[-1]["Content-Type"] == "image/jpeg"
    unchanged = wire.client.get(address, headers={"If-None-Match": found[-1]["ETag"]})
    assert (unchanged.status_code, "Content-Length" in unchanged) == (304, False)


def test_what_is_compressed_is_stored_with_its_faults(wire: WireClient, terminal: Terminal) -> None:
    body = gzip.compress(b'{"userId": "1001"}')

    def post(raw: bytes, encoding: str) -> HttpResponse:
        return wire.client.post(
            f"{wire.base}/syface/0000001", raw, content_type="application/json",
            headers={"Content-Encoding": encoding},
        )  # fmt: skip

    assert post(body, "gzip").json()["ret"] == "0"
    assert not {"content_encoding_wrong", "compressed_truncated"} & set(Record.objects.get().faults)

    Record.objects.all().delete()
    assert post(body[:-4], "br").json()["ret"] == "0"
    faults = Record.objects.get().faults
    assert {"content_encoding_wrong", "compressed_truncated"} <= set(faults)


def test_an_unknown_compression_stays_on_the_terminal(
    wire: WireClient, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    response = wire.client.post(
        f"{wire.base}/syface/0000001", b"\x0b\x02\x80abc\x03", content_type="application/json",
        headers={"Content-Encoding": "br"},
    )  # fmt: skip

    assert (response.status_code, response.json()["ret"]) == (503, "50002")
    assert response["Accept-Encoding"] == "gzip, deflate"
    assert "terminal_encoding_unknown encoding='br'" in caplog.text
    assert Record.objects.count() == 0


def test_a_bomb_is_as_large_as_what_comes_out_of_it(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    settings.TERMINAL_BODY_LIMIT_BYTES = 10_000
    response = wire.client.post(
        f"{wire.base}/syface/0000001", gzip.compress(b" " * 1_000_000),
        content_type="application/json", headers={"Content-Encoding": "gzip"},
    )  # fmt: skip

    assert (response.status_code, response.json()["ret"]) == (200, "30001")
