"""Reads of people, libraries and deliveries; the restriction to a user's own sites is made here."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Site, Terminal
from devices.selectors import (
    sites_visible,
    terminal_ids_found,
    visible,
    visible_by_terminal,
)
from faces.choices import (
    SAVE_REPEATS,
    Category,
    DeliveryState,
    Operation,
    PersonState,
    PhotoStatus,
)
from faces.models import (
    Delivery,
    FacePhoto,
    FileToDelete,
    Gallery,
    Library,
    LibraryMembership,
    Person,
    Revocation,
    TerminalHoldings,
    TerminalLibrary,
)
from server_common.text_search import SearchedText

# With the index ``person_text``.
PEOPLE_TEXT = SearchedText(("name", "user_id", "mobile"))
_NAMED_MAX = 1000


def library_names(ids: Iterable[int]) -> dict[int, str]:
    """Return the names of these libraries; one that was deleted has none."""
    return dict(Library.objects.filter(pk__in=set(ids)).values_list("pk", "name"))


def libraries_visible(user: User | AnonymousUser) -> QuerySet[Library]:
    """Return the libraries of the user's sites."""
    return Library.objects.filter(site__in=sites_visible(user))


def people_visible(user: User | AnonymousUser) -> QuerySet[Person]:
    """Return the people of the user's sites, with photos and libraries at hand."""
    return (
        Person.objects.filter(site__in=sites_visible(user))
        .select_related("site")
        .prefetch_related(
            "memberships", Prefetch("photos", queryset=FacePhoto.objects.order_by("-id"))
        )
    )


def deliveries_visible(user: User | AnonymousUser) -> QuerySet[Delivery]:
    """Return what was or is to be sent to the terminals of the user's sites."""
    return visible_by_terminal(Delivery.objects.select_related("terminal", "terminal__site"), user)


def people_found(word: str) -> Q:
    """Return the condition of people with a text in name, user ID or mobile number."""
    return PEOPLE_TEXT.found(word)


def people_named(word: str) -> Q:
    """Return the condition of people with a text in their name."""
    return Q(name__icontains=word) & PEOPLE_TEXT.by_index(word)


def deliveries_found(user: User | AnonymousUser, word: str) -> Q:
    """Return the condition of deliveries whose person or terminal has a text in name or ID."""
    in_name_or_id = Q(name__icontains=word) | Q(user_id__icontains=word)
    people = visible(Person.objects.filter(in_name_or_id), user).order_by()
    ids = people.values_list("pk", flat=True)
    named = list(ids.filter(PEOPLE_TEXT.found(word))[: _NAMED_MAX + 1])
    # Few are looked up one by one; of very many, some are met soon among the newest.
    of_people = Q(person__in=named if len(named) <= _NAMED_MAX else ids)
    erased = Q(person__isnull=True, user_id__icontains=word)
    return Q(terminal__in=terminal_ids_found(user, word)) | of_people | erased


def revocations_visible(user: User | AnonymousUser) -> QuerySet[Revocation]:
    """Return people that terminals of the user's sites must forget, with the doors left."""
    owing = (
        Delivery.objects.filter(revocation=OuterRef("pk"), operation=Operation.DELETE)
        .exclude(state=DeliveryState.STORED)
        .order_by()
        .values("revocation")
        .annotate(rows=Count("pk"))
        .values("rows")
    )
    # Counted for the rows of a page, not for all of them.
    doors_left = Coalesce(Subquery(owing), 0)
    rows = visible(Revocation.objects.annotate(doors_left=doors_left), user)
    return rows.order_by("-begun_at", "-id")


def told_in_vain() -> Q:
    """Return the condition of faces sent again as often as is useful and never confirmed."""
    return Q(state=DeliveryState.UNCONFIRMED, unanswered__gt=SAVE_REPEATS)


def with_newest_photo(people: QuerySet[Person], status: str | None) -> QuerySet[Person]:
    """Return those people whose newest photo has a status; None: without a photo that is checked.

    The newest one is what ``reference_photo`` returns.
    """
    photos = FacePhoto.objects.filter(person=OuterRef("pk")).order_by("-id")
    newest = people.alias(newest_photo=Subquery(photos.values("status")[:1]))
    if status is not None:
        return newest.filter(newest_photo=status)
    return newest.filter(Q(newest_photo=None) | Q(newest_photo=PhotoStatus.WAITING))


def terminal_library_ids(terminal: Terminal) -> list[int]:
    """Return the libraries a terminal holds, those of an ``all_libraries`` terminal spelt out."""
    if terminal.all_libraries:
        return sorted(library.pk for library in terminal.site.libraries.all())
    return sorted(link.library_id for link in terminal.library_links.all())


def terminal_holdings(terminal: Terminal) -> TerminalHoldings | None:
    """Return how a terminal's people compared last with those it should hold."""
    return TerminalHoldings.objects.filter(terminal=terminal).first()


def fit_for_terminals(now: datetime | None = None) -> Q:
    """Return the condition under which a person may be on any terminal at all.

    Blacklisted people are kept off: a terminal that decides by itself while the network is away
    would open to every person it recognises (decision 0005).
    """
    now = now or timezone.now()
    accepted = FacePhoto.objects.filter(person=OuterRef("pk"), status=PhotoStatus.OK)
    return (
        Q(state=PersonState.ACTIVE)
        & ~Q(category=Category.BLACKLIST)
        & (Q(valid_from__isnull=True) | Q(valid_from__lte=now))
        & (Q(valid_until__isnull=True) | Q(valid_until__gt=now))
        & Q(Exists(accepted))
    )


