"""Who decided, and from where."""

from __future__ import annotations

from mltui.core.data import Data


class Origin(Data):
    """Who decided or proposed, and from where.

    Attributes:
        os_user: the login name, which the system vouches for.
        identity: `Name <mail>` of git's configuration, or empty.
        via: `app`, `plain`, `headless`, `cli`, or `agent`.
    """

    os_user: str
    identity: str = ""
    host: str = ""
    via: str = ""
