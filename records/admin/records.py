"""Passes and temperature readings: to look at and to search, never to change."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.long_lists import LongListAdmin
from devices.admin.scoped import SITE_FILTER, ScopedRelatedFilter
from face_engine import ModelMissing
from faces.choices import PhotoStatus
from faces.models import FacePhoto
from records.admin.not_this_person import RECORDS_MAX, foresee_page, said_words
from records.admin.pictures import pictures_of
from records.admin.why import why_page
from records.choices import Reason, RecordKind, Timing, VerificationResult
from records.decision import is_fever
from records.models import Record
from records.selectors import record_numbered, records_found
from records.services import LooksLikePhoto, not_this_person, not_this_person_undo
from records.trace_words import decision_table
from server_common.admin import EMPTY, Tone, badge, timing_words
from terminal_protocol import fault_words

VERIFICATION_TONES: dict[str, Tone] = {
    VerificationResult.MATCH: "good",
    VerificationResult.MISMATCH: "bad",
    VerificationResult.NO_FACE: "warn",
    VerificationResult.NO_REFERENCE: "warn",
    VerificationResult.OFF: "quiet",
}


@admin.register(Record)
class RecordAdmin(LongListAdmin):
    """What terminals reported, with the picture beside the photo on file."""

    list_display = (
        "pictures",
        "who",
        "when",
        "terminal",
        "temperature",
        "verification_badge",
        "door",
    )
    list_display_links = ("who", "when")
    list_select_related = ("terminal__site", "site", "person")
    list_filter = (
        SITE_FILTER,
        "kind",
        ("terminal", ScopedRelatedFilter),
        "verification",
        "door_opened",
        "is_late",
        "received_at",
    )
    search_fields = ("user_id", "user_name", "terminal__device_id", "terminal__name")
    sortable_by = ("when",)
    fieldsets = (
        (None, {"fields": ("pictures_large", "who", "site", "terminal", "kind_words", "person")}),
        (
            gettext_lazy("Decision"),
            {
                "fields": (
                    "door",
                    "verification_badge",
                    "verification_score",
                    "similarity",
                    "not_this_person",
                )
            },
        ),
        (
            gettext_lazy("Reported"),
            {
                "fields": (
                    "when",
                    "captured_at",
                    "clock_skew_s",
                    "timing",
                    "temperature",
                    "mask",
                    "action",
                    "open_message",
                    "id_card_name",
                    "faults_words",
                )
            },
        ),
        (gettext_lazy("In detail"), {"fields": ("trace_text",), "classes": ("collapse",)}),
    )
    actions = ("say_not_this_person", "undo_not_this_person")
    readonly_fields = (
        "not_this_person",
        "pictures",
        "pictures_large",
        "who",
        "when",
        "kind_words",
        "temperature",
        "verification_badge",
        "door",
        "timing",
        "faults_words",
        "trace_text",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        accepted = FacePhoto.objects.filter(person=OuterRef("person"), status=PhotoStatus.OK)
        rows: QuerySet[Any] = (
            super().get_queryset(request).select_related("terminal__site", "site", "person")
        )
        annotated: QuerySet[Any] = rows.annotate(has_reference=Exists(accepted))
        return annotated

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the record, also under the number it had before its upload took its place."""
        found = super().get_object(request, object_id, from_field)
        return found or record_numbered(self.get_queryset(request), object_id)

    def found(self, request: HttpRequest, word: str) -> Q:
        return records_found(request.user, word)

    def get_urls(self) -> list[Any]:
        """Serve the question beside the records whose answers it explains."""
        page = self.admin_site.admin_view(self.why)
        return [path("why/", page, name="records_record_why"), *super().get_urls()]

    def why(self, request: HttpRequest) -> HttpResponse:
        """Say why a person would be let in somewhere at some time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return why_page(request, self.admin_site)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user manages any site (actions ask by this name)."""
        return self._may(request, None, managed=True)

    @admin.action(description=gettext_lazy("Mark as not this person"), permissions=["manage"])
    def say_not_this_person(
        self, request: HttpRequest, queryset: QuerySet[Record]
    ) -> HttpResponse | None:
        """Say what would happen to each; once that is confirmed, remember the faces."""
        chosen = list(self.managed(request, queryset)[: RECORDS_MAX + 1])
        if len(chosen) > RECORDS_MAX:
            words = _("Choose at most %(count)d records at once.") % {"count": RECORDS_MAX}
            self.message_user(request, words, messages.ERROR)
            return None
        try:
            if request.POST.get("confirmed") != "yes":
                return foresee_page(request, chosen, self.admin_site.each_context(request))
            self._remember(request, chosen)
        except ModelMissing:
            words = _("The face models are not installed.")
            self.message_user(request, words, messages.ERROR)
        return None

    def _remember(self, request: HttpRequest, records: list[Record]) -> None:
        user: Any = request.user
        count = 0
        for record in records:
            try:
                not_this_person(record=record, user=user)
            except ValidationError as error:
                words = f"{record.pk}: {' '.join(error.messages)}"
                self.message_user(request, words, messages.WARNING)
            except LooksLikePhoto as refusal:
                self.message_user(request, f"{record.pk}: {refusal}", messages.WARNING)
            else:
                count += 1
        words = ngettext(
            "The face of %(count)d pass is refused for its person from now on.",
            "The faces of %(count)d passes are refused for their people from now on.",
            count,
        )
        self._report(request, words, count)

    @admin.action(description=gettext_lazy("Undo “not this person”"), permissions=["manage"])
    def undo_not_this_person(self, request: HttpRequest, queryset: QuerySet[Record]) -> None:
        """Forget the faces again."""
        rows = self.managed(request, queryset)
        count = sum(not_this_person_undo(record=record) for record in rows)
        words = ngettext(
            "The face of %(count)d pass is no longer refused.",
            "The faces of %(count)d passes are no longer refused.",
            count,
        )
        self._report(request, words, count)

    def _report(self, request: HttpRequest, words: str, count: int) -> None:
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, words % {"count": count}, level)

    @admin.display(description=gettext_lazy("not this person"))
    def not_this_person(self, record: Record) -> SafeString | str:
        """Say who found that this is another person, when, and what comes of it."""
        return said_words(record)

    @admin.display(description=gettext_lazy("picture"))
    def pictures(self, record: Record) -> SafeString:
        """Show what the terminal saw beside the photo on file."""
        return pictures_of(record, large=False)

    @admin.display(description=gettext_lazy("picture and photo on file"))
    def pictures_large(self, record: Record) -> SafeString:
        """Show both pictures large."""
        return pictures_of(record, large=True)

    @admin.display(description=gettext_lazy("who"), ordering="user_name")
    def who(self, record: Record) -> str:
        """Name who the terminal took this for."""
        if record.user_name or record.user_id:
            return f"{record.user_name or EMPTY} ({record.user_id or EMPTY})"
        return _("unknown")

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def when(self, record: Record) -> str:
        """Show the moment to the second, in the time of the user's site."""
        return f"{timezone.localtime(record.received_at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_words(self, record: Record) -> str:
        """Show the kind in words."""
        return str(RecordKind(record.kind).label)

    @admin.display(description=gettext_lazy("temperature"), ordering="temperature_c")
    def temperature(self, record: Record) -> SafeString | str:
        """Show the temperature, red at or above the site's limit."""
        if record.temperature_c is None:
            return EMPTY
        hot = is_fever(record.temperature_c, record.site.temperature_limit_c)
        return badge("bad" if hot else "good", f"{record.temperature_c:.1f} °C")

    @admin.display(description=gettext_lazy("verification"), ordering="verification")
    def verification_badge(self, record: Record) -> SafeString:
        """Show what the platform's own look said, with its score."""
        result = VerificationResult(record.verification)
        score = record.verification_score
        words = result.label if score is None else f"{result.label} · {score:.0f}"
        return badge(VERIFICATION_TONES[result], words)

    @admin.display(description=gettext_lazy("door"), ordering="door_opened")
    def door(self, record: Record) -> SafeString:
        """Show whether the door was opened, or why not."""
        if record.door_opened:
            shown = badge("good", _("Opened"))
        else:
            reason = Reason(record.reason)
            tone: Tone = "quiet" if reason in (Reason.NOT_A_PASS, Reason.FETCHED) else "bad"
            shown = badge(tone, reason.label)
        words = timing_words(record.is_late, record.late_s, record.repeats)
        return format_html("{} {}", shown, badge("warn", words)) if words else shown

    @admin.display(description=gettext_lazy("arrival"))
    def timing(self, record: Record) -> str:
        """Say whether the message was of now, how late it came, and how often it came again."""
        words = timing_words(record.is_late, record.late_s, record.repeats)
        if record.repeated_at is not None:
            last = timezone.localtime(record.repeated_at)
            words = _("%(what)s, last %(when)s") % {
                "what": words,
                "when": f"{last:%Y-%m-%d %H:%M:%S}",
            }
        return words or str(Timing.LIVE.label)

    @admin.display(description=gettext_lazy("faults"))
    def faults_words(self, record: Record) -> str:
        """Name what was odd about the message."""
        return ", ".join(_(fault_words(str(fault))) for fault in record.faults) or EMPTY

    @admin.display(description=gettext_lazy("decision in detail"))
    def trace_text(self, record: Record) -> SafeString | str:
        """Show every input of the decision."""
        return decision_table(record.trace)
