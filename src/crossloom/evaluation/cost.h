#pragma once

#include <string>
#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/crossbar/hardware.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// Of an operation of a crossbar: all rows driven with all input bits, all columns converted. It
/// takes as many conversions as columns share a converter (`Adc::columns_per_adc`).
struct OperationCost {
  double conversion_time = 90e-9;  // [s]  of one column, with the share of the input bits
  double energy = 2.66e-9;         // [J]  of the operation

  void describe(ParamList& params);
};

/// What one product takes for one image.
struct ProductCost {
  std::string name;
  std::int64_t devices = 0;
  std::int64_t flops = 0;  // 2 per multiply-add
  std::int64_t crossbars = 0;
  std::int64_t cells = 0;     // of these crossbars, used or not
  std::int64_t ops = 0;       // positions of the output, one after the other
  std::int64_t tile_ops = 0;  // operations of single crossbars
};

/// What one image takes on a chip that holds the whole network: the crossbars of a product work at
/// the same time, the positions of its output and the products follow one another.
struct ChipCost {
  std::vector<ProductCost> products;
  ProductCost total;
  double latency = 0;  // [s]
  double energy = 0;   // [J]
};

/// Source: bookkeeping derived from Table 2 of arXiv:2305.14547, which it reproduces.
ChipCost count_cost(const Network& network,
                    const Hardware& hardware,
                    const OperationCost& operation);

Json to_json(const ChipCost& cost);

}  // namespace crossloom
