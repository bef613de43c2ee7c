"""The cheapest matching of two kinds of things in pairs, by min-cost flow in exact integers, with its proof.

    cost = Σ alone_i · (units of i left alone) + Σ together_ij · (pairs of i and j)

Every unit is alone or in one pair of a left and a right thing. Successive shortest paths with potentials (Edmonds and
Karp, Journal of the ACM 19, 1972) send pairs along the path that saves most, until none saves. Prices y prove the
least cost: y_i ≤ alone_i and y_i + y_j ≤ together_ij for all i, j, and Σ y · units is the cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs by (left, right), and the prices that prove that nothing is cheaper."""

    pairs: Mapping[tuple[int, int], int]
    left_prices: tuple[int, ...]
    right_prices: tuple[int, ...]


class _Flow:
    """A residual network: arc k and its reverse k ^ 1."""

    def __init__(self, nodes: int) -> None:
        self.ends: list[int] = []
        self.room: list[int] = []
        self.cost: list[int] = []
        self.arcs: list[list[int]] = [[] for _ in range(nodes)]
        self.potential = [0] * nodes

    def add(self, start: int, end: int, room: int, cost: int) -> int:
        """A new arc; its number."""
        for a, b, r, c in ((start, end, room, cost), (end, start, 0, -cost)):
            self.arcs[a].append(len(self.ends))
            self.ends.append(b)
            self.room.append(r)
            self.cost.append(c)
        return len(self.ends) - 2

    def distances(self, source: int) -> tuple[dict[int, int], dict[int, int]]:
        """Least reduced cost from `source` to every node that can be reached, and the arc by which."""
        found: dict[int, int] = {}
        by: dict[int, int] = {}
        waiting = [(0, source, -1)]
        while waiting:
            far, node, arc = heappop(waiting)
            if node in found:
                continue
            found[node], by[node] = far, arc
            for arc in self.arcs[node]:
                end = self.ends[arc]
                if self.room[arc] and end not in found:
                    reduced = self.cost[arc] + self.potential[node] - self.potential[end]
                    heappush(waiting, (far + reduced, end, arc))
        return found, by

    def raise_potentials(self, distances: Mapping[int, int], most: int) -> None:
        """Add min(distance, most): no arc with room comes to cost less than nothing."""
        for node in range(len(self.potential)):
            self.potential[node] += min(distances.get(node, most), most)


def cheapest_matching(
    left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]], together: Mapping[tuple[int, int], int]
) -> Matching:
    """`left` and `right` are (units, cost alone of one); `together` the cost of one pair, where a pair is possible.

    >>> found = cheapest_matching([(2, 10), (1, 9)], [(1, 4)], {(0, 0): 5, (1, 0): 2})
    >>> found.pairs, found.left_prices, found.right_prices
    ({(1, 0): 1}, (10, 7), (-5,))
    """
    source, sink = len(left) + len(right), len(left) + len(right) + 1
    flow = _Flow(sink + 1)
    arc_of: dict[tuple[int, int], int] = {}
    unbounded = sum(units for units, _ in left) + 1
    best = [0] * len(right)
    for (i, j), cost in together.items():
        saved = left[i][1] + right[j][1] - cost
        if saved > 0:
            arc_of[i, j] = flow.add(i, len(left) + j, unbounded, -saved)
            best[j] = max(best[j], saved)
    for i, (units, _) in enumerate(left):
        flow.add(source, i, units, 0)
    for j, (units, _) in enumerate(right):
        flow.add(len(left) + j, sink, units, 0)
        flow.potential[len(left) + j] = -best[j]
    flow.potential[sink] = -max(best, default=0)
    while True:
        distances, by = flow.distances(source)
        gap = flow.potential[source] - flow.potential[sink]
        if sink not in distances or distances[sink] >= gap:
            flow.raise_potentials(distances, gap)
            break
        flow.raise_potentials(distances, distances[sink])
        path, node = [], sink
        while node != source:
            path.append(by[node])
            node = flow.ends[by[node] ^ 1]
        units = min(flow.room[arc] for arc in path)
        for arc in path:
            flow.room[arc] -= units
            flow.room[arc ^ 1] += units
    at = flow.potential
    return Matching(
        pairs={pair: flow.room[arc ^ 1] for pair, arc in arc_of.items() if flow.room[arc ^ 1]},
        left_prices=tuple(alone - max(0, at[i] - at[source]) for i, (_, alone) in enumerate(left)),
        right_prices=tuple(alone - max(0, at[sink] - at[len(left) + j]) for j, (_, alone) in enumerate(right)),
    )
