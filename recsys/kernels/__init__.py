"""Loops compiled by numba, for shops that precompute slates by the million: `recsys.compiled` says where they are used.

Every kernel has a twin in numpy that gives the same answer several times slower; ties are broken by the lower number.
What branches cannot be foretold of is done without them: a product that does not count is written to a place nobody
reads.
"""

from recsys.kernels.attributes import likeness_to_tastes, likeness_within
from recsys.kernels.opinions import count_votes, judge_columns, link_values, put_facts, ranks_within
from recsys.kernels.ordering import order_scores
from recsys.kernels.selection import best_of_product, best_of_rows
from recsys.kernels.trees import grow_scores
from recsys.kernels.union import pick, table_of

__all__ = [
    "best_of_product",
    "best_of_rows",
    "count_votes",
    "grow_scores",
    "judge_columns",
    "likeness_to_tastes",
    "likeness_within",
    "link_values",
    "order_scores",
    "pick",
    "put_facts",
    "ranks_within",
    "table_of",
]
