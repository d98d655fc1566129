"""Addresses of the live page and of what it needs."""

from django.conf import settings
from django.urls import path
from django.views.generic import RedirectView

from console import metrics, sign_in, views

app_name = "console"
urlpatterns = [
    path("", views.live, name="live"),
    path("sign-in/", sign_in.SignInView.as_view(), name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("sessions/", sign_in.sessions, name="sessions"),
    path("sessions/end/", sign_in.sessions_ended, name="sessions-end"),
    path("live/state.json", views.live_state, name="live-state"),
    path(
        "live/alerts/<int:alert_id>/acknowledge",
        views.alert_acknowledged,
        name="alert-acknowledge",
    ),
    path("live/alerts/<int:alert_id>/clear", views.alert_cleared, name="alert-clear"),
    path("console/photos/<int:photo_id>.jpg", views.photo, name="photo"),
    path(
        "console/records/<int:record_id>/picture.jpg",
        views.record_picture,
        name="record-picture",
    ),
    path(
        "console/records/<int:record_id>/reference.jpg",
        views.record_reference,
        name="record-reference",
    ),
    path(
        "favicon.ico",
        RedirectView.as_view(url=f"{settings.STATIC_URL}console/icon.svg"),
        name="icon",
    ),
    path("metrics", metrics.metrics, name="metrics"),
    path("healthz", views.healthz, name="healthz"),
]
