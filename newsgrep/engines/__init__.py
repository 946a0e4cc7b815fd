"""Where documents are kept and matched: one seam, several engines that agree.

An engine never sees a raw query string and never segments text.
"""
