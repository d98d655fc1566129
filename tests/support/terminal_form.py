"""What the admin's form of a terminal sends."""

VALUES = {
    "name": "Front",
    "direction": "in",
    "unlock_delay_ms": "2500",
    "capacity": "",
    "api_address": "",
    "notes": "",
}
