"""The circuit in the Cairo machine: answers one JSON line for each on standard input. Run by a Python with cairo-lang.

Knows positions as plain integers; every transaction builds its memory anew, calls the circuit's function, and reads
back what it left. Hashes and signatures are stubs that accept anything; the tree that stores positions is not run.
"""

import gc
import json
import sys
from collections import defaultdict
from functools import lru_cache
from hashlib import blake2b

from starkware.cairo.common.cairo_function_runner import CairoFunctionRunner
from starkware.cairo.common.dict import DictManager
from starkware.cairo.lang.compiler import expression_evaluator
from starkware.cairo.lang.compiler.program import Program
from starkware.cairo.lang.compiler.references import Reference
from starkware.cairo.lang.compiler.scoped_name import ScopedName
from starkware.cairo.lang.vm import vm_consts
from starkware.cairo.lang.vm.vm_core import VirtualMachine
from starkware.cairo.lang.vm.vm_exceptions import VmException

PRIME = 2**251 + 17 * 2**192 + 1
COLLATERAL = 1
FEES = 999
FEE_KEY = 77
NEVER = 2**32 - 1
TABLES = "services.perpetual.cairo.definitions.perpetual_error_code.PerpetualErrorCode"
FUNCTIONS = (
    *(f"execute_{name}" for name in ("deposit", "withdrawal", "trade", "liquidate", "deleverage")),
    *("execute_funding_tick", "execute_oracle_prices_tick", "check_oracle_price", "show", "changes"),
)


def signed(felt):
    """A field element as the number that it stands for."""
    return felt if felt < PRIME // 2 else felt - PRIME


class Nothing(set):
    """Takes what nobody reads: which instruction ran when, and what it touched."""

    def append(self, _):
        """Nothing."""

    add = update = append


class Light(VirtualMachine):
    """The machine without its trace, and decoding every instruction once."""

    def __init__(self, *args, **known):
        super().__init__(*args, **known)
        self.trace = self.accessed_addresses = Nothing()
        self.decoded = {}

    def decode_current_instruction(self):
        """The instruction at the program counter: code does not change."""
        pc = self.run_context.pc
        if pc not in self.decoded:
            self.decoded[pc] = super().decode_current_instruction()
        return self.decoded[pc]


