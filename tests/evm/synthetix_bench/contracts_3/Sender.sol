// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.11;

/// The sender of a call, without forwarders.
library ERC2771Context {
    function _msgSender() internal view returns (address) {
        return msg.sender;
    }
}
