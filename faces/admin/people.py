"""People: who they are, their photo, their libraries, and what every terminal made of them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.admin.erased_by_jobs import ErasedByJobs
from devices.admin.long_lists import WordSearch
from devices.admin.scoped import SITE_FILTER, ScopedRelatedFilter, site_ids
from devices.models import Job
from faces.admin.deliveries import state_badge
from faces.admin.person_form import PersonForm
from faces.admin.words import (
    PHOTO_TONES,
    DeliveryCounts,
    doors_words,
    on_no_terminal_because,
    problem_words,
)
from faces.choices import Category, PersonState, PhotoStatus
from faces.models import Delivery, FacePhoto, Person
from faces.selectors import doors_of_people, people_found, reference_photo
from faces.services import person_erase, person_save
from faces.services.jobs import people_erase_start
from faces.words import delivery_words
from server_common.admin import EMPTY, NO_PICTURE, ago_words, badge, lines, masked, thumbnail

# What the history says of an upload that has not become the photo on file.
_NOT_TAKEN = {PhotoStatus.REFUSED: "photo_refused", PhotoStatus.WAITING: "photo_waits"}


class FaceStatusFilter(admin.SimpleListFilter):
    """People by what became of their photo."""

    title = gettext_lazy("face")
    parameter_name = "face"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("none", _("No photo")), *((one.value, one.label) for one in PhotoStatus)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        photos = FacePhoto.objects.filter(person=OuterRef("pk"))
        if self.value() == "none":
            return queryset.filter(~Exists(photos))
        if self.value() in PhotoStatus.values:
            return queryset.filter(Exists(photos.filter(status=self.value())))
        return queryset


class PersonChangeList(ChangeList):
    """A page of people that counts their deliveries once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        counts: dict[int, DeliveryCounts] = {row.pk: Counter() for row in rows}
        grouped = (
            Delivery.objects.filter(person__in=rows)
            .values_list("person_id", "operation", "state")
            .annotate(rows=Count("pk"))
            .order_by()
        )
        for person_id, operation, state, number in grouped:
            counts[person_id or 0][operation, state] += number
        doors = doors_of_people(counts)
        for row in rows:
            row.__dict__["delivery_states"] = counts[row.pk]
            row.__dict__["doors"] = doors[row.pk]
        self.result_list = rows


