// Answers a list of questions on standard input with the arithmetic of Drift's SDK. Integers are decimal strings.
const Module = require("module");
const path = require("path");
const [folder, numbers] = process.argv.slice(2);
const BN = require(numbers);

// Whatever the SDK loads besides its own files is a stand-in that is never asked for a number.
const nothing = new Proxy(function () {}, {
	get: (_, name) => (name === Symbol.toPrimitive ? () => "" : name === "prototype" ? Object.prototype : nothing),
	apply: () => nothing,
	construct: () => ({}),
});
const knowing = (known) => new Proxy(known, { get: (_, name) => (name in known ? known[name] : nothing) });
const known = { "@coral-xyz/anchor": knowing({ BN }), "@solana/web3.js": knowing({ LAMPORTS_PER_SOL: 10 ** 9 }) };
const load = Module._load;
Module._load = function (name, parent, main) {
	if (name in known) return known[name];
	if (name.startsWith(".") || path.isAbsolute(name)) {
		// Modules that only talk to the network are not needed.
		if (/[sS]ubscriber|driftClient|events\/|dlob|swift|tx\//.test(name) && !/types/.test(name)) return nothing;
		return load(name, parent, main);
	}
	return nothing;
};
const from = (name) => require(path.join(folder, name));
const { User } = from("user.js");
const margin = from("math/margin.js");
const liquidation = from("math/liquidation.js");
const market = from("math/market.js");
const position = from("math/position.js");
const balance = from("math/spotBalance.js");

const NOW = 1775000000;
Date.now = () => NOW * 1000;
const n = (text) => new BN(text);
const variant = (name) => ({ [name]: {} });

function spotMarket(given) {
	return {
		...given,
		cumulativeDepositInterest: n(given.cumulativeDepositInterest),
		cumulativeBorrowInterest: n(given.cumulativeBorrowInterest),
		scaleInitialAssetWeightStart: n(given.scaleInitialAssetWeightStart),
		depositBalance: n(given.depositBalance),
		historicalOracleData: { lastOraclePriceTwap5Min: n(given.twap), lastOraclePriceTwapTs: n(NOW) },
	};
}

function perpMarket(given) {
	return {
		...given,
		status: variant("active"),
		contractType: variant(given.prediction ? "prediction" : "perpetual"),
		quoteSpotMarketIndex: 0,
		unrealizedPnlMaxImbalance: n(given.unrealizedPnlMaxImbalance),
		pnlPool: { scaledBalance: n(0) },
		amm: {
			cumulativeFundingRateLong: n(given.fundingLong),
			cumulativeFundingRateShort: n(given.fundingShort),
			baseAssetAmountWithAmm: n(0),
			baseAssetAmountWithUnsettledLp: n(0),
			quoteAssetAmount: n(given.netUserPnl),
			quoteAssetAmountWithUnsettledLp: n(0),
			netUnsettledFundingPnl: n(0),
			feePool: { scaledBalance: n(0) },
		},
	};
}

function account(given) {
	const spots = given.spots.map(spotMarket);
	const perps = given.perps.map(perpMarket);
	const user = Object.create(User.prototype);
	const state = {
		maxMarginRatio: given.maxMarginRatio,
		marginMode: variant(given.mode),
		spotPositions: given.spotPositions.map((p) => ({
			...p,
			scaledBalance: n(p.scaledBalance),
			balanceType: variant(p.borrowed ? "borrow" : "deposit"),
			openBids: n(p.openBids),
			openAsks: n(p.openAsks),
		})),
		perpPositions: given.perpPositions.map((p) => ({
			...p,
			baseAssetAmount: n(p.base),
			quoteAssetAmount: n(p.quote),
			lastCumulativeFundingRate: n(p.funding),
			openBids: n(p.openBids),
			openAsks: n(p.openAsks),
			isolatedPositionScaledBalance: n(p.isolated === null ? 0 : p.isolated),
			positionFlag: p.isolated === null ? 0 : 1,
		})),
	};
	user.getUserAccount = () => state;
	user.driftClient = {
		getSpotMarketAccount: (index) => spots[index],
		getPerpMarketAccount: (index) => perps[index],
		getOracleDataForSpotMarket: (index) => ({ price: n(given.spots[index].price) }),
		getOracleDataForPerpMarket: (index) => ({ price: n(given.perps[index].price) }),
		getMMOracleDataForPerpMarket: (index) => ({ price: n(given.perps[index].price) }),
	};
	const sums = (calculation, index) => {
		const found = index === undefined ? calculation : calculation.getIsolatedMarginCalculation(index);
		const plus = found.marginRequirementPlusBuffer;
		return [found.totalCollateral, found.marginRequirement, found.totalCollateralBuffer, plus].map(String);
	};
	const of = (kind, options) => {
		const calculation = user.getMarginCalculation(kind, options);
		const isolated = state.perpPositions.filter((p) => p.positionFlag).map((p) => p.marketIndex);
		return Object.fromEntries([["cross", sums(calculation)], ...isolated.map((i) => [i, sums(calculation, i)])]);
	};
	const buffers = new Map([["cross", n(given.buffer)], ...perps.map((_, i) => [i, n(given.buffer)])]);
	const now = user.getMarginCalculation("Maintenance", {});
	return {
		liquidatable: !now.meetsCrossMarginRequirement(),
		initial: of("Initial", { strict: false }),
		strict: of("Initial", { strict: true }),
		maintenance: of("Maintenance", {}),
		buffered: of("Maintenance", { liquidationBufferMap: buffers }),
	};
}

const text = (found) => (found === undefined ? null : String(found));
const functions = {
	account,
	premium: (a) => text(margin.calculateSizePremiumLiabilityWeight(n(a[0]), n(a[1]), n(a[2]), n(a[3]), a[4])),
	discount: (a) => text(margin.calculateSizeDiscountAssetWeight(n(a[0]), n(a[1]), n(a[2]))),
	high: (a) => text(margin.calcHighLeverageModeInitialMarginRatioFromSize(n(a[0]), n(a[1]), n(a[2]))),
	ratio: (a) => text(market.calculateMarketMarginRatio({ ...a[0], status: variant("active") }, n(a[1]), a[2], 0, a[3])),
	cover: (a) =>
		text(liquidation.calculateBaseAssetAmountToCoverMarginShortage(n(a[0]), a[1], a[2], a[3], n(a[4]), n(a[5]))),
	liability: (a) =>
		text(
			liquidation.calculateLiabilityTransferToCoverMarginShortage(
				n(a[0]), a[1], a[2], a[3], a[4], a[5], n(a[6]), a[7]
			)
		),
	asset: (a) =>
		text(
			liquidation.calculateAssetTransferForLiabilityTransfer(
				n(a[0]), a[1], a[2], n(a[3]), n(a[4]), a[5], a[6], n(a[7])
			)
		),
	share: (a) => text(liquidation.calculateMaxPctToLiquidate(n(a[0]), n(a[1]), n(a[2]), n(a[3]), n(a[4]), n(a[5]))),
	funding: (a) =>
		text(
			position.calculateUnsettledFundingPnl(
				{ amm: { cumulativeFundingRateLong: n(a[1]), cumulativeFundingRateShort: n(a[1]) } },
				{ baseAssetAmount: n(a[0]), lastCumulativeFundingRate: n(a[2]) }
			)
		),
	units: (a) => {
		const held = { decimals: a[1], cumulativeDepositInterest: n(a[2]), cumulativeBorrowInterest: n(a[2]) };
		return text(balance.getTokenAmount(n(a[0]), held, variant(a[3] ? "borrow" : "deposit")));
	},
};

let input = "";
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
	const answers = JSON.parse(input).map((question) => functions[question.ask](question.given));
	process.stdout.write(JSON.stringify(answers));
});
