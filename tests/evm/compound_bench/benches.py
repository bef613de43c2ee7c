"""The two benches."""

from compound_bench import figures_2, figures_3, market_2, market_3, scene_2, scene_3, walk_2, walk_3
from compound_bench.run import Bench
from marginbook.venues.compound.comet.steps import step as step_3
from marginbook.venues.compound.v2.steps import step as step_2

BENCH_2 = Bench(scene_2.scene, walk_2.opening, walk_2.walk, step_2, figures_2.model_numbers, market_2.deploy)
BENCH_3 = Bench(scene_3.scene, walk_3.opening, walk_3.walk, step_3, figures_3.model_numbers, market_3.deploy)
