"""The form of a person: photo and libraries beside the columns, the ID number write-only."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from face_engine import ImageTooHeavy, PicturesBusy
from faces.admin.words import problem_words
from faces.models import Library, Person
from faces.services import CheckedPhoto, photo_check


class LibraryChoice(forms.ModelMultipleChoiceField):
    """Libraries, with their site where there are several."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.site} · {obj}" if getattr(self, "names_sites", False) else str(obj)


class PersonForm(forms.ModelForm):
    """A person as a manager enters them."""

    # Set per request by the admin: sites whose libraries may be chosen, None for all.
    allowed_sites: ClassVar[set[int] | None] = set()

    upload = forms.FileField(
        label=gettext_lazy("New photo"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/*"}),
        help_text=gettext_lazy(
            "One person, from the front, evenly lit, without sunglasses; JPEG, PNG, WebP or HEIC. "
            "An accepted photo replaces the present one, a refused one changes nothing."
        ),
    )
    in_libraries = LibraryChoice(
        label=gettext_lazy("Libraries"),
        queryset=Library.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("The person is sent to every terminal that holds one of these."),
    )
    new_id_number = forms.CharField(
        label=gettext_lazy("New ID number"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Empty leaves it as it is."),
    )

    class Meta:
        model = Person
        fields = (
            "site",
            "user_id",
            "name",
            "category",
            "state",
            "valid_from",
            "valid_until",
            "user_type",
            "sex",
            "remark",
            "prompt",
            "mobile",
            "mail",
            "department",
            "title",
            "position",
            "job_number",
            "ic_number",
            "birthday",
            "entry_date",
            "description",
            "purpose",
            "interviewee",
            "come_from",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "category" in self.fields:
            self.fields["category"].help_text = _(
                "Blacklist: no terminal gets this face, and the door stays closed when a terminal "
                "names this person. Strangers are not searched for people on the blacklist: "
                "who is not named at the door is not recognised as one of them."
            )
        choice = self.fields.get("in_libraries")
        if not isinstance(choice, LibraryChoice):
            # A guard's page has no editable field.
            return
        libraries = Library.objects.select_related("site")
        if self.instance.pk is not None:
            libraries = libraries.filter(site_id=self.instance.site_id)
            self.initial["in_libraries"] = [
                link.library_id for link in self.instance.memberships.all()
            ]
        elif self.allowed_sites is not None:
            libraries = libraries.filter(site_id__in=self.allowed_sites)
            if len(self.allowed_sites) == 1:
                self.initial["site"] = next(iter(self.allowed_sites))
        choice.names_sites = self.instance.pk is None and self.allowed_sites != {  # type: ignore[attr-defined]
            self.initial.get("site")
        }
        choice.queryset = libraries

    def clean_upload(self) -> Any:
        upload = self.cleaned_data["upload"]
        if upload and upload.size > settings.PHOTO_LIMIT_BYTES:
            limit = filesizeformat(settings.PHOTO_LIMIT_BYTES)
            raise ValidationError(_("The file is larger than %(limit)s.") % {"limit": limit})
        return upload

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        site = values.get("site") or (self.instance.site if self.instance.pk else None)
        chosen = values.get("in_libraries") or ()
        if site is not None and any(library.site_id != site.pk for library in chosen):
            self.add_error("in_libraries", _("A library belongs to another site."))
        start, end = values.get("valid_from"), values.get("valid_until")
        # Which the model refuses after this; a photo is not looked at for nothing.
        is_odd = bool(start and end and start >= end)
        if values.get("upload") and not self.errors and not is_odd:
            values["checked_photo"] = self._checked(values["upload"].read())
        return values

    def _checked(self, raw: bytes) -> CheckedPhoto | None:
        """Look at the photo while what was entered can still be shown again."""
        try:
            return photo_check(raw)
        except ImageTooHeavy as error:
            self.add_error("upload", " ".join(problem_words([error.code])))
        except PicturesBusy:
            words = _("Too many pictures are being looked at. Send it again a little later.")
            self.add_error("upload", words)
        return None

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        if self.cleaned_data.get("new_id_number"):
            self.instance.id_number = self.cleaned_data["new_id_number"].strip()
        return super().save(commit)
