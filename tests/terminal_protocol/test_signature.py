"""Signatures of chapter 4."""

from terminal_protocol import is_fresh, is_signed, sign


def test_the_seeds_example_is_right() -> None:
    assert sign("1573539353795", "123456") == "188ef735093645c802b0e4741bd3e9a1"


def test_a_signature_fits_its_password_and_moment_only() -> None:
    signature = sign(1573539353795, "123456")

    assert is_signed("1573539353795", signature, "123456")
    assert is_signed("1573539353795", signature.upper(), "123456", any_case=True)
    assert not is_signed("1573539353795", signature.upper(), "123456")
    assert not is_signed("1573539353796", signature, "123456")
    assert not is_signed("1573539353795", signature, "654321")
    assert not is_signed("1573539353795", "签名", "123456")


def test_five_minutes_are_the_window() -> None:
    assert is_fresh(1_000_000, 1_000_000 + 300_000)
    assert not is_fresh(1_000_000, 1_000_000 + 300_001)
    assert not is_fresh(1_000_000, 1_000_000 - 300_001)
