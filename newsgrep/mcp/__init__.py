"""``newsgrep mcp``: an archive for assistants, by the Model Context Protocol.

:mod:`newsgrep.mcp.tools` is what an assistant can call, :mod:`newsgrep.mcp.answers` what it
receives, :mod:`newsgrep.mcp.server` the connection. Only :mod:`newsgrep.mcp.server` imports the
package ``mcp``, of the extra of this name. Tools read an :class:`newsgrep.api.archive.Archive` and
change nothing.
"""
