"""Every page but the terminals' paths, which ``terminal_lane`` answers before."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
