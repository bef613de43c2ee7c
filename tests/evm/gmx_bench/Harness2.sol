// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

import "gmx-synthetics/contracts/position/DecreasePositionUtils.sol";
import "gmx-synthetics/contracts/position/IncreasePositionUtils.sol";

/// One market of the venue's own libraries on its own stores: takes orders without queue, tokens, keepers and swaps,
/// is its own oracle, and shows every stored number.
contract Harness2 {
    using Position for Position.Props;

    DataStore private store;
    EventEmitter private emitter;
    Market.Props private market;
    mapping(address => Price.Props) private prices;
    mapping(address => mapping(address => uint256)) public paid;

    struct Order2 {
        address account;
        address collateral;
        bool isLong;
        uint256 size;
        uint256 amount;
        Order.OrderType kind;
        bool isAdl;
        address uiFeeReceiver;
    }

    /// By side there are two values, long and short; by sign the value of a better balance and that of a worse one.
    struct Terms {
        uint256[2] positionFee;
        uint256[2] impactFactor;
        uint256[2] impactExponent;
        uint256[2] maxImpact;
        uint256 maxImpactForLiquidations;
        uint256 minCollateralFactor;
        uint256 minCollateralFactorForLiquidation;
        uint256[2] openInterestMultiplier;
        uint256 minCollateralUsd;
        uint256 minPositionSizeUsd;
        uint256 liquidationFee;
        uint256 feeReceiver;
        uint256[2] maxPnl;
        bool inTokens;
        bool skipSmallerSide;
        uint256[2] reserve;
        uint256[2] openInterestReserve;
        uint256[2] borrowing;
        uint256[2] borrowingExponent;
        uint256[2] optimalUsage;
        uint256[2] baseBorrowing;
        uint256[2] aboveOptimal;
        uint256[8] funding;
        uint256[2] pool;
        uint256 impactPool;
        uint256 leastImpactPool;
        uint256 distribution;
        bool virtualInventory;
        int256 virtualStart;
        uint256 uiFee;
        uint256 discount;
    }

    constructor(DataStore store_, EventEmitter emitter_, Market.Props memory market_) {
        (store, emitter, market) = (store_, emitter_, market_);
    }

    function configure(Terms memory t, address discounted, address uiFeeReceiver) external {
        address m = market.marketToken;
        MarketStoreUtils.set(store, m, bytes32(uint256(1)), market);
        for (uint256 i; i < 2; i++) {
            bool flag = i == 0;
            store.setUint(Keys.positionFeeFactorKey(m, flag), t.positionFee[i]);
            store.setUint(Keys.positionImpactFactorKey(m, flag), t.impactFactor[i]);
            store.setUint(Keys.positionImpactExponentFactorKey(m, flag), t.impactExponent[i]);
            store.setUint(Keys.maxPositionImpactFactorKey(m, flag), t.maxImpact[i]);
            store.setUint(Keys.minCollateralFactorForOpenInterestMultiplierKey(m, flag), t.openInterestMultiplier[i]);
            store.setUint(Keys.maxPnlFactorKey(Keys.MAX_PNL_FACTOR_FOR_TRADERS, m, flag), t.maxPnl[i]);
            store.setUint(Keys.reserveFactorKey(m, flag), t.reserve[i]);
            store.setUint(Keys.openInterestReserveFactorKey(m, flag), t.openInterestReserve[i]);
            store.setUint(Keys.borrowingFactorKey(m, flag), t.borrowing[i]);
            store.setUint(Keys.borrowingExponentFactorKey(m, flag), t.borrowingExponent[i]);
            store.setUint(Keys.optimalUsageFactorKey(m, flag), t.optimalUsage[i]);
            store.setUint(Keys.baseBorrowingFactorKey(m, flag), t.baseBorrowing[i]);
            store.setUint(Keys.aboveOptimalUsageBorrowingFactorKey(m, flag), t.aboveOptimal[i]);
            store.setUint(Keys.maxOpenInterestKey(m, flag), type(uint128).max);
            store.setUint(Keys.poolAmountKey(m, flag ? market.longToken : market.shortToken), t.pool[i]);
            for (uint256 j; j < 2; j++) {
                address token = j == 0 ? market.longToken : market.shortToken;
                store.setUint(Keys.maxCollateralSumKey(m, token, flag), type(uint256).max);
            }
        }
        store.setUint(Keys.maxPositionImpactFactorForLiquidationsKey(m), t.maxImpactForLiquidations);
        store.setUint(Keys.minCollateralFactorKey(m), t.minCollateralFactor);
        store.setUint(Keys.minCollateralFactorForLiquidationKey(m), t.minCollateralFactorForLiquidation);
        store.setUint(Keys.liquidationFeeFactorKey(m), t.liquidationFee);
        store.setUint(Keys.MIN_COLLATERAL_USD, t.minCollateralUsd);
        store.setUint(Keys.MIN_POSITION_SIZE_USD, t.minPositionSizeUsd);
        store.setUint(Keys.POSITION_FEE_RECEIVER_FACTOR, t.feeReceiver);
        store.setUint(Keys.BORROWING_FEE_RECEIVER_FACTOR, t.feeReceiver);
        store.setUint(Keys.LIQUIDATION_FEE_RECEIVER_FACTOR, t.feeReceiver);
        store.setUint(Keys.CLAIMABLE_COLLATERAL_TIME_DIVISOR, 3600);
        store.setAddress(Keys.HOLDING_ADDRESS, address(this));
        store.setBool(Keys.USE_OPEN_INTEREST_IN_TOKENS_FOR_BALANCE, t.inTokens);
        store.setBool(Keys.SKIP_BORROWING_FEE_FOR_SMALLER_SIDE, t.skipSmallerSide);
        store.setUint(Keys.fundingFactorKey(m), t.funding[0]);
        store.setUint(Keys.fundingExponentFactorKey(m), t.funding[1]);
        store.setUint(Keys.fundingIncreaseFactorPerSecondKey(m), t.funding[2]);
        store.setUint(Keys.fundingDecreaseFactorPerSecondKey(m), t.funding[3]);
        store.setUint(Keys.thresholdForStableFundingKey(m), t.funding[4]);
        store.setUint(Keys.thresholdForDecreaseFundingKey(m), t.funding[5]);
        store.setUint(Keys.minFundingFactorPerSecondKey(m), t.funding[6]);
        store.setUint(Keys.maxFundingFactorPerSecondKey(m), t.funding[7]);
        store.setUint(Keys.positionImpactPoolAmountKey(m), t.impactPool);
        store.setUint(Keys.minPositionImpactPoolAmountKey(m), t.leastImpactPool);
        store.setUint(Keys.positionImpactPoolDistributionRateKey(m), t.distribution);
        if (t.virtualInventory) {
            bytes32 id = bytes32(uint256(7));
            store.setBytes32(Keys.virtualTokenIdKey(market.indexToken), id);
            store.setInt(
                t.inTokens
                    ? Keys.virtualInventoryForPositionsInTokensKey(id)
                    : Keys.virtualInventoryForPositionsKey(id),
                t.virtualStart
            );
        }
        store.setUint(Keys.uiFeeFactorKey(uiFeeReceiver), t.uiFee);
        store.setUint(Keys.MAX_UI_FEE_FACTOR, t.uiFee);
        store.setUint(Keys.proTraderTierKey(discounted), 1);
        store.setUint(Keys.proDiscountFactorKey(1), t.discount);
    }

    function setPrice(address token, uint256 min, uint256 max) external {
        prices[token] = Price.Props(min, max);
    }

    function getPrimaryPrice(address token) external view returns (Price.Props memory) {
        return prices[token];
    }

    function update() public {
        PositionUtils.updateFundingAndBorrowingState(store, emitter, market, _prices());
        MarketUtils.distributePositionImpactPool(store, emitter, market.marketToken);
    }

    function increase(Order2 memory o) external {
        update();
        PositionUtils.UpdatePositionParams memory p = _params(o);
        if (p.position.account() == address(0)) {
            p.position.setAccount(o.account);
            p.position.setMarket(market.marketToken);
            p.position.setCollateralToken(o.collateral);
            p.position.setIsLong(o.isLong);
        }
        IncreasePositionUtils.increasePosition(p, o.amount);
    }

    /// What the order came to: output, second output, size, collateral withdrawn.
    function decrease(Order2 memory o) external returns (uint256, uint256, uint256, uint256) {
        update();
        PositionUtils.UpdatePositionParams memory p = _params(o);
        PositionUtils.validateNonEmptyPosition(p.position);
        DecreasePositionUtils.DecreasePositionResult memory r = DecreasePositionUtils.decreasePosition(p);
        paid[o.account][r.outputToken] += r.outputAmount;
        paid[o.account][r.secondaryOutputToken] += r.secondaryOutputAmount;
        return (r.outputAmount, r.secondaryOutputAmount, r.orderSizeDeltaUsd, r.orderInitialCollateralDeltaAmount);
    }

    /// Stored numbers of the market; a negative one as 2^256 less.
    function totals() external view returns (uint256[] memory n) {
        address m = market.marketToken;
        n = new uint256[](41);
        uint256 k;
        for (uint256 i; i < 2; i++) {
            bool isLong = i == 0;
            address side = isLong ? market.longToken : market.shortToken;
            for (uint256 j; j < 2; j++) {
                address token = j == 0 ? market.longToken : market.shortToken;
                n[k++] = store.getUint(Keys.openInterestKey(m, token, isLong));
                n[k++] = store.getUint(Keys.openInterestInTokensKey(m, token, isLong));
                n[k++] = store.getUint(Keys.collateralSumKey(m, token, isLong));
                n[k++] = store.getUint(Keys.fundingFeeAmountPerSizeKey(m, token, isLong));
                n[k++] = store.getUint(Keys.claimableFundingAmountPerSizeKey(m, token, isLong));
            }
            n[k++] = store.getUint(Keys.cumulativeBorrowingFactorKey(m, isLong));
            n[k++] = store.getUint(Keys.totalBorrowingKey(m, isLong));
            n[k++] = store.getUint(Keys.poolAmountKey(m, side));
            n[k++] = store.getUint(Keys.claimableFeeAmountKey(m, side));
            n[k++] = store.getUint(Keys.claimableUiFeeAmountKey(m, side));
            n[k++] = store.getUint(Keys.claimableCollateralAmountKey(m, side));
            n[k++] = store.getUint(Keys.claimableFundingAmountKey(m, side));
        }
        n[k++] = uint256(store.getInt(Keys.savedFundingFactorPerSecondKey(m)));
        n[k++] = store.getUint(Keys.positionImpactPoolAmountKey(m));
        n[k++] = store.getUint(Keys.lentPositionImpactPoolAmountKey(m));
        n[k++] = uint256(store.getInt(Keys.totalPendingImpactAmountKey(m)));
        n[k++] = uint256(store.getInt(Keys.virtualInventoryForPositionsKey(bytes32(uint256(7)))));
        n[k++] = uint256(store.getInt(Keys.virtualInventoryForPositionsInTokensKey(bytes32(uint256(7)))));
        n[k++] = store.getUint(Keys.fundingUpdatedAtKey(m));
    }

    /// What `accounts` hold and were paid: per account two tokens, then eight numbers of each of its four positions.
    function holdings(address[] memory accounts) external view returns (uint256[] memory n) {
        n = new uint256[](accounts.length * 34);
        uint256 k;
        for (uint256 a; a < accounts.length; a++) {
            n[k++] = paid[accounts[a]][market.longToken];
            n[k++] = paid[accounts[a]][market.shortToken];
            for (uint256 i; i < 4; i++) {
                Position.Props memory p = _position(accounts[a], i < 2, i % 2 == 0);
                n[k++] = p.sizeInUsd();
                n[k++] = p.sizeInTokens();
                n[k++] = p.collateralAmount();
                n[k++] = uint256(p.pendingImpactAmount());
                n[k++] = p.borrowingFactor();
                n[k++] = p.fundingFeeAmountPerSize();
                n[k++] = p.longTokenClaimableFundingAmountPerSize();
                n[k++] = p.shortTokenClaimableFundingAmountPerSize();
            }
        }
    }

    /// Decision and its parts for one position, with the factor for liquidations and with that for changes.
    function judged(address account, bool isLong, bool inLong) external view returns (uint256[] memory n) {
        n = new uint256[](21);
        Position.Props memory p = _position(account, isLong, inLong);
        if (p.sizeInUsd() == 0) {
            return n;
        }
        uint256 k;
        for (uint256 i; i < 2; i++) {
            (bool yes, string memory reason, PositionUtils.IsPositionLiquidatableInfo memory info) = PositionUtils
                .isPositionLiquidatable(
                    store, IReferralStorage(address(0)), p, market, _prices(), true, i == 0);
            n[k++] = yes ? bytes(reason).length : 0;
            n[k++] = uint256(info.remainingCollateralUsd);
            n[k++] = uint256(info.minCollateralUsdForLeverage);
        }
        (int256 pnl, int256 uncapped, ) = PositionUtils.getPositionPnlUsd(
            store, market, _prices(), p, p.sizeInUsd());
        n[k++] = uint256(pnl);
        n[k++] = uint256(uncapped);
        (int256 impact, bool improved) = PositionPricingUtils.getPriceImpactUsd(
            PositionPricingUtils.GetPriceImpactUsdParams(
                store, market, _prices().indexTokenPrice,
                -int256(p.sizeInUsd()), -int256(p.sizeInTokens()), isLong));
        n[k++] = uint256(impact);
        n[k++] = improved ? 1 : 0;
        k = _fees(p, improved, n, k);
        n[k++] = _sufficient(p) ? 1 : 0;
        n[k++] = MarketUtils.getBorrowingFactorPerSecond(store, market, _prices(), isLong);
        n[k++] = uint256(MarketUtils.getPnl(store, market, _prices().indexTokenPrice, isLong, true));
    }

    function _sufficient(Position.Props memory p) private view returns (bool enough) {
        (enough, ) = PositionUtils.willPositionCollateralBeSufficient(
            store, market, _prices(), p.collateralToken(), p.isLong(),
            PositionUtils.WillPositionCollateralBeSufficientValues(p.sizeInUsd(), p.collateralAmount(), 0, 0));
    }

    function _fees(Position.Props memory p, bool improved, uint256[] memory n, uint256 k)
        private view returns (uint256)
    {
        PositionPricingUtils.PositionFees memory f = PositionPricingUtils.getPositionFees(
            PositionPricingUtils.GetPositionFeesParams(
                store, IReferralStorage(address(0)), p, prices[p.collateralToken()], improved,
                market.longToken, market.shortToken, p.sizeInUsd(), address(0), true));
        n[k++] = f.positionFeeAmount;
        n[k++] = f.totalDiscountAmount;
        n[k++] = f.borrowing.borrowingFeeAmount;
        n[k++] = f.funding.fundingFeeAmount;
        n[k++] = f.liquidation.liquidationFeeAmount;
        n[k++] = f.totalCostAmount;
        n[k++] = f.funding.claimableLongTokenAmount;
        n[k++] = f.funding.claimableShortTokenAmount;
        return k;
    }

    function _position(address account, bool isLong, bool inLong) private view returns (Position.Props memory) {
        address collateral = inLong ? market.longToken : market.shortToken;
        return PositionStoreUtils.get(
            store, Position.getPositionKey(account, market.marketToken, collateral, isLong));
    }

    function _prices() private view returns (MarketUtils.MarketPrices memory) {
        return MarketUtils.MarketPrices(
            prices[market.indexToken], prices[market.longToken], prices[market.shortToken]);
    }

    function _params(Order2 memory o) private view returns (PositionUtils.UpdatePositionParams memory p) {
        p.contracts.dataStore = store;
        p.contracts.eventEmitter = emitter;
        p.contracts.oracle = IOracle(address(this));
        p.market = market;
        p.order.addresses.account = o.account;
        p.order.addresses.receiver = o.account;
        p.order.addresses.uiFeeReceiver = o.uiFeeReceiver;
        p.order.addresses.market = market.marketToken;
        p.order.addresses.initialCollateralToken = o.collateral;
        p.order.numbers.orderType = o.kind;
        p.order.numbers.sizeDeltaUsd = o.size;
        p.order.numbers.initialCollateralDeltaAmount = o.amount;
        bool isIncrease = o.kind == Order.OrderType.MarketIncrease;
        p.order.numbers.acceptablePrice = o.isLong == isIncrease ? type(uint256).max : 0;
        p.order.flags.isLong = o.isLong;
        p.secondaryOrderType = o.isAdl ? Order.SecondaryOrderType.Adl : Order.SecondaryOrderType.None;
        p.positionKey = Position.getPositionKey(o.account, market.marketToken, o.collateral, o.isLong);
        p.position = PositionStoreUtils.get(store, p.positionKey);
    }
}
