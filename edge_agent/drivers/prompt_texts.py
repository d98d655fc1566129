"""Texts of prompts in the languages of the people at the door."""

from enum import StrEnum
from typing import Final

from edge_agent.drivers.base import Cue, Prompt


class Language(StrEnum):
    """Language of prompts."""

    ENGLISH = "en"
    CHINESE = "zh"


_WORDS: Final[dict[Language, dict[Cue, str]]] = {
    Language.ENGLISH: {
        Cue.WAIT: "One moment, please",
        Cue.WELCOME: "Welcome",
        Cue.REFUSED: "You may not enter here",
        Cue.STRANGER: "You are not known here",
        Cue.LOOK_HERE: "Please come closer and look at the camera",
        Cue.FEVER: "Your temperature is too high",
        Cue.MASK_MISSING: "Please put on a mask",
        Cue.TRY_LATER: "Please try again in a moment",
        Cue.IDLE: "",
    },
    Language.CHINESE: {
        Cue.WAIT: "请稍候",
        Cue.WELCOME: "欢迎",
        Cue.REFUSED: "您没有通行权限",
        Cue.STRANGER: "未识别到您的身份",
        Cue.LOOK_HERE: "请靠近一点，正视摄像头",
        Cue.FEVER: "体温过高",
        Cue.MASK_MISSING: "请佩戴口罩",
        Cue.TRY_LATER: "请稍后再试",
        Cue.IDLE: "",
    },
}
_COMMA: Final = {Language.ENGLISH: ", ", Language.CHINESE: "，"}
_DEGREES: Final = {Language.ENGLISH: "{:.1f} °C", Language.CHINESE: "体温{:.1f}度"}


def words(prompt: Prompt, language: Language, *, with_name: bool = True) -> str:
    """Return the text of a prompt; empty for a silent one.

    Args:
        prompt: the cue; a temperature is given along with a welcome and with a fever.
        language: of the words; a person's own words of welcome are as they were entered.
        with_name: whether the person is called by name; others in the corridor need not hear it.
            Texts of their own are given as they are, with no name behind them.
    """
    parts = [_WORDS[language][prompt.cue]]
    if prompt.cue is Cue.WELCOME and prompt.welcome:
        parts = [prompt.welcome]
    elif prompt.cue is Cue.WELCOME and with_name and prompt.name:
        parts.append(prompt.name)
    if prompt.temperature_c is not None and prompt.cue in {Cue.WELCOME, Cue.FEVER}:
        parts.append(_DEGREES[language].format(prompt.temperature_c))
    return _COMMA[language].join(part for part in parts if part)
