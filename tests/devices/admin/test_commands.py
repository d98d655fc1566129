"""Commands on pages: what they carry and what was counted, in words."""

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import TerminalCommand
from tests.support.two_sites import World, client_of


@pytest.mark.parametrize(
    ("kind", "payload", "result", "words"),
    [
        (
            "settings_write",
            {"group": "perpara", "values": {"unlockOuttime": 3, "gone": 1}},
            {"sent": 2},
            [
                "how long the door is unlocked, s</th><td>3",
                "<code>gone</code></th><td>1",
                "Door and sensors",
            ],
        ),
        (
            "people_push",
            {"what": "all"},
            {"total": 5, "done": 5},
            ["Everybody", "in all</th><td>5"],
        ),
        ("records_pull", {"since": "2026-11-30T08:00:00+00:00"}, {"read": 7}, ["read</th><td>7"]),
        ("sync_time", {}, {"steps": 1}, ["steps of the clock</th><td>1"]),
    ],
)
def test_a_command_is_told_in_words_and_not_as_json(
    world: World, kind: str, payload: dict[str, object], result: dict[str, int], words: list[str]
) -> None:
    command = TerminalCommand.objects.create(
        terminal=world.ours.terminal, kind=kind, state="done", requester="manager",
        payload=payload, result=result, expires_at=timezone.now(),
    )  # fmt: skip
    address = reverse("admin:devices_terminalcommand_change", args=[command.pk])

    page = client_of(world.manager).get(address).content.decode()

    assert [word for word in words if word not in page] == []
    assert "{&quot;" not in page
