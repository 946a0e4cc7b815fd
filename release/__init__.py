"""Builds and checks what is released: ``make release``, described in docs/RELEASE.md."""
