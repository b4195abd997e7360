"""Nested tuples, lists, dicts and named tuples taken apart into leaves, and put together again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "TreeSpec",
    "tree_any",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_map_only",
    "tree_unflatten",
]


class TreeSpec(NamedTuple):
    """The structure of a tree: a type, what it needs beside its children, and the structures of those."""

    type: type | None
    context: Any
    children: tuple[TreeSpec, ...]

    @property
    def num_leaves(self) -> int:
        """How many leaves such a tree has."""
        return 1 if self.type is None else sum(child.num_leaves for child in self.children)


_LEAF = TreeSpec(None, None, ())


def _is_named(kind: type) -> bool:
    return issubclass(kind, tuple) and (hasattr(kind, "_fields") or hasattr(kind, "n_sequence_fields"))


def _children(tree: Any) -> tuple[list, Any] | None:
    kind = type(tree)
    if kind in (dict, OrderedDict):
        return list(tree.values()), list(tree)
    if kind in (tuple, list) or _is_named(kind):
        return list(tree), None
    return None


def tree_flatten(tree: Any) -> tuple[list, TreeSpec]:
    """The leaves of a tree, and its structure."""
    found = _children(tree)
    if found is None:
        return [tree], _LEAF
    leaves: list = []
    specs = []
    for child in found[0]:
        own, spec = tree_flatten(child)
        leaves += own
        specs.append(spec)
    return leaves, TreeSpec(type(tree), found[1], tuple(specs))


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The tree of these leaves."""
    remaining = list(leaves)
    if len(remaining) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: {len(remaining)} leaves for a structure of {treespec.num_leaves}")
    return _build(iter(remaining), treespec)


def _build(leaves: Any, spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(leaves)
    children = [_build(leaves, child) for child in spec.children]
    if spec.context is not None:
        return spec.type(zip(spec.context, children))
    return spec.type(*children) if hasattr(spec.type, "_fields") else spec.type(children)


def tree_leaves(tree: Any) -> list:
    """The leaves of a tree."""
    return tree_flatten(tree)[0]


def tree_map(func: Callable, tree: Any, *rests: Any) -> Any:
    """The tree of what `func` makes of each leaf, and of the leaves at its place in `rests`."""
    leaves, spec = tree_flatten(tree)
    others = [broadcast_prefix(rest, spec, tree) for rest in rests]
    return tree_unflatten([func(*values) for values in zip(leaves, *others)], spec)


def tree_map_only(kind: Any, func: Callable, tree: Any) -> Any:
    """The tree with `func` applied to leaves of one type."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)


def tree_any(predicate: Callable[[Any], bool], tree: Any) -> bool:
    """Whether a leaf fulfils the predicate."""
    return any(predicate(leaf) for leaf in tree_leaves(tree))


def broadcast_prefix(prefix: Any, spec: TreeSpec, what: Any) -> list:
    """One value per leaf of `spec`: those of `prefix`, each repeated for all leaves below it; ValueError if none."""
    if spec.type is None or _children(prefix) is None:
        if spec.type is None and _children(prefix) is not None:
            raise ValueError(f"structure {prefix} does not fit that of {what}")
        return [prefix] * spec.num_leaves
    children, context = _children(prefix)
    same_kind = type(prefix) is spec.type or {type(prefix), spec.type} <= {tuple, list}
    if not same_kind or len(children) != len(spec.children) or context != spec.context:
        raise ValueError(f"structure {prefix} does not fit that of {what}")
    values: list = []
    for child, child_spec in zip(children, spec.children):
        values += broadcast_prefix(child, child_spec, what)
    return values
