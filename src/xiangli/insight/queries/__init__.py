"""What insight reads. Every reader takes the actor."""

from xiangli.insight.queries.figures import Figures, TopicRow, UnitRow, figures, now_of

__all__ = ["Figures", "TopicRow", "UnitRow", "figures", "now_of"]
