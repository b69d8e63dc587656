#include "crossloom/circuit/code_tables.h"

namespace crossloom {

Tensor codes_of(const Tensor& x, double to_code, double top) {
  return (x * to_code).round_().clamp_(-top, top);
}

Tensor entries_at(const std::vector<float>& table, const Tensor& codes) {
  const auto top = static_cast<double>((table.size() - 2) / 2);
  const Tensor place = at::where(codes.isnan(), at::full_like(codes, top + 1), codes) + top;
  return at::tensor(table, at::kFloat)
      .to(codes.device())
      .index_select(0, place.to(at::kLong).reshape(-1))
      .view(codes.sizes());
}

}  // namespace crossloom
