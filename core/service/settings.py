"""The settings of the program, read from environment variables."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_NAME = "hemorrhage-by-patient"


class Settings(BaseSettings):
    """The settings as they are now; each is the environment variable STROKE_CT_NAME.

    Attributes:
        experiment: names of the experiments that read scans unless others are chosen: the panel. The first
            is the default experiment of pages and commands that use one. In the variable, commas separate
            them.

    >>> Settings(experiment="first, second").experiment
    ('first', 'second')
    """

    model_config = SettingsConfigDict(env_prefix="STROKE_CT_", env_ignore_empty=True)

    experiment: Annotated[tuple[str, ...], NoDecode] = (DEFAULT_NAME, "ischemia-by-study")

    @field_validator("experiment", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
