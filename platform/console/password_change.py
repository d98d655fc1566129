"""Password change by the user; guesses of the old one are limited as sign-ins are."""

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse

from console.sign_in import locked_out
from server_common.sign_in_guard import Caller, failure_note, success_note, wait_left_s


class OwnPasswordView(PasswordChangeView):
    """Password change that asks for the old password, unknown to a passer-by at an open browser."""

    form_class = AdminPasswordChangeForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check the old password unless this account has to wait at this address."""
        wait_s = wait_left_s(self._caller)
        return self._sent_away(wait_s) if wait_s else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Change the password."""
        success_note(self._caller)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Note a wrong old password as a failed sign-in."""
        if not form.has_error("old_password", "password_incorrect"):
            return super().form_invalid(form)
        wait_s = failure_note(self._caller, path=self.request.path)
        return self._sent_away(wait_s) if wait_s else super().form_invalid(form)

    @property
    def _caller(self) -> Caller:
        return Caller.of(self.request, self.request.user.get_username())

    def _sent_away(self, wait_s: int) -> HttpResponse:
        self.request.__dict__["sign_in_wait_s"] = wait_s
        page: HttpResponse = locked_out(self.request)
        return page
