// The circuit's transactions, and a look at the status of positions that a test can call by name.
from services.perpetual.cairo.definitions.general_config import CollateralAssetInfo, GeneralConfig, SyntheticAssetInfo
from services.perpetual.cairo.definitions.objects import FundingIndicesInfo, OraclePrices
from services.perpetual.cairo.oracle.oracle_price import AssetOraclePrice, TimeBounds, check_oracle_price
from services.perpetual.cairo.position.funding import position_apply_funding
from services.perpetual.cairo.position.position import Position
from services.perpetual.cairo.position.status import position_get_status
from services.perpetual.cairo.position.validate_state_transition import check_valid_transition
from services.perpetual.cairo.transactions.deleverage import execute_deleverage
from services.perpetual.cairo.transactions.deposit import execute_deposit
from services.perpetual.cairo.transactions.funding_tick import execute_funding_tick
from services.perpetual.cairo.transactions.liquidate import execute_liquidate
from services.perpetual.cairo.transactions.oracle_prices_tick import execute_oracle_prices_tick
from services.perpetual.cairo.transactions.trade import execute_trade
from services.perpetual.cairo.transactions.withdrawal import execute_withdrawal

// What the circuit thinks of a position now: its collateral after funding, total value, total risk, return code.
struct Shown {
    collateral: felt,
    value: felt,
    risk: felt,
    code: felt,
}

// Shows `n` positions, one after another.
func show(
    range_check_ptr,
    n,
    positions: Position**,
    indices: FundingIndicesInfo*,
    prices: OraclePrices*,
    config: GeneralConfig*,
    shown: Shown*,
) -> (range_check_ptr: felt) {
    if (n == 0) {
        return (range_check_ptr=range_check_ptr);
    }
    alloc_locals;
    let (range_check_ptr, funded) = position_apply_funding(range_check_ptr, [positions], indices);
    local collateral = funded.collateral_balance;
    let (range_check_ptr, value, risk, code) = position_get_status(range_check_ptr, funded, prices, config);
    assert [shown] = Shown(collateral, value, risk, code);
    return show(range_check_ptr, n - 1, positions + 1, indices, prices, config, shown + Shown.SIZE);
}

// Return codes of `n` changes: pairs of (updated, initial) positions.
func changes(
    range_check_ptr, n, positions: Position**, prices: OraclePrices*, config: GeneralConfig*, codes: felt*
) -> (range_check_ptr: felt) {
    if (n == 0) {
        return (range_check_ptr=range_check_ptr);
    }
    alloc_locals;
    let (range_check_ptr, code) = check_valid_transition(
        range_check_ptr, positions[0], positions[1], prices, config
    );
    assert [codes] = code;
    return changes(range_check_ptr, n - 1, positions + 2, prices, config, codes + 1);
}
