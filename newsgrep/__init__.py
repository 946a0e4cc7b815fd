"""newsgrep: full-text search for people who keep news archives."""

__version__ = "0.1.0"
