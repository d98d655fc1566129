"""Tiles of the console's first page."""

import re

from django.urls import reverse

from tests.support.two_sites import World, client_of


def tiles(world: World, who: str) -> dict[str, tuple[int, str]]:
    """Return words → (count, address) of the tiles on the first page."""
    page = client_of(getattr(world, who)).get(reverse("admin:index")).content.decode()
    found = re.findall(r'class="mj-tile[^"]*" href="([^"]+)"><strong>(\d+)</strong> ([^<]+)<', page)
    return {words: (int(count), address.replace("&amp;", "&")) for address, count, words in found}
