from . import held_out as held_out
from . import live_reading as live_reading
from . import quiz_parts as quiz_parts
from . import story as story
from . import story_parts as story_parts
from .quiz_parts import (
    Quiz as Quiz,
)
from .tour_steps import (
    STEPS as STEPS,
)
