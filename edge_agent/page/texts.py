"""Texts of the page in English and Chinese, and the choice between them."""

import re
from typing import Final

from edge_agent.config import Language
from edge_agent.config.sections import PageLanguage

_RANGE: Final = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?(?:;q=([01](?:\.\d{0,3})?))?")
_HEADER_MAX: Final = 512

# name: English, Chinese. What stands in braces is filled in by the page's script.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    # signing in
    "title": ("Door terminal", "门禁终端"),
    "sign_in": ("Sign in", "登录"),
    "password": ("Device password", "设备密码"),
    "sign_out": ("Sign out", "退出登录"),
    "language": ("Language", "语言"),
    "needs_script": ("This page needs JavaScript.", "此页面需要启用 JavaScript。"),
    # headings
    "live": ("Live picture", "实时画面"),
    "passes": ("Last passes", "最近通行"),
    "status": ("Status", "状态"),
    "openings": ("Opened from afar", "远程开门"),
    # buttons and the dialogue
    "open_door": ("Open door", "开门"),
    "sync_now": ("Synchronise now", "立即同步"),
    "open_why": ("Why is the door opened?", "为什么开门？"),
    "open_noted": (
        "The reason is written down with your address.",
        "开门原因和您的地址会被记录。",
    ),
    "go_on": ("Continue", "继续"),
    "cancel": ("Cancel", "取消"),
    "open_sure": ("Really open the door now?", "确定现在开门吗？"),
    "open_yes": ("Yes, open the door", "确定开门"),
    "opened": ("The door was opened.", "门已打开。"),
    "sync_asked": ("The platform is asked for people now.", "正在向平台同步人员。"),
    # labels
    "loops": ("Parts", "运行部件"),
    "platform": ("Platform", "平台"),
    "people": ("People", "人员"),
    "library": ("Library", "人员库"),
    "uploads": ("Uploads waiting", "待上传"),
    "clock": ("Clock", "时钟"),
    "thermometer": ("Thermometer", "测温"),
    # values
    "people_held": ("{held} held, {known} can be recognised", "共 {held} 人，可识别 {known} 人"),
    "library_age": ("complete {ago}", "{ago}完成同步"),
    "library_never": ("not complete yet", "尚未完成同步"),
    "uploads_parked": ("{count} the platform will not take", "{count} 条平台不接收"),
    "clock_same": ("as the computer's", "与系统时间一致"),
    "clock_moved": ("{seconds} s against the computer's", "与系统时间相差 {seconds} 秒"),
    "clock_browser": (
        "your device differs by {seconds} s",
        "与您的设备相差 {seconds} 秒",
    ),
    "no_thermometer": ("none", "未安装"),
    "no_reading": ("no reading yet", "暂无读数"),
    "not_working": ("not working", "故障"),
    "answered": ("answers", "已连接"),
    "unanswered": ("does not answer", "无响应"),
    "not_known": ("not known yet", "未知"),
    "just_now": ("just now", "刚刚"),
    "ago_s": ("{n} s ago", "{n} 秒前"),
    "ago_min": ("{n} min ago", "{n} 分钟前"),
    "ago_h": ("{n} h ago", "{n} 小时前"),
    "ago_d": ("{n} days ago", "{n} 天前"),
    "no_passes": ("No passes yet.", "暂无通行记录。"),
    "stranger": ("Stranger", "陌生人"),
    "visitor": ("Visitor", "访客"),
    "blacklist": ("Blacklist", "黑名单"),
    "similarity": ("similarity", "相似度"),
    "by_card": ("by card", "刷卡"),
    "mask_worn": ("mask worn", "已戴口罩"),
    "mask_bare": ("no mask", "未戴口罩"),
    "door_open": ("Opened", "已开门"),
    "door_closed": ("Closed", "未开门"),
    "door_unknown": ("Not known", "未知"),
    "door_deciding": ("Deciding …", "判定中…"),
    # loops and their states
    "loop_door": ("Door", "门口识别"),
    "loop_library": ("Library", "人员同步"),
    "loop_cards": ("Cards", "刷卡"),
    "loop_watchdog": ("Watchdog", "看门狗"),
    "loop_uplink": ("Uploads", "上传"),
    "loop_presence": ("Heartbeat", "心跳"),
    "loop_visit_writer": ("Visits without room", "待落盘记录"),
    "loop_api": ("Device interface", "设备接口"),
    "loop_page": ("This page", "本页面"),
    "state_starting": ("starting", "启动中"),
    "state_running": ("running", "运行中"),
    "state_degraded": ("degraded", "异常"),
    "state_stopped": ("stopped", "已停止"),
    # the picture
    "picture_waiting": ("Waiting for the first picture …", "正在等待第一张画面…"),
    "picture_old": ("No new picture, this one is from {ago}", "没有新画面，当前为{ago}的画面"),
    "picture_none": ("The camera gives no picture.", "摄像头没有画面。"),
    "picture_ended": ("The camera has no more pictures.", "摄像头已无更多画面。"),
    "camera_trouble": (
        "The camera or the recognition does not work; it is tried again.",
        "摄像头或识别故障，正在重试。",
    ),
    # why the door opened or did not: edge_agent.door.decision.Reason
    "reason_platform_allowed": ("by the platform", "平台允许"),
    "reason_platform_refused": ("by the platform", "平台拒绝"),
    "reason_platform_away": ("platform not reached", "无法连接平台"),
    "reason_answer_late": ("no answer in time", "平台应答超时"),
    "reason_not_stored": ("the platform did not take it", "平台未接收"),
    "reason_local_allowed": ("by the local rule", "本地规则允许"),
    "reason_unrecognised_allowed": ("open to anybody without a fever", "体温正常即放行"),
    "reason_nobody": ("not recognised", "未识别"),
    "reason_kept_out": ("kept out", "禁止通行"),
    "reason_temperature_high": ("temperature too high", "体温过高"),
    "reason_temperature_missing": ("no temperature", "没有体温"),
    "reason_library_stale": ("library too old", "人员库过旧"),
    "reason_mask_missing": ("no mask", "未戴口罩"),
    "reason_outside_visit": ("not the time of the visit", "不在访问时间内"),
    "reason_not_alive": ("seems to be a picture", "疑似照片"),
    "reason_not_on_record": ("no room to note it", "存储已满，无法记录"),
    "reason_relay_failed": ("the lock could not be switched", "门锁无法控制"),
    # troubles
    "file_trouble": (
        "The terminal's data cannot be read now; people, uploads and new passes are not shown.",
        "终端数据暂时无法读取，人员、上传和新的通行记录无法显示。",
    ),
    "lost": ("The terminal does not answer.", "终端没有响应。"),
    "problem_host": (
        "This terminal is not called that. Use its address in numbers, or add the name to"
        " [page] names of its configuration.",
        "终端不使用此名称。请使用数字地址，或在配置 [page] names 中添加该名称。",
    ),
    "problem_origin": (
        "The request came from another page and was not done.",
        "请求来自其他页面，未执行。",
    ),
    "problem_token": (
        "The page is out of date. Load it anew.",
        "页面已过期，请刷新。",
    ),
    "problem_not_allowed": (
        "Your address may not call this terminal (10004).",
        "您的地址不允许访问此终端（10004）。",
    ),
    "problem_password_not_set": (
        "No device password is set, so signing in is impossible (10001).",
        "未设置设备密码，无法登录（10001）。",
    ),
    "problem_password_expired": (
        "The device password has expired (10002).",
        "设备密码已过期（10002）。",
    ),
    "problem_password_wrong": ("The password is not right.", "密码错误。"),
    "problem_too_often": (
        "Too many wrong passwords. Try again in {seconds} s.",
        "密码错误次数过多，请 {seconds} 秒后重试。",
    ),
    "problem_signed_out": ("You are signed out.", "您已退出登录。"),
    "problem_not_found": ("There is nothing here.", "页面不存在。"),
    "problem_method": ("That cannot be done here.", "不支持此操作。"),
    "problem_content": ("The request could not be understood.", "无法理解请求内容。"),
    "problem_too_long": ("The request is too long.", "请求内容过长。"),
    "problem_too_slow": ("The request took too long.", "请求超时。"),
    "problem_reason": (
        "A reason of 1 to 255 characters is needed.",
        "请输入 1 到 255 个字符的原因。",
    ),
    "problem_confirm": (
        "That was too long ago. Ask again.",
        "确认已失效，请重新操作。",
    ),
    "problem_relay_failed": (
        "The lock could not be switched; the door stays closed.",
        "门锁无法控制，门保持关闭。",
    ),
    "problem_not_noted": (
        "The opening could not be written down; the door stays closed.",
        "无法记录开门原因，门保持关闭。",
    ),
    "problem_file": ("The terminal's data cannot be read now.", "终端数据暂时无法读取。"),
    "problem_watchers": (
        "Too many people watch. The picture comes when a viewer leaves.",
        "观看人数已满，有人离开后显示画面。",
    ),
    "problem_trouble": ("Something went wrong on the terminal.", "终端出错。"),
}


def texts_of(language: Language) -> dict[str, str]:
    """Return the texts of a language by name."""
    column = 1 if language is Language.CHINESE else 0
    return {name: both[column] for name, both in _WORDS.items()}


def language_chosen(text: str) -> Language | None:
    """Return a language by its name, None for any other text."""
    return Language(text) if text in set(Language) else None


def language_first(configured: PageLanguage, accepted: str) -> Language:
    """Return the language before a visitor chooses.

    Args:
        configured: ``language`` of the section ``[page]``.
        accepted: the header Accept-Language; English where it names no language of the page.
    """
    if configured is not PageLanguage.BROWSER:
        return Language(configured.value)
    best, best_weight = Language.ENGLISH, 0.0
    for part in accepted[:_HEADER_MAX].split(","):
        found = _RANGE.fullmatch(part.replace(" ", ""))
        language = language_chosen(found[1].lower()) if found else None
        weight = float(found[2] or 1) if found else 0.0
        # The first of equal ones counts.
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best
