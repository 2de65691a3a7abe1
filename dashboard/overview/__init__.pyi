from . import (
    elsewhere as elsewhere,
    held_out as held_out,
    live_reading as live_reading,
    quiz_parts as quiz_parts,
    story as story,
    story_parts as story_parts,
)
from .quiz_parts import (
    Quiz as Quiz,
)
from .tour_steps import (
    STEPS as STEPS,
)