class Machine:
    """State of the system between transactions, and the program."""

    def __init__(self, path):
        with open(path) as file:
            self.program = Program.Schema().load(json.load(file))
        self.entries = {name: self.program.get_label(name) for name in FUNCTIONS}
        self.calls = 0
        names = self.program.identifiers.get_scope(ScopedName.from_string(TABLES)).identifiers
        self.codes = {found.value: name for name, found in names.items() if hasattr(found, "value")}

    def start(self, scene):
        """Begin with the scene's assets, and no position but the one that collects fees."""
        self.assets = scene["assets"]  # id -> [resolution, segments]
        self.by_balance = scene["by_balance"]
        self.prices = scene["prices"]
        self.indices = scene["indices"]
        self.time = scene["time"]
        self.nonce = 0
        self.positions = {
            number: [0, 0, []] for number in scene["positions"]
        }  # key, collateral, [[id, balance, index]]
        self.positions[FEES] = [FEE_KEY, 0, []]

    # What the circuit reads.

    def config(self):
        """General configuration; lists become pointers."""
        infos = []
        for name, (resolution, segments) in sorted(self.assets.items(), key=lambda row: int(row[0])):
            flat = [x for row in segments for x in row]
            infos += [int(name), resolution, len(segments), flat, 1, [int(name)], 1, 1, [5]]
        most = 2**40
        return [most, [COLLATERAL, 10**6], [FEES, FEE_KEY], len(self.assets), infos, 64, 64, [10**6, 10**6], 0,
                int(self.by_balance)]  # fmt: skip

    def indices_of(self, values, time):
        rows = [x for name, value in sorted(values.items(), key=lambda row: int(row[0])) for x in (int(name), value)]
        return [len(values), rows, time]

    def prices_of(self, values):
        rows = [x for name, value in sorted(values.items(), key=lambda row: int(row[0])) for x in (int(name), value)]
        return [len(values), rows]

    def position_of(self, number):
        key, collateral, assets = self.positions[number]
        return [key, collateral, len(assets), [x for row in assets for x in row], self.time]

    # What it is asked.

    def signature(self, key):
        """Base of an order: its own nonce, so that none is a repetition."""
        self.nonce += 1
        return [self.nonce, key, NEVER, 1, 1]

    def order(self, number, buying, asset, synthetic, collateral, fee):
        key = self.positions[number][0] or number + 1000
        return [self.signature(key), synthetic, collateral, fee, asset, COLLATERAL, number, int(buying)]

    def transaction(self, kind, a):
        """The transaction's struct, from its plain arguments."""
        if kind == "deposit":
            return [a["position"] + 1000, a["position"], a["amount"]]
        if kind == "withdrawal":
            key = self.positions[a["position"]][0] or a["position"] + 1000
            return [self.signature(key), a["position"], a["amount"], key]
        if kind in ("trade", "liquidate"):
            amounts = (a["asset"], a["synthetic"], max(a["collateral"], 1))
        if kind == "trade":
            orders = [self.order(a[side], side == "buyer", *amounts, a[f"{side}_fee"]) for side in ("buyer", "seller")]
            return [*orders, a["collateral"], a["synthetic"], a["buyer_fee"], a["seller_fee"]]
        if kind == "liquidate":
            order = self.order(a["liquidator"], a["buying"], *amounts, a["fee"])
            return [order, a["position"], a["collateral"], a["synthetic"], a["fee"]]
        if kind == "deleverage":
            return [a["position"], a["other"], a["asset"], a["synthetic"], a["collateral"], int(a["buying"])]
        if kind == "funding_tick":
            return [self.indices_of(a["indices"], a["time"])]
        return [self.prices_of(a["prices"]), a["time"]]

    def runner(self):
        """A machine whose signatures and hashes are stubs, with fresh memory for its checks."""
        if self.calls % 256 == 0:
            runner = self.loaded = CairoFunctionRunner(self.program, layout="plain")
            runner.ecdsa_builtin.verify_signature = lambda *_: True
            runner.pedersen_builtin.hash_func = _any_hash
            runner.initialize_function_entrypoint(0, [])
            runner.initialize_vm(hint_locals={}, vm_class=Light)
            gc.collect()
        self.calls += 1
        runner = self.loaded
        for builtin in (runner.range_check_builtin, runner.ecdsa_builtin, runner.pedersen_builtin):
            builtin.initialize_segments(runner)
            builtin.add_validation_rules(runner)
            builtin.add_auto_deduction_rules(runner)
        return runner

    def call(self, runner, name, arguments, **known):
        """Run one function from its label to its end."""
        stack, end = runner.segments.add(), runner.segments.add()
        words = [runner.segments.gen_arg(argument) for argument in arguments]
        runner.load_data(stack, [*words, 0, end])
        context, runner.vm.exec_scopes = runner.vm.run_context, [dict(known)]
        context.pc = runner.program_base + self.entries[name]
        context.ap = context.fp = stack + len(words) + 2
        while context.pc != end:
            runner.vm.step()

    def execute(self, kind, arguments):
        """None, or why the circuit refuses."""
        runner = self.runner()
        segments, dictionaries = runner.segments, DictManager()
        pointers = {number: segments.gen_arg(self.position_of(number)) for number in self.positions}
        positions = dictionaries.new_dict(segments, pointers)
        orders = dictionaries.new_dict(segments, {})
        dictionaries.trackers[orders.segment_index].data = defaultdict(int)
        prices, indices = self.prices_of(self.prices), self.indices_of(self.indices, self.time)
        state = segments.gen_arg([positions, orders, indices, prices, self.time])
        low = [x for name in sorted(map(int, self.prices)) for x in (name, 1)]
        high = [x for name in sorted(map(int, self.prices)) for x in (name, 2**64 - 1)]
        batch = [self.config(), low, high, len(self.prices), 0]
        outputs = [segments.add(), segments.add(), segments.add(), segments.add()]
        args = (
            runner.pedersen_builtin.base,
            runner.range_check_builtin.base,
            runner.ecdsa_builtin.base,
            state,
            segments.gen_arg(batch),
            segments.gen_arg(outputs),
            segments.gen_arg(self.transaction(kind, arguments)),
        )
        try:
            self.call(runner, f"execute_{kind}", args, __dict_manager=dictionaries)
        except (VmException, AssertionError):
            code = runner.vm.exec_scopes[-1].get("error_code")
            return self.codes[code] if code is not None else "asserted"
        memory = runner.vm_memory
        carried = runner.get_return_values(2)[0]
        positions, _, indices, prices, self.time = memory.get_range(carried, 5)
        tracker = dictionaries.get_dict(positions)
        for number in self.positions:
            key, collateral, count, at, _ = memory.get_range(tracker[number], 5)
            rows = [[signed(x) for x in memory.get_range(at + 3 * i, 3)] for i in range(count)]
            self.positions[number] = [key, signed(collateral), rows]
        count, at, _ = memory.get_range(indices, 3)
        self.indices = {str(memory[at + 2 * i]): signed(memory[at + 2 * i + 1]) for i in range(count)}
        count, at = memory.get_range(prices, 2)
        self.prices = {str(memory[at + 2 * i]): memory[at + 2 * i + 1] for i in range(count)}
        return None

    def accepts_price(self, asset, external, internal):
        """Whether an oracle's signed price [10^-18] stands for this one [32.32]."""
        runner = self.runner()
        signed_price = [5, external, self.time, asset, 1, 1]
        config = self.config()
        infos = config[4]
        at = next(i for i in range(0, len(infos), 9) if infos[i] == asset)
        args = (
            runner.range_check_builtin.base,
            runner.ecdsa_builtin.base,
            runner.pedersen_builtin.base,
            [0, 2**32 - 1],
            [asset, internal, 1, signed_price],
            infos[at : at + 9],
            config[1],
        )
        try:
            self.call(runner, "check_oracle_price", args)
        except (VmException, AssertionError):
            return False
        return True

    def show(self, numbers):
        """[collateral after funding, total value, total risk, code] of each position."""
        runner = self.runner()
        out = runner.segments.add()
        args = (
            runner.range_check_builtin.base,
            len(numbers),
            [self.position_of(number) for number in numbers],
            self.indices_of(self.indices, self.time),
            self.prices_of(self.prices),
            self.config(),
            out,
        )
        try:
            self.call(runner, "show", args)
        except VmException:
            if len(numbers) == 1:
                return {numbers[0]: [0, 0, 0, "asserted"]}
            return {number: shown for one in numbers for number, shown in self.show([one]).items()}
        found = [signed(x) for x in runner.vm_memory.get_range(out, 4 * len(numbers))]
        rows = [found[i : i + 4] for i in range(0, len(found), 4)]
        return {number: [*row[:3], self.codes[row[3]]] for number, row in zip(numbers, rows, strict=True)}

    def changes(self, pairs, prices):
        """Names of the return codes of changes: ((collateral, assets) afterwards, and before)."""
        runner = self.runner()
        out = runner.segments.add()
        both = [[1, c, len(rows), [x for row in rows for x in row], self.time] for pair in pairs for c, rows in pair]
        args = (
            runner.range_check_builtin.base,
            len(pairs),
            both,
            self.prices_of(prices),
            self.config(),
            out,
        )
        self.call(runner, "changes", args)
        return [self.codes[code] for code in runner.vm_memory.get_range(out, len(pairs))]

    def answer(self, question):
        """One question, one answer."""
        kind, look = question.pop("kind"), question.pop("look", ())
        if kind == "start":
            self.start(question)
            refused = None
        elif kind in ("price", "changes"):
            return self.accepts_price(**question) if kind == "price" else self.changes(**question)
        else:
            refused = self.execute(kind, question)
        stored = {number: self.positions[number][1:] for number in look}
        return {"refused": refused, "stored": stored, "shown": self.show(look)}


