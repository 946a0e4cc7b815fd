"""``newsgrep serve``: the archive as pages for a browser, and as a JSON API.

One process speaks HTTP (:mod:`newsgrep.web.server`) and passes each request to one of a few worker
processes (:mod:`newsgrep.web.workers`), which have the index open and return a whole answer
(:mod:`newsgrep.web.site`). A query over the time limit is ended with its process. Matching, ranking
and the forms of results are those of :mod:`newsgrep.search` and :mod:`newsgrep.views`.

It needs the extra ``web``: Starlette, uvicorn and Jinja2. Nothing is loaded from the network.
"""
