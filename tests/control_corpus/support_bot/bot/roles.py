from enum import Enum


class Role(str, Enum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


SYSTEM = "system"
PROMPT_TOKENS = "prompt_tokens"
