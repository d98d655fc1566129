"""Behaviour shared by all terminals of a fleet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TerminalBehaviour:
    """Behaviour of the terminals: intervals, capacity, and simulated faults.

    Attributes:
        strangers: part of the visitors that the terminal does not know, 0 to 1.
        people_most: so many different people of its library walk by at a terminal; 0 for all.
        fetches: whether pictures of the library are fetched.
        duplicates: part of the uploads that are sent twice at once, 0 to 1.
        lost_answers: part of the uploads whose connection is cut before the answer, 0 to 1.
        skew_s: how far each terminal's clock is off at most, in seconds.
        single_results: part of the terminals that report each face by itself instead of a page at
            once (field notes: both are seen), 0 to 1.
        picture_again_s: pauses after which a picture that did not come is tried again, in seconds;
            as edge_agent's, but that a test ends before its longest ones.
    """

    heartbeat_s: float = 30.0
    sync_s: float = 10.0
    strangers: float = 0.1
    people_most: int = 0
    fetches: bool = True
    duplicates: float = 0.0
    lost_answers: float = 0.0
    skew_s: float = 0.0
    single_results: float = 0.0
    picture_again_s: tuple[float, ...] = (30.0, 120.0, 600.0)
    timeout_s: float = 15.0
