"""The bench of v2, a market per seed."""

from typing import Any

from compound_bench.run import Bench

from gmx_bench import figures_2, model_2, scene_2, walk_2
from gmx_bench.market_2 import Deployed


def bench(seed: int) -> Bench:
    """The market of a seed, its walk, and both sides."""
    start = model_2.opening(scene_2.scene(seed))

    def deploy(contracts: dict[str, Any], state: Any) -> Deployed:
        return Deployed(contracts, state.setup)

    return Bench(
        scene=lambda: start,
        opening=lambda: walk_2.opening(start),
        walk=walk_2.walk,
        step=model_2.step,
        model_numbers=figures_2.model_numbers,
        deploy=deploy,
    )
