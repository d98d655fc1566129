"""Every page but the terminals' addresses, which ``terminal_api.urls`` lists."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("menjin.api_urls")),
    path("", include("console.urls")),
]
