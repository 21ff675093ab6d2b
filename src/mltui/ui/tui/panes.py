"""Which pane asks what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mltui.core.approval import (
    ApprovalRequest,
    Decision,
    ExperimentRequest,
    KeepRequest,
    PermissionRequest,
    PromotionRequest,
    QuestionRequest,
    TrustRequest,
)
from mltui.ui.tui.experiment_pane import ExperimentPane, KeepPane
from mltui.ui.tui.permission_pane import PermissionPane
from mltui.ui.tui.promotion_pane import PromotionPane
from mltui.ui.tui.question_pane import QuestionPane
from mltui.ui.tui.trust_pane import TrustPane

if TYPE_CHECKING:
    from textual.screen import Screen


def pane_for(request: ApprovalRequest | TrustRequest, by: str) -> Screen[Decision]:
    """Returns: the pane that puts this request to the person `by`."""
    match request:
        case PermissionRequest():
            return PermissionPane(request, by)
        case ExperimentRequest():
            return ExperimentPane(request, by)
        case KeepRequest():
            return KeepPane(request, by)
        case PromotionRequest():
            return PromotionPane(request, by)
        case QuestionRequest():
            return QuestionPane(request, by)
        case TrustRequest():
            return TrustPane(request, by)
