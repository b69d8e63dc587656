#pragma once

#include <vector>

#include "crossloom/crossbar/analog_product.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// Where a product of two computed operands runs: the MatMul `node` on crossbars of its own.
struct ComputedPlacement {
  std::size_t node = 0;
  Hardware hardware;
};

/// A product a * b of two activations on crossbars, such as the scores of attention: for each
/// example and head b is written into erased cells, as the device writes them, and read by a at
/// once. The window of the cells is that of the largest |b| (of each column with
/// `ScalePer::kColumn`), which the digital part knows when it writes.
///
/// Every head has crossbars of its own, which all examples share: what a cell is born with and its
/// faults are those of the chip, programming errors and read noise belong to the example. So
/// results do not depend on the order of examples. The price is that for each example every cell is
/// written whose target differs from that of an erased one (`writes`): in sign-split pairs without
/// slices one cell of each pair, unless the number is zero; in symmetric ones both. Their wear is
/// not simulated.
class ComputedProduct {
 public:
  /// `place` is the stream of this chip and node.
  ComputedProduct(const Hardware& hardware, InputSign sign, const Rng& place);

  /// Example i of the batch is number context.first_image + i; its writes are drawn from `writes`.
  ///
  ///   a        [B, ..., n, r]
  ///   b        [B, ..., r, c]
  ///   returns  [B, ..., n, c]
  Tensor forward(const Tensor& a, const Tensor& b, const ReadContext& context, const Rng& writes);

  /// Cells on the chip, and how many of them were written so far, over all examples.
  std::int64_t num_cells() const;
  std::int64_t writes() const { return writes_; }

 private:
  Tensor one_head(
      std::size_t head, const Tensor& a, const Tensor& b, const ReadContext& context, Rng writes);

  Hardware hardware_;
  InputSign sign_;
  Rng place_;
  std::vector<AnalogProduct> heads_;  // erased
  std::int64_t writes_ = 0;
};

/// The products of two computed operands of `network`: the nodes, in order.
std::vector<std::size_t> computed_products(const Network& network);

}  // namespace crossloom
