"""Section ``[watchdog]``: from when on the terminal counts as stuck."""

from dataclasses import dataclass

from edge_agent.config.typed_tables import ranged


@dataclass(frozen=True, slots=True)
class WatchdogConfig:
    """Section ``[watchdog]``.

    Attributes:
        exit_after_s: the process ends itself when it was stuck for so long, and writes where; 0
            leaves that to systemd. For terminals that something else starts again.
        answer_within_s: a thread that takes longer for anything is stuck.
        camera_silence_s: a camera without a picture for so long is closed and opened again; 0 for
            never. Not for the driver ``folder``, whose visitors may take their time.
    """

    exit_after_s: float = ranged(0.0, 0, 86_400)
    answer_within_s: float = ranged(30.0, 0.1, 3600)
    camera_silence_s: float = ranged(60.0, 0, 86_400)
