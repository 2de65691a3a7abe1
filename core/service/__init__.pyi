from .settings import (
    DEFAULT_NAME as DEFAULT_NAME,
    Settings as Settings,
)
