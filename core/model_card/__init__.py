"""Model cards: everything that an experiment's record says of its networks, for people, in Markdown."""

from core.model_card.document import ModelCard, Section, draw_model_card

__all__ = ["ModelCard", "Section", "draw_model_card"]
