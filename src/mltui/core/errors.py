"""Every error that mltui raises on purpose, with the exit code it ends a script with.

MltuiError 1
├── UsageError 2
├── ConfigError 52
│   ├── PersonaError
│   └── PolicyFileError
├── AuthError 41
├── SandboxError 44
├── TrustError 55
├── SessionError
├── ModelError
│   ├── ContextOverflowError
│   ├── ModelRequestError      the provider refused the request as it is
│   └── ModelUnavailableError 75   rate limit, overload, network: try again later
├── LimitError 53              turns, tokens, dollars, seconds
├── ToolError                  told to the model, which may try something else
│   ├── InvalidArgumentsError
│   ├── DeniedError
│   └── UndeclaredEffectError  a bug in a tool
└── ExperimentError
    ├── NotARepositoryError
    ├── ProposalError          a proposal that cannot be made or decided as asked
    ├── ApprovalVoidError      what would run is not what was approved
    └── JournalError           the journal was changed or cut
"""

from __future__ import annotations


class MltuiError(Exception):
    """An error with one line for the person: what happened, and what to do about it.

    Attributes:
        exit_code: what `mltui` ends with when this error ends it.
        hint: what to do, or an empty string.
    """

    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else type(self).__name__
        return f"{message.rstrip('.')} — {self.hint}" if self.hint else message


class UsageError(MltuiError):
    exit_code = 2


class ConfigError(MltuiError):
    exit_code = 52


class PersonaError(ConfigError):
    pass


class PolicyFileError(ConfigError):
    pass


class AuthError(MltuiError):
    exit_code = 41


class SandboxError(MltuiError):
    exit_code = 44


class TrustError(MltuiError):
    exit_code = 55


class SessionError(MltuiError):
    pass


class ModelError(MltuiError):
    pass


class ContextOverflowError(ModelError):
    pass


class ModelRequestError(ModelError):
    pass


class ModelUnavailableError(ModelError):
    """The provider cannot answer now.

    Attributes:
        retry_after: seconds that the provider asked us to wait, if it said so.
    """

    exit_code = 75

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class LimitError(MltuiError):
    """A limit that the person set was reached.

    Attributes:
        limit: which one: `turns`, `tokens`, `budget_usd` or `timeout`.
    """

    exit_code = 53

    def __init__(self, message: str, *, limit: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


class ToolError(MltuiError):
    pass


class InvalidArgumentsError(ToolError):
    pass


class DeniedError(ToolError):
    pass


class UndeclaredEffectError(ToolError):
    pass


class ExperimentError(MltuiError):
    pass


class NotARepositoryError(ExperimentError):
    pass


class ProposalError(ExperimentError):
    pass


class ApprovalVoidError(ExperimentError):
    pass


class JournalError(ExperimentError):
    pass
