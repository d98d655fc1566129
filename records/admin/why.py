"""The form “Why would this person be let in here at that time?” and its answer."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Terminal
from devices.selectors import terminals_visible
from faces.models import Person
from faces.selectors import people_visible
from records.choices import Timing, VerificationResult
from records.services import DecisionResult, decision_preview
from records.trace_words import decision_table
from server_common.admin import badge

_FORMAT = "%Y-%m-%dT%H:%M"
# Clock changes and holidays outside of these years are nobody's question.
_YEARS = range(2000, 2100)


class WhyForm(forms.Form):
    """What is supposed; the person is chosen before."""

    terminal = forms.ModelChoiceField(Terminal.objects.none(), label=gettext_lazy("terminal"))
    at = forms.DateTimeField(
        label=gettext_lazy("moment"),
        help_text=gettext_lazy("On the site's clock."),
        input_formats=[_FORMAT, "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORMAT),
    )
    temperature_c = forms.DecimalField(
        label=gettext_lazy("temperature (°C)"), required=False, max_digits=5, decimal_places=2
    )
    mask = forms.NullBooleanField(label=gettext_lazy("mask"), required=False)
    similarity = forms.FloatField(
        label=gettext_lazy("similarity (terminal)"), required=False, min_value=0, max_value=100
    )
    verification = forms.ChoiceField(
        label=gettext_lazy("verification"), choices=VerificationResult.choices
    )
    timing = forms.ChoiceField(
        label=gettext_lazy("arrival"), choices=Timing.choices, required=False
    )

    def __init__(self, *args: Any, terminals: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["terminal"]
        field.queryset = terminals

    def clean_at(self) -> Any:
        at = self.cleaned_data["at"]
        if at.year not in _YEARS:
            raise forms.ValidationError(_("This moment is out of range."))
        return at


def why_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Return the page for the person named by ``?person=``, answered when a terminal is given.

    Raises:
        Http404: there is no such person at the user's sites.
    """
    user: Any = request.user
    wanted = request.GET.get("person", "")
    # Bounded, because databases refuse numbers beyond their own.
    is_id = wanted.isascii() and wanted.isdecimal() and len(wanted) < 19
    person = people_visible(user).filter(pk=int(wanted)).first() if is_id else None
    if person is None:
        raise Http404
    terminals = terminals_visible(user).filter(site=person.site)
    with timezone.override(ZoneInfo(person.site.timezone)):
        initial = {
            "at": timezone.now(),
            "verification": VerificationResult.MATCH,
            "timing": Timing.LIVE,
        }
        asked = request.GET if "terminal" in request.GET else None
        form = WhyForm(asked, initial=initial, terminals=terminals)
        decided = _ask(form, person) if form.is_valid() else None
        context = {
            **site.each_context(request),
            "title": _("Why would this person be let in?"),
            "person": person,
            "form": form,
            "answer": decided and _answer(decided),
            "inputs": decided and decision_table(decided.inputs),
            "decided": decided,
        }
        return TemplateResponse(request, "records/why.html", context).render()


def _ask(form: WhyForm, person: Person) -> DecisionResult:
    asked = form.cleaned_data
    return decision_preview(
        terminal=asked["terminal"],
        person=person,
        at=asked["at"],
        temperature_c=asked["temperature_c"],
        mask=asked["mask"],
        similarity=asked["similarity"],
        verification=VerificationResult(asked["verification"]),
        timing=Timing(asked["timing"] or Timing.LIVE),
    )


def _answer(decided: DecisionResult) -> Any:
    if decided.decision.open_door:
        return badge("good", _("The door opens"))
    return badge("bad", decided.decision.reason.label)
