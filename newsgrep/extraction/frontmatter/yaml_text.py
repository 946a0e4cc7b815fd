"""YAML whose values are all text: loaded only for front matter that is not simple."""

from __future__ import annotations

import yaml

from newsgrep.messages import message


class _TextLoader(yaml.CSafeLoader):
    """Safe YAML in which every value is text, a list or a mapping, whatever its tag.

    Without implicit tags there are no merge keys, which could grow without limit; aliases share
    a value and do not copy it. Explicit tags are ignored: the library raises errors of many
    kinds for values such as ``!!bool x``, and cannot print numbers of many digits.
    """

    def any_value(self, node: yaml.Node) -> object:
        """Return the value of ``node``, by its shape only."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_yaml_map(node)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_yaml_seq(node)
        return node.value


_TextLoader.yaml_implicit_resolvers = {}
_TextLoader.yaml_constructors = {None: _TextLoader.any_value}


def load_yaml(block: str) -> object:
    """Return the value of ``block``: texts, lists and mappings, None if it is empty.

    Raises ``ValueError`` if it is not valid or nested too deeply.
    """
    try:
        loaded: object = yaml.load(block, Loader=_TextLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, OverflowError) as exc:
        raise ValueError(message("not valid YAML")) from exc
    return loaded
