"""Which columns of sites, terminals, tokens and users are audited."""

from django.contrib.auth.models import Group, User

from devices.choices import AuditKind
from devices.models import ApiToken, Site, SiteMembership, SiteToken, Terminal
from devices.services import audit_changes
from server_common.change_tracking import rows_changed, watch


def watch_rows() -> None:
    """Begin to watch, when the app is ready."""
    rows_changed.connect(audit_changes, dispatch_uid="devices.audit_changes")
    site = [one.name for one in Site._meta.concrete_fields if one.editable and not one.primary_key]
    watch(Site, kind=AuditKind.SITE, fields=site, site=".")
    watch(
        SiteToken,
        kind=AuditKind.ADDRESS_TOKEN,
        fields=["terminal", "ends_at"],
        masked=["token"],
        site="site",
    )
    watch(SiteMembership, kind=AuditKind.MEMBERSHIP, fields=["user", "role"], site="site")
    watch(
        Terminal,
        kind=AuditKind.TERMINAL,
        fields=[
            "name",
            "direction",
            "capacity",
            "status",
            "api_address",
            "push_port",
            "all_libraries",
            "unlock_delay_ms",
            "own_address_since",
        ],
        masked=["api_password"],
        site="site",
        # Terminals announce themselves, strangers as many as they like.
        comes_by_itself=True,
    )
    watch(
        ApiToken,
        kind=AuditKind.API_TOKEN,
        fields=["name", "user", "all_sites", "read_only", "expires_at", "revoked_at"],
        many=["sites"],
    )
    watch(
        User,
        kind=AuditKind.USER,
        fields=["username", "is_active", "is_staff", "is_superuser"],
        masked=["password"],
        many=["groups", "user_permissions"],
        name="username",
    )
    watch(Group, kind=AuditKind.GROUP, fields=["name"], many=["permissions"])