@admin.register(Person)
class PersonAdmin(WordSearch, ErasedByJobs):
    """All writes go through ``person_save`` and ``person_erase``: terminals hear of them."""

    form = PersonForm
    list_display = (
        "photo",
        "name",
        "user_id",
        # What is looked for most stands where no list is moved sideways.
        "on_terminals",
        "face_badge",
        "site",
        "library_names",
        "category_badge",
    )
    list_display_links = ("photo", "name", "user_id")
    list_select_related = ("site",)
    list_filter = (
        SITE_FILTER,
        ("libraries", ScopedRelatedFilter),
        "category",
        "state",
        FaceStatusFilter,
    )
    search_fields = ("name", "user_id", "mobile")
    ordering = ("site__code", "user_id")
    readonly_fields = ("face", "matrix", "id_number_masked", "library_names")
    write_only: ClassVar[dict[str, str]] = {
        "upload": "",
        "in_libraries": "library_names",
        "new_id_number": "",
    }
    fieldsets = (
        (None, {"fields": ("site", "user_id", "name", "face", "upload", "in_libraries")}),
        (
            gettext_lazy("May pass"),
            {"fields": ("category", "state", "valid_from", "valid_until")},
        ),
        (gettext_lazy("On the terminals"), {"fields": ("matrix",)}),
        (
            gettext_lazy("Shown on terminals"),
            {"fields": ("user_type", "sex", "remark", "prompt"), "classes": ("collapse",)},
        ),
        (
            gettext_lazy("Contact and work"),
            {
                "fields": (
                    "mobile",
                    "mail",
                    "department",
                    "title",
                    "position",
                    "job_number",
                    "ic_number",
                    "birthday",
                    "entry_date",
                    "id_number_masked",
                    "new_id_number",
                    "description",
                ),
                "classes": ("collapse",),
            },
        ),
        (
            gettext_lazy("Visitors"),
            {"fields": ("purpose", "interviewee", "come_from"), "classes": ("collapse",)},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        newest_first = Prefetch("photos", queryset=FacePhoto.objects.order_by("-id"))
        return super().get_queryset(request).prefetch_related(newest_first, "libraries")

    def found(self, request: HttpRequest, word: str) -> Q:
        return people_found(word)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PersonChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Terminals and records know the person by site and user id.
        return self.readonly_fields if obj is None else ("site", "user_id", *self.readonly_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            return self.fieldsets
        if obj is not None:
            return self.readable(self.fieldsets)
        first = ("site", "user_id", "name", "upload", "in_libraries")
        rest = [one for one in self.fieldsets[1:] if one[1]["fields"] != ("matrix",)]
        return ((None, {"fields": first}), *rest)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        # A class made for this request alone, so the attribute is nobody else's.
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.allowed_sites = site_ids(request, managed=True)
        return form

    def changeform_once(
        self,
        request: HttpRequest,
        object_id: str | None,
        form_url: str,
        extra_context: dict[str, Any] | None,
    ) -> Any:
        """Leave out Django's transaction around the page: the photo is looked at before writing.

        ``person_save`` makes its own, after the recogniser has done its slow work.
        """
        inside: Any = super()
        return inside._changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        upload = form.cleaned_data.get("upload")
        person_save(
            person=obj,
            library_ids=[library.pk for library in form.cleaned_data["in_libraries"]],
            photo=form.cleaned_data.get("checked_photo"),
        )
        if upload:
            self._tell_about_photo(request, obj)

    def _tell_about_photo(self, request: HttpRequest, person: Person) -> None:
        photo = person.photos.order_by("-id").first()
        if photo is not None and photo.status == PhotoStatus.REFUSED:
            reasons = " ".join(problem_words(photo.problems))
            words = _("The photo was refused: %(reasons)s") % {"reasons": reasons}
            self.message_user(request, words, messages.ERROR)
        elif photo is not None and photo.status == PhotoStatus.WAITING:
            words = _("The photo is kept and will be checked when the recogniser is installed.")
            self.message_user(request, words, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        person_erase(person=obj)

    def erase_by_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Job]:
        return people_erase_start(people=queryset, by=request.user)

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002 - Django's signature
    ) -> Any:
        """Note a photo as changed only if it is: one that was refused has replaced nothing."""
        checked = form.cleaned_data.get("checked_photo")
        word = _NOT_TAKEN.get(checked.status) if checked is not None else None
        if word is None:
            return super().construct_change_message(request, form, formsets, add)
        form.changed_data = [name for name in form.changed_data if name != "upload"]
        message = super().construct_change_message(request, form, formsets, add)
        return [*message, {word: {}}]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        _forget_names([obj])
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        _forget_names([obj])
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = super().log_deletions(request, queryset)
        _forget_names(queryset)
        return entries

    @admin.display(description=gettext_lazy("photo"))
    def photo(self, person: Person) -> SafeString:
        """Show the accepted photo small."""
        return _accepted_picture(person, large=False) or NO_PICTURE

    @admin.display(description=gettext_lazy("libraries"))
    def library_names(self, person: Person) -> str:
        """Name the person's libraries."""
        return ", ".join(library.name for library in person.libraries.all()) or EMPTY

    @admin.display(description=gettext_lazy("category"), ordering="category")
    def category_badge(self, person: Person) -> SafeString | str:
        """Show category, and state when it keeps the person out."""
        if person.state == PersonState.SUSPENDED:
            return badge("bad", PersonState.SUSPENDED.label)
        words = str(Category(person.category).label)
        return badge("bad", words) if person.category == Category.BLACKLIST else words

    @admin.display(description=gettext_lazy("face"))
    def face_badge(self, person: Person) -> SafeString:
        """Show what became of the photo that is on file, and of a newer one."""
        return _face_words(person)

    @admin.display(description=gettext_lazy("on terminals"))
    def on_terminals(self, person: Person) -> SafeString | str:
        """Say how many of the person's doors hold the face, and what the others do."""
        counts = person.__dict__.get("delivery_states", Counter())
        return doors_words(person.__dict__.get("doors", 0), counts)

    @admin.display(description=gettext_lazy("photo"))
    def face(self, person: Person) -> SafeString:
        """Show the accepted photo, and apart from it why a later one was refused."""
        picture = _accepted_picture(person, large=True)
        newest = reference_photo(person)
        if newest is None:
            return format_html("{}", _("There is no accepted photo yet."))
        reasons = lines(problem_words(newest.problems))
        if picture is None:
            none = _("There is no accepted photo yet.")
            return format_html(
                '<div class="mj-face">{}<div>{}{}</div></div>', none, _face_words(person), reasons
            )
        shown = format_html(
            '<div class="mj-face">{}<div>{}</div></div>', picture, _status_badge(PhotoStatus.OK)
        )
        if newest.status == PhotoStatus.OK:
            return shown
        # The picture shown is the good one: what is said of the other stands below, by itself.
        return format_html(
            '{}<div class="mj-face-newer">{}{}</div>', shown, _newer(newest), reasons
        )

    @admin.display(description=gettext_lazy("deliveries"))
    def matrix(self, person: Person) -> SafeString:
        """Show for each terminal whether it holds the face, and why not."""
        rows = list(person.deliveries.select_related("terminal").order_by("terminal__device_id"))
        counts = Counter((row.operation, row.state) for row in rows)
        doors = doors_of_people([person.pk])[person.pk]
        body = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (row.terminal, state_badge(row), delivery_words(row), ago_words(row.changed_at))
                for row in rows
            ),
        )
        reasons = on_no_terminal_because(person)
        hint = lines([_("No terminal gets this person: %(why)s") % {"why": " ".join(reasons)}])
        if not body and not doors:
            return hint if reasons else lines([_("No terminal holds one of these libraries.")])
        return format_html(
            '{}{}<table class="mj-matrix"><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th>'
            "</tr></thead><tbody>{}</tbody></table>",
            lines([doors_words(doors, counts)]),
            hint if reasons else "",
            _("Terminal"),
            _("State"),
            _("In words"),
            _("Changed"),
            body,
        )

    @admin.display(description=gettext_lazy("ID number"))
    def id_number_masked(self, person: Person) -> str:
        """Show the end of the ID number only."""
        return masked(person.id_number) or EMPTY


