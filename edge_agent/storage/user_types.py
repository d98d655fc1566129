"""``userType`` between the words of chapter 9 and the numbers of chapter 8.2.1."""

from typing import Final

EMPLOYEE: Final = 1
STRANGER: Final = -1

# The library may call people anything ("student", "user"); who is none of these is an employee.
_NUMBERS: Final = {
    "2": 2,
    "visitor": 2,
    "访客": 2,
    "3": 3,
    "blacklist": 3,
    "黑名单": 3,
    "-1": STRANGER,
    "stranger": STRANGER,
    "陌生人": STRANGER,
}


def user_type_number(user_type: str) -> int:
    """Return the number of 8.2.1 for what chapter 9 sent."""
    return _NUMBERS.get(user_type.strip().lower(), EMPLOYEE)


def type_sql(column: str) -> str:
    """Return `user_type_number` of a column as an SQL expression."""
    cases = " ".join(f"WHEN '{word}' THEN {number}" for word, number in _NUMBERS.items())
    return f"CASE lower(trim({column})) {cases} ELSE {EMPLOYEE} END"
