"""`python -m core`: see core.cli.app."""

from core.cli import main

if __name__ == "__main__":
    main()