def _face_words(person: Person) -> SafeString:
    newest = reference_photo(person)
    if newest is None:
        return badge("quiet", _("No photo"))
    if newest.status == PhotoStatus.OK or _accepted_picture(person, large=False) is None:
        return _status_badge(newest.status)
    return format_html("{} {}", _status_badge(PhotoStatus.OK), badge("warn", _newer(newest)))


def _status_badge(status: str) -> SafeString:
    return badge(PHOTO_TONES[status], PhotoStatus(status).label)


def _newer(photo: FacePhoto) -> str:
    """Say what became of an upload that has not replaced the photo on file."""
    if photo.status == PhotoStatus.REFUSED:
        return _("A newer upload was refused; the photo on file stays.")
    return _("A newer upload waits to be checked; the photo on file stays.")


def _accepted_picture(person: Person, *, large: bool) -> SafeString | None:
    for photo in person.photos.all():
        if photo.status == PhotoStatus.OK and photo.image:
            address = reverse("console:photo", args=[photo.pk])
            return thumbnail(address, _("photo on file"), large=large)
    return None


def _forget_names(people: Iterable[Any]) -> None:
    """Keep names out of the admin's log, which outlives the people in it (invariant 6)."""
    kind = ContentType.objects.get_for_model(Person)
    named = Person.objects.filter(pk=Cast(OuterRef("object_id"), BigIntegerField()))
    LogEntry.objects.filter(
        content_type=kind, object_id__in=[str(person.pk) for person in people]
    ).update(object_repr=Coalesce(Subquery(named.values("user_id")), Value("")))
