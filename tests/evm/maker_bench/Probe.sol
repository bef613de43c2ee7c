// Ours: barks, draws and withdraws, looks at what came of it, and undoes it.
pragma solidity 0.6.12;
pragma experimental ABIEncoderV2;

interface V {
    function urns(bytes32, address) external view returns (uint256, uint256);
    function ilks(bytes32) external view returns (uint256, uint256, uint256, uint256, uint256);
    function dai(address) external view returns (uint256);
    function frob(bytes32, address, address, address, int256, int256) external;
}

interface J {
    function drip(bytes32) external returns (uint256);
}

interface D {
    function Dirt() external view returns (uint256);
    function bark(bytes32, address, address) external returns (uint256);
}

interface C {
    function sales(uint256) external view returns (uint256, uint256, uint256, address, uint96, uint256);
}

contract Feed {
    uint256 public price;

    function set(uint256 price_) external {
        price = price_;
    }

    function peek() external view returns (bytes32, bool) {
        return (bytes32(price), true);
    }
}

contract Probe {
    V private immutable vat;
    J private immutable jug;
    D private immutable dog;
    uint256 private constant RAY = 10**27;

    constructor(V vat_, J jug_, D dog_) public {
        (vat, jug, dog) = (vat_, jug_, dog_);
    }

    // A bark, after a drip or at the stored rate; kept nowhere: (ink, art, Dirt, tab, lot, top, paid).
    function bark(C clip, bytes32 ilk, address urn, bool drips) external {
        if (drips) jug.drip(ilk);
        uint256 paid = vat.dai(address(this));
        uint256 id = dog.bark(ilk, urn, address(this));
        uint256[7] memory found;
        (found[0], found[1]) = vat.urns(ilk, urn);
        found[2] = dog.Dirt();
        (, found[3], found[4], , , found[5]) = clip.sales(id);
        found[6] = vat.dai(address(this)) - paid;
        assembly { revert(found, 224) }
    }

    // Draws `wad` DAI as the vault manager's proxies do: normalized debt that pays it out, rounded up.
    function draw(bytes32 ilk, address urn, uint256 wad, bool drips) public {
        if (drips) jug.drip(ilk);
        (, uint256 rate, , , ) = vat.ilks(ilk);
        uint256 dart = (wad * RAY) / rate;
        if (dart * rate < wad * RAY) dart++;
        vat.frob(ilk, urn, urn, urn, 0, int256(dart));
    }

    // A draw of `wad` or (free) a withdrawal, kept nowhere: says whether it was accepted by reverting with 32 bytes.
    function moved(bytes32 ilk, address urn, uint256 wad, bool free, bool drips) external {
        if (!free) {
            draw(ilk, urn, wad, drips);
        } else {
            if (drips) jug.drip(ilk);
            vat.frob(ilk, urn, urn, urn, -int256(wad), 0);
        }
        assembly { revert(0, 32) }
    }

    // What each call returned or why it was refused.
    function all(bytes[] calldata calls) external returns (bytes[] memory found) {
        found = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) (, found[i]) = address(this).call(calls[i]);
    }
}
