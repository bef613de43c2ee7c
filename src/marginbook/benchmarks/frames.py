"""batch-vs-frames: the figures of batch-margin from the same columns by Polars and DuckDB, on all cores."""

from typing import Any

import numpy as np

from marginbook.benchmarks.batch import cross_book
from marginbook.benchmarks.measure import row, seconds
from marginbook.benchmarks.synthetic import MARKETS, bracket_rows, market_name
from marginbook.book import kernel
from marginbook.book.layout import OUTPUT


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Kernel against lazy Polars and against DuckDB SQL."""
    import duckdb
    import polars as pl

    made, part, book = cross_book(accounts, seed)
    records = book.store.records
    out = np.empty(len(records.pools), OUTPUT)
    ours = seconds(lambda: kernel.sweep_outputs_parallel(records, out))
    prices = [float(made.market.quotes["binance", market_name(n), "mark"].price) for n in range(MARKETS)]
    low, rate, cum = (np.zeros((MARKETS, 10)) for _ in range(3))
    for n in range(MARKETS):
        rows = bracket_rows(n)
        low[n] = [float(cells[0]) for cells in rows]
        rate[n] = [float(cells[2]) for cells in rows]
        cum[n, 1:] = np.cumsum(low[n, 1:] * np.diff(rate[n]))
    positions = pl.DataFrame(
        {
            "account": part.account.astype(np.int32),
            "market": part.market.astype(np.int32),
            "quantity": part.quantity / 1e8,
            "entry": part.entry / 1e8,
            "leverage": part.leverage / 1e2,
        }
    )
    wallets = pl.DataFrame({"account": np.arange(accounts, dtype=np.int32), "wallet": part.wallet / 1e8})
    names = np.arange(MARKETS, dtype=np.int32)
    markets = pl.DataFrame({"market": names, "price": prices})
    brackets = pl.DataFrame(
        {"market": np.repeat(names, 10), "low": low.ravel(), "rate": rate.ravel(), "cum": cum.ravel()}
    )
    wide = pl.DataFrame({"market": names} | {f"low{k}": low[:, k] for k in range(1, 10)})
    wide = wide.with_columns(**{f"rate{k}": rate[:, k] for k in range(10)}, **{f"cum{k}": cum[:, k] for k in range(10)})

    def bracketed(what: str) -> Any:
        expression = pl.col(f"{what}0")
        for k in range(1, 10):
            expression = (
                pl.when(pl.col("notional") >= pl.col(f"low{k}")).then(pl.col(f"{what}{k}")).otherwise(expression)
            )
        return expression

    lazy = (
        positions.lazy()
        .join(markets.lazy(), on="market")
        .join(wide.lazy(), on="market")
        .with_columns(notional=pl.col("quantity").abs() * pl.col("price"))
        .with_columns(
            profit=pl.col("quantity") * (pl.col("price") - pl.col("entry")),
            initial=pl.col("notional") / pl.col("leverage"),
            maintenance=pl.col("notional") * bracketed("rate") - bracketed("cum"),
        )
        .group_by("account")
        .agg(pl.col("profit", "initial", "maintenance").sum())
        .join(wallets.lazy(), on="account")
        .with_columns(equity=pl.col("wallet") + pl.col("profit"))
        .with_columns(ratio=pl.col("maintenance") / pl.col("equity"))
        .with_columns(zone=(pl.col("ratio") > 0.8).cast(pl.Int8) + (pl.col("ratio") > 0.9) + (pl.col("ratio") >= 1.0))
    )
    theirs = lazy.collect().sort("account")
    held = theirs["account"].to_numpy()
    np.testing.assert_allclose(theirs["maintenance"].to_numpy(), out["maintenance_margin"][held], rtol=1e-6, atol=1e-4)
    polars_time = seconds(lambda: lazy.collect(), 5)
    base = duckdb.connect()
    for name, frame in (("positions", positions), ("wallets", wallets), ("markets", markets), ("brackets", brackets)):
        base.register("incoming", frame.to_arrow())
        base.execute(f"create table {name} as select * from incoming")
        base.unregister("incoming")
    sql = _duck_sql()
    duck_time = seconds(lambda: base.execute(sql).fetchnumpy(), 5)
    return [
        row("batch-vs-frames polars", ours * 1e3, "ms", f"Polars, {polars_time * 1e3:.4g} ms", polars_time / ours),
        row("batch-vs-frames duckdb", ours * 1e3, "ms", f"DuckDB, {duck_time * 1e3:.4g} ms", duck_time / ours),
    ]


def _duck_sql() -> str:
    """The figures in SQL, brackets by a join on the interval that holds the notional."""
    return """
        with priced as (
            select p.account, p.market, p.quantity * (m.price - p.entry) as profit,
                abs(p.quantity) * m.price as notional, p.leverage
            from positions p join markets m using (market)
        ), bounded as (
            select market, low, rate, cum,
                coalesce(lead(low) over (partition by market order by low), 'infinity'::double) as high
            from brackets
        ), summed as (
            select p.account, sum(p.profit) as profit, sum(p.notional / p.leverage) as initial,
                sum(p.notional * b.rate - b.cum) as maintenance
            from priced p join bounded b on p.market = b.market and p.notional >= b.low and p.notional < b.high
            group by p.account
        )
        select s.account, w.wallet + s.profit as equity, s.profit, s.initial, s.maintenance,
            s.maintenance / (w.wallet + s.profit) as ratio,
            case when ratio >= 1 then 3 when ratio > 0.9 then 2 when ratio > 0.8 then 1 else 0 end as zone
        from summed s join wallets w using (account)
    """
