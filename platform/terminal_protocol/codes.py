"""Answer codes: chapter 7 of the seed, and success of chapter 9."""

from enum import StrEnum


class RetCode(StrEnum):
    """Code of an answer: ``ret`` of chapter 9 and ``code`` of chapters 4 to 8, as text."""

    SUCCESS = "0"
    PASSWORD_NOT_EXIST = "10001"
    PASSWORD_EXPIRED = "10002"
    REQUEST_EXPIRED = "10003"
    IP_INVALID = "10004"
    SIGNATURE_FAILED = "10005"
    USER_NOT_EXISTS = "20001"
    USER_NOT_MATCH = "20002"
    PARAM_INVALID = "30001"
    NO_FACE_DETECTED = "30002"
    MISSING_PARAM = "30003"
    AVATAR_FILE_ILLEGAL = "30004"
    NOT_SUPPORTED = "40001"
    RPC_FAILED = "50001"
    INTERNAL_ERROR = "50002"
    MULTI_REQUEST_ERROR = "50003"
    METHOD_NOT_ALLOWED = "50004"
    SEARCH_LIST_NULL = "50008"
    DATABASE_FULL = "50009"
    UNKNOWN_ERROR = "99999"

    @property
    def message(self) -> str:
        """The seed's English message."""
        return MESSAGES[self][0]

    @property
    def cause(self) -> str:
        """The seed's Chinese cause."""
        return MESSAGES[self][1]


MESSAGES: dict[RetCode, tuple[str, str]] = {
    RetCode.SUCCESS: ("Success", "成功"),
    RetCode.PASSWORD_NOT_EXIST: ("Password Not Exist", "Password 不存在"),
    RetCode.PASSWORD_EXPIRED: ("Password Expired", "Password 已过期"),
    RetCode.REQUEST_EXPIRED: ("Request Expired", "请求过期"),
    RetCode.IP_INVALID: ("IP Invalid", "IP 地址不在白名单"),
    RetCode.SIGNATURE_FAILED: ("Signature Failed", "签名无效"),
    RetCode.USER_NOT_EXISTS: ("User Not Exists", "人员不存在"),
    RetCode.USER_NOT_MATCH: ("User Not Match", "人员不匹配"),
    RetCode.PARAM_INVALID: ("Param Invalid", "参数不合法"),
    RetCode.NO_FACE_DETECTED: ("No Face Detected In The Image", "图片中未检测到人脸"),
    RetCode.MISSING_PARAM: ("Missing Param", "缺失参数"),
    RetCode.AVATAR_FILE_ILLEGAL: ("Avatar File Illegal", "图片格式不合格"),
    RetCode.NOT_SUPPORTED: ("Not Support", "不支持"),
    RetCode.RPC_FAILED: ("RPC Failed", "服务器同步服务出错，时间戳非法"),
    RetCode.INTERNAL_ERROR: ("Internal Server Error", "服务器内部错误"),
    RetCode.MULTI_REQUEST_ERROR: ("Multi Request Error", "批处理请求出错"),
    RetCode.METHOD_NOT_ALLOWED: ("Request Method Not Allowed", "请求方法无效"),
    RetCode.SEARCH_LIST_NULL: ("Search List Null", "搜索记录为空"),
    RetCode.DATABASE_FULL: ("Database Full", "人脸数据库已满"),
    RetCode.UNKNOWN_ERROR: ("Unknown Error", "未知错误"),
}
