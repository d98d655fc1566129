"""``/api/v1/``: the REST interface, its description and its browsable documentation."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

import devices.api.schema  # noqa: F401 - tells the description of our tokens
from devices.api.views import SiteViewSet
from faces.api import urls as faces_urls
from records.api.views import AlertViewSet, RecordViewSet

router = DefaultRouter()
router.register("sites", SiteViewSet, "site")
for prefix, view_set, name in faces_urls.routes:
    router.register(prefix, view_set, name)
router.register("records", RecordViewSet, "record")
router.register("alerts", AlertViewSet, "alert")

urlpatterns = [
    path("", include(router.urls)),
    path("", include(faces_urls.urlpatterns)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
