"""`python -m core`: see core.cli.app."""

from core.cli.app import main

if __name__ == "__main__":
    main()