def _any_hash(x, y):
    return int.from_bytes(blake2b(f"{x},{y}".encode(), digest_size=31).digest(), "big")


def remember():
    """Hints look names and references up by walking trees, the same ones every time: remember what was found."""
    lookup, evaluate, simplify = (
        vm_consts.search_identifier_or_scope,
        Reference.eval,
        expression_evaluator.simplify_type_system,
    )
    named, evaluated, simplified = {}, {}, {}

    def lookup_once(identifiers, accessible_scopes, name):
        key = (tuple(scope.path for scope in accessible_scopes), name.path)
        if key not in named:
            named[key] = lookup(identifiers=identifiers, accessible_scopes=accessible_scopes, name=name)
        return named[key]

    def evaluate_once(reference, tracking):
        key = (id(reference), tracking.group, tracking.offset)
        if key not in evaluated:
            evaluated[key] = (reference, evaluate(reference, tracking))  # kept alive: its id stays its own
        return evaluated[key][1]

    def simplify_once(expression, identifiers):
        if id(expression) not in simplified:
            simplified[id(expression)] = (expression, simplify(expression, identifiers=identifiers))
        return simplified[id(expression)][1]

    vm_consts.search_identifier_or_scope = lookup_once
    vm_consts.simplify_type_system = expression_evaluator.simplify_type_system = simplify_once
    vm_consts.ScopedName.from_string = lru_cache(None)(vm_consts.ScopedName.from_string)
    Reference.eval = evaluate_once


def main():
    """Answer until the input ends."""
    remember()
    gc.disable()  # but for a collection now and then
    machine = Machine(sys.argv[1])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(machine.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
