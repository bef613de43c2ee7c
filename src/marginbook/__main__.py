"""`python -m marginbook`."""

from marginbook.cli import main

if __name__ == "__main__":
    main()
