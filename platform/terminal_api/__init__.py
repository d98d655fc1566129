"""Terminal API: the five addresses that terminals call, and their pictures (decision 0027)."""
