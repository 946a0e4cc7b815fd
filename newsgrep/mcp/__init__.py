"""``newsgrep mcp``: an archive for assistants, by the Model Context Protocol.

:mod:`newsgrep.mcp.tools` is what an assistant can call, and the connection;
:mod:`newsgrep.mcp.answers` is what it receives. Only the former imports the package ``mcp``, of
the extra of this name. Tools read an :class:`newsgrep.api.archive.Archive` and
change nothing.
"""
