"""Metrics of the fleet for Prometheus (``/metrics``), read from the database at each scrape.

Figures belong to the fleet and not to a process, so they are counted where all processes write:
any process may answer, and a restart loses none. Every query reads few rows or a partial index;
what would scan large tables (records, all deliveries) is left out.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import (
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    Sum,
)
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from console.models import FileCount
from devices.models import Terminal
from devices.selectors import is_administrator
from devices.services import api_token_user
from faces.choices import DeliveryState, RevocationState
from faces.models import Delivery, Revocation
from records.choices import AlertState
from records.models import Alert
from server_common.sign_in_guard import TOKEN_ACCOUNT, Caller, failure_note, wait_left_s

# Seconds until the last door forgot: within a poll, within minutes, within a working day, later.
BUCKETS_S = (5, 15, 30, 60, 120, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600)


class Fleet(Collector):
    """Collector of all metrics that are read from the database."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        yield _terminals()
        yield _revocation_seconds()
        yield from _revocations_open()
        yield _needing_action()
        yield _unconfirmed()
        yield _not_reporting()
        yield _alerts()
        yield from _files()


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape by a superuser or with a superuser's token; 401 to all others.

    Wrong tokens of an address have to wait as in REST: 429 until then.
    """
    user, wait_s = _scraper(request)
    if wait_s:
        refusal = HttpResponse("too many wrong tokens; come again later\n", "text/plain", 429)
        refusal["Retry-After"] = str(wait_s)
        return refusal
    if user is None or not is_administrator(user):
        refusal = HttpResponse("a superuser's token is needed\n", "text/plain", 401)
        refusal["WWW-Authenticate"] = "Token"
        return refusal
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Fleet())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _scraper(request: HttpRequest) -> tuple[Any, int]:
    """Return the scraping user, None for a wrong token, and how long such a caller has to wait."""
    word, _, token = request.headers.get("Authorization", "").partition(" ")
    if word.lower() != "token":
        return request.user, 0
    user = api_token_user(token.strip())
    if user is not None:
        return user, 0
    caller = Caller.of(request, TOKEN_ACCOUNT)
    wait_s = wait_left_s(caller)
    if not wait_s:
        failure_note(caller, path=request.path)
    return None, wait_s


def _terminals() -> Metric:
    family = GaugeMetricFamily(
        "menjin_terminals", "Terminals.", labels=["site", "status", "presence"]
    )
    rows = Terminal.objects.values_list("site__code", "status", "presence").order_by()
    for site, status, presence, number in rows.annotate(number=Count("pk")):
        family.add_metric([site, status, presence], number)
    return family


def _revocation_seconds() -> Metric:
    family = HistogramMetricFamily(
        "menjin_revocation_seconds",
        "From the decision that somebody must leave until the last door confirmed.",
        labels=["site"],
    )
    took = ExpressionWrapper(F("ended_at") - F("begun_at"), output_field=DurationField())
    within: Any = {
        f"within_{seconds}": Count("pk", filter=Q(took__lte=timedelta(seconds=seconds)))
        for seconds in BUCKETS_S
    }
    rows: Any = (
        Revocation.objects.filter(state=RevocationState.FORGOTTEN)
        .annotate(took=took)
        .values("site__code")
        .order_by()
        .annotate(number=Count("pk"), total=Sum("took"), **within)
    )
    for row in rows:
        buckets = [(str(float(seconds)), row[f"within_{seconds}"]) for seconds in BUCKETS_S]
        family.add_metric(
            [row["site__code"]],
            [*buckets, ("+Inf", row["number"])],
            sum_value=row["total"].total_seconds(),
        )
    return family


def _revocations_open() -> Iterator[Metric]:
    number = GaugeMetricFamily(
        "menjin_revocations_open",
        "People whom some door has not forgotten yet.",
        labels=["site", "state"],
    )
    oldest = GaugeMetricFamily(
        "menjin_revocation_oldest_seconds",
        "How long the oldest of them has been waiting.",
        labels=["site", "state"],
    )
    rows = Revocation.objects.filter(ended_at__isnull=True).values_list("site__code", "state")
    now = timezone.now()
    for site, state, count, begun_at in rows.order_by().annotate(
        number=Count("pk"), oldest=Min("begun_at")
    ):
        number.add_metric([site, state], count)
        oldest.add_metric([site, state], (now - begun_at).total_seconds())
    yield number
    yield oldest


def _needing_action() -> Metric:
    family = GaugeMetricFamily(
        "menjin_deliveries_needing_somebody",
        "Faces that no further try will bring to a terminal, by what has to be done.",
        labels=["site", "remedy"],
    )
    rows = Delivery.objects.exclude(remedy="").values_list("terminal__site__code", "remedy")
    for site, remedy, number in rows.order_by().annotate(number=Count("pk")):
        family.add_metric([site, remedy], number)
    return family


def _unconfirmed() -> Metric:
    family = GaugeMetricFamily(
        "menjin_deliveries_unconfirmed",
        "Faces that a terminal has not reported on in time, by how often it was asked in vain.",
        labels=["site", "unanswered"],
    )
    rows = Delivery.objects.filter(state=DeliveryState.UNCONFIRMED)
    for site, times, number in (
        rows.values_list("terminal__site__code", "unanswered")
        .order_by()
        .annotate(number=Count("pk"))
    ):
        family.add_metric([site, str(times)], number)
    return family


def _not_reporting() -> Metric:
    family = GaugeMetricFamily(
        "menjin_terminals_not_reporting",
        "Terminals that were told faces and never sent a result.",
        labels=["site"],
    )
    fetched = Delivery.objects.filter(terminal=OuterRef("pk"), state=DeliveryState.FETCHED)
    rows = Terminal.objects.filter(Exists(fetched), cursor__reported_at__isnull=True)
    for site, number in rows.values_list("site__code").order_by().annotate(number=Count("pk")):
        family.add_metric([site], number)
    return family


def _alerts() -> Metric:
    family = GaugeMetricFamily(
        "menjin_alerts_open",
        "Alerts that are not cleared.",
        labels=["site", "kind", "severity", "state"],
    )
    rows = Alert.objects.exclude(state=AlertState.CLEARED)
    for *labels, number in (
        rows.values_list("site__code", "kind", "severity", "state")
        .order_by()
        .annotate(number=Count("pk"))
    ):
        family.add_metric(labels, number)
    return family


def _files() -> Iterator[Metric]:
    count = FileCount.objects.first()
    yield GaugeMetricFamily(
        "menjin_files",
        "Stored files, when they were counted last.",
        value=count.counted if count else 0,
    )
    yield GaugeMetricFamily(
        "menjin_files_unnamed",
        "Stored files that no row had named for a day.",
        value=count.unnamed if count else 0,
    )
    yield GaugeMetricFamily(
        "menjin_files_sweep_stopped",
        "1 while too many files have no row, so that none is moved to the trash.",
        value=int(count is not None and count.stopped_at is not None),
    )
