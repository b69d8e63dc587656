#include "crossloom/programming/replay.h"

namespace crossloom {

Replay::Replay(const CrossbarPool& pool, const PlanOptions& options)
    : pool_(pool),
      options_(options),
      num_cols_(pool.used_cols(word_bits(options.sign, options.bits))),
      levels_(pool.num_crossbars * pool.num_rows * num_cols_) {}

void Replay::program(std::int64_t cells, std::uint32_t word) {
  const std::uint32_t mask = (std::uint32_t{1} << pool_.cell_bits) - 1;
  for (std::int64_t col = 0; col < num_cols_; ++col) {
    const auto level = static_cast<std::uint8_t>(word >> (col * pool_.cell_bits) & mask);
    std::uint8_t& cell = levels_[cells + col];
    if (cell == level) continue;
    ++(level > cell ? writes_.set : writes_.reset);
    cell = level;
  }
}

/// The bits in the cells of one row. Decoding them before the sum over rows gives the integers that
/// shift-and-add of the column sums gives after it.
std::uint32_t Replay::read(std::int64_t cells) const {
  std::uint32_t word = 0;
  for (std::int64_t col = 0; col < num_cols_; ++col) {
    word |= std::uint32_t{levels_[cells + col]} << (col * pool_.cell_bits);
  }
  return word;
}

Tensor Replay::product(const LayerPlan& plan, const Tensor& x) {
  TORCH_CHECK(x.dim() == 2 && x.scalar_type() == at::kLong && x.size(1) > 0 &&
                  x.size(1) % plan.num_inputs == 0 &&
                  plan.num_outputs % (x.size(1) / plan.num_inputs) == 0,
              "layer '",
              plan.name,
              "' takes int64 [B, groups * ",
              plan.num_inputs,
              "], not ",
              x.sizes());
  const std::int64_t outputs_of_group = plan.num_outputs / (x.size(1) / plan.num_inputs);
  TORCH_CHECK(
      plan.num_rows == pool_.num_rows, "the plan is for sections of ", plan.num_rows, " rows");
  // Batch last, so that one weight meets neighbouring numbers.
  const Tensor inputs = x.t().contiguous();
  Tensor outputs = at::zeros({plan.num_outputs, x.size(0)}, at::kLong);
  const std::int64_t batch = x.size(0);
  const auto* from = inputs.data_ptr<std::int64_t>();
  auto* to = outputs.data_ptr<std::int64_t>();
  for (std::int64_t section = 0; section < plan.num_sections(); ++section) {
    const std::int64_t first_row = plan.crossbar[section] * pool_.num_rows;
    const std::int64_t slot = section * pool_.num_rows;
    for (std::int64_t row = 0; row < pool_.num_rows; ++row) {
      if (plan.weight_of_row[slot + row] < 0) continue;
      program((first_row + row) * num_cols_, plan.words[slot + row]);
    }
    for (std::int64_t row = 0; row < pool_.num_rows; ++row) {
      const std::int64_t weight = plan.weight_of_row[slot + row];
      if (weight < 0) continue;
      const std::int64_t q = decode(options_.sign,
                                    options_.bits,
                                    read((first_row + row) * num_cols_),
                                    plan.input_sign[slot + row]);
      const std::int64_t output = weight / plan.num_inputs;
      const std::int64_t group = output / outputs_of_group;
      const std::int64_t* in = from + (group * plan.num_inputs + weight % plan.num_inputs) * batch;
      std::int64_t* out = to + output * batch;
      for (std::int64_t i = 0; i < batch; ++i) out[i] += q * in[i];
    }
  }
  return outputs.t().contiguous();
}

}  // namespace crossloom
