"""``python -m newsgrep`` is the command, where its script is not on the PATH."""

from newsgrep.cli import main

if __name__ == "__main__":
    main()
