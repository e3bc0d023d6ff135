"""A synthetic SMPL file: arrays of the right shapes, of random numbers."""

from typing import Any

import numpy as np

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]


def smpl_arrays(vertices: int = 6890) -> dict[str, Any]:
    """Return the arrays; with 6890 vertices those of which the expected vertices are known."""
    rng = np.random.default_rng(7)
    made: dict[str, Any] = {
        "v_template": rng.uniform(-1, 1, (vertices, 3)),
        "shapedirs": rng.normal(0, 0.01, (vertices, 3, 10)),
        "posedirs": rng.normal(0, 0.001, (vertices, 3, 207)),
        "J_regressor": np.zeros((24, vertices)),
        "weights": np.zeros((vertices, 24)),
    }
    for row in made["J_regressor"]:
        at, share = rng.choice(vertices, 16, False), rng.random(16)
        row[at] = share / share.sum()
    for row in made["weights"]:
        at, share = rng.choice(24, 4, False), rng.random(4)
        row[at] = share / share.sum()
    made["f"] = rng.integers(0, vertices, (2 * vertices - 4, 3))
    parents = np.array(PARENTS, np.int64) % 2**32
    made["kintree_table"] = np.stack([parents, np.arange(24)]).astype(np.uint32)
    return made