def people_for_terminal(terminal: Terminal, *, now: datetime | None = None) -> QuerySet[Person]:
    """Return exactly the people a terminal should hold now."""
    memberships = LibraryMembership.objects.filter(person=OuterRef("pk"))
    if not terminal.all_libraries:
        memberships = memberships.filter(library__terminal_links__terminal=terminal)
    if terminal.status != TerminalStatus.APPROVED:
        return Person.objects.none()
    return Person.objects.filter(
        fit_for_terminals(now), Exists(memberships), site_id=terminal.site_id
    )


def terminal_person_pairs(
    site_id: int, person_ids: Iterable[int], *, now: datetime | None = None
) -> set[tuple[int, int]]:
    """Return (terminal, person) for every approved terminal that should hold each person."""
    fit = set(
        Person.objects.filter(fit_for_terminals(now), pk__in=list(person_ids)).values_list(
            "pk", flat=True
        )
    )
    members: dict[int, set[int]] = {}
    for person_id, library_id in LibraryMembership.objects.filter(person_id__in=fit).values_list(
        "person_id", "library_id"
    ):
        members.setdefault(library_id, set()).add(person_id)
    anywhere = set().union(*members.values()) if members else set()
    approved = Terminal.objects.filter(site_id=site_id, status=TerminalStatus.APPROVED)
    pairs = {
        (terminal_id, person_id)
        for terminal_id in approved.filter(all_libraries=True).values_list("pk", flat=True)
        for person_id in anywhere
    }
    links = TerminalLibrary.objects.filter(
        terminal__in=approved.filter(all_libraries=False), library_id__in=members
    ).values_list("terminal_id", "library_id")
    return pairs | {
        (terminal_id, person_id)
        for terminal_id, library_id in links
        for person_id in members[library_id]
    }


def doors_of_people(person_ids: Iterable[int], *, now: datetime | None = None) -> Counter[int]:
    """Count for each person the approved terminals that should hold them, rows or no rows."""
    fit = Person.objects.filter(fit_for_terminals(now), pk__in=list(person_ids))
    members = LibraryMembership.objects.filter(person__in=fit)
    sites = dict(members.values_list("person_id", "person__site_id"))
    approved = Terminal.objects.filter(status=TerminalStatus.APPROVED)
    everywhere = dict(
        approved.filter(all_libraries=True, site_id__in=set(sites.values()))
        .order_by()
        .values_list("site_id")
        .annotate(rows=Count("pk"))
    )
    doors = Counter({pk: everywhere.get(site_id, 0) for pk, site_id in sites.items()})
    chosen = (
        members.filter(library__terminal_links__terminal__in=approved.filter(all_libraries=False))
        .order_by()
        .values_list("person_id")
        .annotate(rows=Count("library__terminal_links__terminal", distinct=True))
    )
    for person_id, number in chosen:
        doors[person_id] += number
    return doors


def without_library(terminals: Iterable[Terminal]) -> set[int]:
    """Return those approved terminals (ids) that hold no library, so that no face is sent there."""
    asked = [
        terminal.pk
        for terminal in terminals
        if terminal.status == TerminalStatus.APPROVED and not terminal.all_libraries
    ]
    links = TerminalLibrary.objects.filter(terminal__in=asked)
    return set(asked).difference(links.values_list("terminal_id", flat=True))


def forgotten_without(libraries: Iterable[Library]) -> list[tuple[Terminal, int]]:
    """Return how many people each approved terminal has to forget once these libraries are gone."""
    gone = {library.pk for library in libraries}
    terminals = (
        Terminal.objects.filter(site__libraries__in=gone, status=TerminalStatus.APPROVED)
        .distinct()
        .prefetch_related("library_links", "site__libraries")
    )
    # Counted once for all terminals that hold the same.
    counts: dict[frozenset[int], int] = {}
    losses = []
    for terminal in terminals:
        held = frozenset(terminal_library_ids(terminal))
        if held not in counts:
            counts[held] = _only_through(held & gone, kept=held - gone)
        if counts[held]:
            losses.append((terminal, counts[held]))
    return losses


def _only_through(library_ids: Iterable[int], *, kept: Iterable[int]) -> int:
    """Count the people fit for terminals who are in some of these libraries and in none kept."""
    memberships = LibraryMembership.objects.filter(person=OuterRef("pk"))
    people = Person.objects.filter(
        fit_for_terminals(),
        Exists(memberships.filter(library__in=library_ids)),
        ~Exists(memberships.filter(library__in=kept)),
    )
    return people.count()


def files_marked_for_deletion(paths: Iterable[str]) -> set[str]:
    """Return those of these stored files that wait for being deleted."""
    return set(FileToDelete.objects.filter(path__in=list(paths)).values_list("path", flat=True))


def reference_photo(person: Person) -> FacePhoto | None:
    """Return the newest photo of a person, whatever its status."""
    return next(iter(person.photos.all()), None)


def index_state(sites: Iterable[Site], *, contract_id: str) -> dict[str, Any]:
    """Return the state of the sites' indexes under a model, and their sum.

    ``size`` counts what is searched now; ``pending`` counts changes that came after the
    published file, which every process applies on top of it.
    """
    galleries = {
        gallery.site_id: gallery
        for gallery in Gallery.objects.filter(
            site__in=list(sites), contract_id=contract_id
        ).annotate(size=Count("descriptors"))
    }
    states = [
        {
            "site": site.pk,
            "size": gallery.size if gallery else 0,
            "built_at": gallery.published_at if gallery else None,
            "pending": gallery.revision - gallery.published_revision if gallery else 0,
        }
        for site in sites
        for gallery in [galleries.get(site.pk)]
    ]
    built = [state["built_at"] for state in states if state["built_at"]]
    return {
        "model": contract_id,
        "size": sum(state["size"] for state in states),
        "built_at": max(built) if built else None,
        "pending": sum(state["pending"] for state in states),
        "sites": states,
    }
