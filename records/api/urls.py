"""Addresses of records, alerts and the preview of a decision."""

from django.urls import path

from records.api.views import AlertViewSet, DecisionPreviewView, RecordViewSet

routes = [
    ("records", RecordViewSet, "record"),
    ("alerts", AlertViewSet, "alert"),
]
urlpatterns = [
    path("decisions/preview/", DecisionPreviewView.as_view(), name="decision-preview"),
]
