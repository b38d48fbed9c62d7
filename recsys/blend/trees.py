"""LightGBM's trees as arrays, for the compiled loop that scores them: see `recsys.kernels.trees`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.compiled import kernels

MOST_LEAVES = 32  # of a tree: a bit each
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ZERO_IS_MISSING, _NAN_IS_MISSING = 1, 2
_SCRAMBLE = 0x077CB531  # a number whose shifts tell every single bit from all others


@dataclass(frozen=True)
class Trees:
    """The inner nodes of all trees one after the other, and their leaves from left to right.

    A row goes left where its value is at most the threshold; an unknown one where `is_left_unknown`. `removed` holds
    the bits of those leaves that are left over when it goes right."""

    tree_starts: Ints
    feature: Ints
    threshold: Floats
    is_left_unknown: Bools
    removed: Ints
    leaf_starts: Ints
    leaves: Floats

    @classmethod
    def of(cls, boosters: Sequence[lightgbm.Booster]) -> Trees | None:
        """Return the trees of some boosters, their scores averaged; None where a tree is of a kind not known here."""
        grown = [tree for booster in boosters for tree in booster.dump_model()["tree_info"]]
        if any(tree["num_leaves"] > MOST_LEAVES for tree in grown):
            return None
        found = [_Tree(tree["tree_structure"]) for tree in grown]
        if not all(tree.is_plain for tree in found):
            return None
        nodes = [node for tree in found for node in tree.nodes]
        threshold = np.array([node[1] for node in nodes], dtype=np.float64)
        largest = np.finfo(np.float32).max  # LightGBM's 1e300 stands for "any number"
        rounded = np.clip(threshold, -largest, largest).astype(np.float32)
        # downwards: no float32 lies between it and the threshold
        rounded = np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
        return cls(
            np.cumsum([0, *(len(tree.nodes) for tree in found)]),
            np.array([node[0] for node in nodes], dtype=np.int64),
            rounded.astype(np.float32),
            np.array([node[2] for node in nodes], dtype=bool),
            np.array([node[3] for node in nodes], dtype=np.uint32),
            np.cumsum([0, *(len(tree.leaves) for tree in found)]),
            np.array([leaf for tree in found for leaf in tree.leaves]) / len(boosters),
        )

    @property
    def parts(self) -> tuple[Any, ...]:
        """What the compiled loop asks for."""
        nodes = (self.tree_starts, self.feature, self.threshold, self.is_left_unknown, self.removed)
        return (*nodes, self.leaf_starts, self.leaves, _FIRST_BIT)

    def score(self, features: Floats) -> Floats:
        """Return one score per row of features; needs numba."""
        loops = kernels()
        assert loops is not None
        facts = np.ascontiguousarray(features, dtype=np.float32)
        return np.asarray(loops.grow_scores(facts, len(facts), *self.parts))


class _Tree:
    """Reads one tree as LightGBM dumps it."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.nodes: list[tuple[int, float, bool, int]] = []
        self.leaves: list[float] = []
        self.is_plain = True
        self._read(root)

    def _read(self, node: dict[str, Any]) -> None:
        if "leaf_value" in node:
            self.leaves.append(node["leaf_value"])
            return
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            self.is_plain = False
            return
        goes_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0.0
        place, first = len(self.nodes), len(self.leaves)
        self.nodes.append((0, 0.0, False, 0))
        self._read(node["left_child"])
        gone = (1 << len(self.leaves)) - (1 << first)
        self.nodes[place] = (node["split_feature"], node["threshold"], goes_left, 0xFFFFFFFF ^ gone)
        self._read(node["right_child"])


_FIRST_BIT = np.zeros(32, dtype=np.int64)
for _bit in range(32):
    _FIRST_BIT[((1 << _bit) * _SCRAMBLE & 0xFFFFFFFF) >> 27] = _bit
