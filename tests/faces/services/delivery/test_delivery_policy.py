"""What a terminal's word about a face means, and whether telling it again can help."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.choices import Operation, Remedy
from faces.services.delivery.policy import BACK_OFF, next_try, verdict

SAVE, DELETE = Operation.SAVE, Operation.DELETE


@pytest.mark.parametrize(
    ("code", "message"),
    [("100", "操作成功"), ("0", ""), ("200", "ok"), ("100", "download failed")],
)
def test_success_is_a_known_code_and_nothing_else(code: str, message: str) -> None:
    assert verdict(operation=SAVE, code=code, message=message).is_done
    assert verdict(operation=DELETE, code=code, message=message).is_done


@pytest.mark.parametrize(
    ("code", "message", "may_retry", "remedy"),
    [
        ("101", "图片中未检测到人脸", False, Remedy.RETAKE),
        ("30002", "", False, Remedy.RETAKE),
        ("30002", "download failed", False, Remedy.RETAKE),
        ("50009", "人脸数据库已满", False, Remedy.FREE_SPACE),
        ("30001", "Param Invalid", False, Remedy.CORRECT_ENTRY),
        ("30003", "", False, Remedy.CORRECT_ENTRY),
        ("40001", "", False, Remedy.LOOK_AT_TERMINAL),
        ("30004", "", True, Remedy.LOOK_AT_TERMINAL),
        ("50001", "", True, Remedy.LOOK_AT_TERMINAL),
        ("50002", "", True, Remedy.LOOK_AT_TERMINAL),
        ("99999", "", True, Remedy.LOOK_AT_TERMINAL),
        ("113", "", True, Remedy.LOOK_AT_TERMINAL),
        ("", "", True, Remedy.LOOK_AT_TERMINAL),
        # A code nobody documented: its words decide.
        ("102", "图片下载失败", True, Remedy.LOOK_AT_TERMINAL),
        ("102", "Download failed: no picture", True, Remedy.LOOK_AT_TERMINAL),
        ("103", "未检测到人脸", False, Remedy.RETAKE),
        ("103", "No face found", False, Remedy.RETAKE),
        ("104", "人脸库已满", False, Remedy.FREE_SPACE),
        ("104", "Database is FULL", False, Remedy.FREE_SPACE),
        # Not done, although a word of success is in it.
        ("105", "操作成功", True, Remedy.LOOK_AT_TERMINAL),
        ("", "操作成功", True, Remedy.LOOK_AT_TERMINAL),
    ],
)
def test_a_failed_save(code: str, message: str, may_retry: bool, remedy: str) -> None:
    found = verdict(operation=SAVE, code=code, message=message)

    assert (found.is_done, found.may_retry, found.remedy) == (False, may_retry, remedy)


@pytest.mark.parametrize(("code", "message"), [("20001", ""), ("107", "人员不存在")])
def test_whom_a_terminal_does_not_know_it_need_not_delete(code: str, message: str) -> None:
    assert verdict(operation=DELETE, code=code, message=message).is_done
    assert not verdict(operation=SAVE, code=code, message=message).is_done


@given(st.sampled_from([SAVE, DELETE]), st.text(max_size=16), st.text(max_size=255))
def test_whatever_is_not_done_says_what_to_do(operation: str, code: str, message: str) -> None:
    found = verdict(operation=operation, code=code, message=message)

    assert found.is_done is (found.remedy == "")


def test_the_waits_grow_and_end() -> None:
    waits = [next_try(tries=tries) for tries in range(1, len(BACK_OFF) + 1)]

    assert waits == sorted(BACK_OFF)
    assert timedelta(hours=12) < sum(BACK_OFF, timedelta()) < timedelta(days=1)
    assert next_try(tries=len(BACK_OFF) + 1) is None
    assert next_try(tries=0) is None
