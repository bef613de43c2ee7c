// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.11;

import {OwnableStorage} from "@synthetixio/core-contracts/contracts/ownership/OwnableStorage.sol";
import {FeatureFlag} from "@synthetixio/core-modules/contracts/storage/FeatureFlag.sol";
import {AsyncOrderCancelModule} from "@synthetixio/perps-market/contracts/modules/AsyncOrderCancelModule.sol";
import {AsyncOrderModule} from "@synthetixio/perps-market/contracts/modules/AsyncOrderModule.sol";
import {AsyncOrderSettlementPythModule} from "@synthetixio/perps-market/contracts/modules/AsyncOrderSettlementPythModule.sol";
import {CollateralConfigurationModule} from "@synthetixio/perps-market/contracts/modules/CollateralConfigurationModule.sol";
import {GlobalPerpsMarketModule} from "@synthetixio/perps-market/contracts/modules/GlobalPerpsMarketModule.sol";
import {LiquidationModule} from "@synthetixio/perps-market/contracts/modules/LiquidationModule.sol";
import {MarketConfigurationModule} from "@synthetixio/perps-market/contracts/modules/MarketConfigurationModule.sol";
import {PerpsAccountModule} from "@synthetixio/perps-market/contracts/modules/PerpsAccountModule.sol";
import {PerpsMarketFactoryModule} from "@synthetixio/perps-market/contracts/modules/PerpsMarketFactoryModule.sol";
import {PerpsMarketModule} from "@synthetixio/perps-market/contracts/modules/PerpsMarketModule.sol";
import {GlobalPerpsMarket} from "@synthetixio/perps-market/contracts/storage/GlobalPerpsMarket.sol";
import {InterestRate} from "@synthetixio/perps-market/contracts/storage/InterestRate.sol";
import {PerpsMarket} from "@synthetixio/perps-market/contracts/storage/PerpsMarket.sol";
import {Position} from "@synthetixio/perps-market/contracts/storage/Position.sol";
import {Flags} from "@synthetixio/perps-market/contracts/utils/Flags.sol";

/// All modules of the perps market at one address, and their own views gathered into one list of numbers.
contract Perps is
    PerpsMarketFactoryModule,
    PerpsMarketModule,
    MarketConfigurationModule,
    GlobalPerpsMarketModule,
    CollateralConfigurationModule,
    PerpsAccountModule,
    AsyncOrderModule,
    AsyncOrderSettlementPythModule,
    AsyncOrderCancelModule,
    LiquidationModule
{
    struct List {
        int256[] values;
        uint256 length;
    }

    constructor() {
        OwnableStorage.load().owner = msg.sender;
        FeatureFlag.load(Flags.PERPS_SYSTEM).allowAll = true;
        FeatureFlag.load(Flags.CREATE_MARKET).allowAll = true;
    }

    function shown(
        uint128[] calldata accounts,
        uint128[] calldata markets,
        uint128[] calldata collaterals
    ) external view returns (int256[] memory) {
        uint256 each = collaterals.length + 10 + 7 * markets.length;
        uint256 length = 9 + collaterals.length + 10 * markets.length + each * accounts.length;
        List memory list = List(new int256[](length), 0);
        _ofAll(list, collaterals);
        for (uint256 i = 0; i < markets.length; i++) _ofMarket(list, markets[i]);
        for (uint256 i = 0; i < accounts.length; i++) {
            _ofAccount(list, accounts[i], collaterals);
            for (uint256 j = 0; j < markets.length; j++) _ofPosition(list, accounts[i], markets[j]);
        }
        return list.values;
    }

    function _ofAll(List memory list, uint128[] calldata collaterals) private view {
        InterestRate.Data storage interest = InterestRate.load();
        _add(list, interest.interestAccrued);
        _add(list, interest.interestRate);
        _add(list, interest.lastTimestamp);
        (uint256 rate, uint256 delegated, uint256 locked) = this.utilizationRate();
        _add(list, rate);
        _add(list, delegated);
        _add(list, locked);
        _add(list, this.totalGlobalCollateralValue());
        _add(list, GlobalPerpsMarket.load().totalAccountsDebt);
        _add(list, this.reportedDebt(1));
        for (uint256 i = 0; i < collaterals.length; i++) _add(list, this.globalCollateralValue(collaterals[i]));
    }

    function _ofMarket(List memory list, uint128 id) private view {
        PerpsMarket.Data storage market = PerpsMarket.load(id);
        _add(list, market.skew);
        _add(list, market.size);
        _add(list, market.lastFundingRate);
        _add(list, market.lastFundingValue);
        _add(list, market.lastFundingTime);
        _add(list, this.currentFundingRate(id));
        _add(list, this.currentFundingVelocity(id));
        (uint256 capacity, uint256 most, uint256 latest) = this.liquidationCapacity(id);
        _add(list, capacity);
        _add(list, most);
        _add(list, latest);
    }

    function _ofAccount(List memory list, uint128 id, uint128[] calldata collaterals) private view {
        for (uint256 i = 0; i < collaterals.length; i++) _add(list, this.getCollateralAmount(id, collaterals[i]));
        _add(list, this.debt(id));
        _add(list, this.totalCollateralValue(id));
        _add(list, this.totalAccountOpenInterest(id));
        _add(list, this.getAvailableMargin(id));
        (uint256 initial, uint256 maintenance, uint256 reward) = this.getRequiredMargins(id);
        _add(list, initial);
        _add(list, maintenance);
        _add(list, reward);
        _add(list, this.getWithdrawableMargin(id));
        _add(list, this.canLiquidate(id) ? 1 : 0);
        _add(list, this.canLiquidateMarginOnly(id) ? 1 : 0);
    }

    function _ofPosition(List memory list, uint128 id, uint128 marketId) private view {
        (int256 pnl, int256 funding, int128 size, uint256 interest) = this.getOpenPosition(id, marketId);
        _add(list, pnl);
        _add(list, funding);
        _add(list, size);
        _add(list, interest);
        Position.Data storage position = PerpsMarket.accountPosition(marketId, id);
        _add(list, position.latestInteractionPrice);
        _add(list, position.latestInteractionFunding);
        _add(list, position.latestInterestAccrued);
    }

    function _add(List memory list, uint256 value) private pure {
        _add(list, int256(value));
    }

    function _add(List memory list, int256 value) private pure {
        list.values[list.length++] = value;
    }
}
