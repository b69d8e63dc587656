#include "crossloom/circuit/row_driver.h"

#include <cmath>
#include <limits>

#include <ATen/Parallel.h>

#include "crossloom/circuit/code_tables.h"
#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// Codes clipped to +-top, times `step`; their squares too unless `square` is null.
CROSSLOOM_VECTOR
void quantise(
    const float* x, std::int64_t n, float to_code, float top, float step, float* v, float* square) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float code = std::nearbyint(x[i] * to_code);
    v[i] = (code > top ? top : (code < -top ? -top : code)) * step;
    if (square != nullptr) square[i] = v[i] * v[i];
  }
}

/// Places of the codes in a table; that of no number is behind the last.
CROSSLOOM_VECTOR
void find_places(const float* x, std::int64_t n, float to_code, float top, std::int32_t* place) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float code = std::nearbyint(x[i] * to_code);
    const float within = code > top ? top : (code < -top ? -top : (code == code ? code : top + 1));
    place[i] = static_cast<std::int32_t>(within + top);
  }
}

CROSSLOOM_VECTOR
void take(const float* table, const std::int32_t* place, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = table[place[i]];
}

constexpr std::int64_t kGrain = 1 << 14;
constexpr std::int64_t kPiece = 1 << 10;  // numbers whose places stay in the first cache

std::vector<float> as_table(const Tensor& values) {
  const Tensor row = values.to(at::kFloat).contiguous();
  std::vector<float> table(row.data_ptr<float>(), row.data_ptr<float>() + row.numel());
  table.push_back(std::numeric_limits<float>::quiet_NaN());
  return table;
}

/// `x` with `copies` of its batch.
std::vector<std::int64_t> repeated_sizes(const Tensor& x, std::int64_t copies) {
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[0] *= copies;
  return sizes;
}

}  // namespace

RowDriver::RowDriver(const Dac& dac, const IvLaw& law)
    : dac_(dac),
      law_(law),
      is_plain_(is_linear(law, dac.v_full()) && dac.encoding == InputEncoding::kAmplitude &&
                dac.predistortion == 0 && dac.inl_bow == 0 && dac.inl_s == 0) {
  if (dac.bits == 0 || is_plain_) return;
  summed_ = {summed_tables()};
  for (std::int64_t b = 0; b < dac.bits && dac.is_bit_serial(); ++b) {
    bits_.push_back(tables_of_bit(b));
  }
}

double RowDriver::full_drive() const {
  return full_drive(at::full({}, dac_.v_full(), at::kDouble)).item<double>();
}

std::vector<double> RowDriver::pulse_weights() const {
  std::vector<double> weights;
  const double top = std::pow(2, static_cast<double>(dac_.bits)) - 1;
  for (std::size_t b = 0; b < bits_.size(); ++b) {
    weights.push_back(std::pow(2, static_cast<double>(b)) / top);
  }
  return weights.empty() ? std::vector<double>{1} : weights;
}

/// Of a pulse whose height is the share `u`, -1 ... 1, of full scale.
Tensor RowDriver::voltage(const Tensor& u) const {
  return predistorted(u * dac_.v_full());
}

Tensor RowDriver::predistorted(const Tensor& v) const {
  const double b = dac_.predistortion;
  return b > 0 ? (b * v).asinh() / b : v;
}

/// Pulses of the voltages `v` with the weights `weight`, in the variance `square`.
void RowDriver::add_tables(const Tensor& v,
                           const Tensor& weight,
                           const Tensor& square,
                           Tables& tables) const {
  std::vector<Tensor> shapes;
  for (const IvTerm& term : law_) shapes.push_back(term.shape(v));
  for (std::size_t j = 0; j < shapes.size(); ++j) {
    tables.terms.push_back(as_table(weight * shapes[j]));
    for (std::size_t k = j; k < shapes.size(); ++k) {
      tables.squares.push_back(as_table(square * shapes[j] * shapes[k]));
    }
  }
}

RowDriver::Tables RowDriver::summed_tables() const {
  const std::int64_t top = (std::int64_t{1} << dac_.bits) - 1;
  const Tensor code = at::arange(-top, top + 1, at::kDouble);
  const Tensor share = code.abs() / static_cast<double>(top);
  const Tensor inl = dac_.inl_bow * 4 * share * (1 - share) + dac_.inl_s * (2 * M_PI * share).sin();
  const Tensor u = share + inl / static_cast<double>(top);
  const Tensor one = at::ones_like(u);
  Tables tables;
  if (dac_.encoding == InputEncoding::kAmplitude) {
    add_tables(voltage(u * code.sign()), one, one, tables);
  } else if (dac_.encoding == InputEncoding::kPulseWidth) {
    add_tables(dac_.v_full() * code.sign(), u.clamp_min(0), u.clamp_min(0), tables);
  } else {
    Tensor square = at::zeros_like(u);
    for (std::int64_t b = 0; b < dac_.bits; ++b) {
      const Tensor bit = code.abs().to(at::kLong).bitwise_right_shift(b).bitwise_and(1);
      square = square + bit * std::pow(4.0, static_cast<double>(b));
    }
    square = square / static_cast<double>(top * top);
    add_tables(dac_.v_full() * code.sign(), share, square, tables);
  }
  return tables;
}

RowDriver::Tables RowDriver::tables_of_bit(std::int64_t b) const {
  const std::int64_t top = (std::int64_t{1} << dac_.bits) - 1;
  const Tensor code = at::arange(-top, top + 1, at::kDouble);
  const Tensor bit = code.abs().to(at::kLong).bitwise_right_shift(b).bitwise_and(1).to(at::kDouble);
  Tables tables;
  add_tables(dac_.v_full() * code.sign(), bit, bit, tables);
  return tables;
}

Drive RowDriver::drive(const Tensor& x, double full_scale, Want want) const {
  TORCH_CHECK(full_scale > 0, "the range of a DAC must be above zero, not ", full_scale);
  if (dac_.bits == 0) return exact_drive(x, full_scale, want);
  return is_plain_ ? plain_drive(x, full_scale, want) : look_up(x, full_scale, want, summed_);
}

Drive RowDriver::drive_apart(const Tensor& x, double full_scale, Want want) const {
  if (bits_.empty()) return drive(x, full_scale, want);
  TORCH_CHECK(full_scale > 0, "the range of a DAC must be above zero, not ", full_scale);
  return look_up(x, full_scale, want, bits_);
}

Drive RowDriver::exact_drive(const Tensor& x, double full_scale, Want want) const {
  const Tensor u = (x * (1 / full_scale)).clamp(-1, 1);
  const bool is_amplitude = dac_.encoding == InputEncoding::kAmplitude;
  const Tensor v = is_amplitude ? voltage(u) : dac_.v_full() * u.sign();
  Drive drive;
  std::vector<Tensor> shapes;
  for (const IvTerm& term : law_) {
    shapes.push_back(term.shape(v));
    drive.terms.push_back(is_amplitude ? shapes.back() : u.abs() * shapes.back());
  }
  for (std::size_t j = 0; j < shapes.size() && want == Want::kTermsAndSquares; ++j) {
    for (std::size_t k = j; k < shapes.size(); ++k) {
      const Tensor square = shapes[j] * shapes[k];
      drive.squares.push_back(is_amplitude ? square : u.abs() * square);
    }
  }
  return drive;
}

Drive RowDriver::plain_drive(const Tensor& x, double full_scale, Want want) const {
  const Tensor input = x.contiguous();
  const float top = static_cast<float>((std::int64_t{1} << dac_.bits) - 1);
  const float to_code = static_cast<float>(top / full_scale);
  const float step = static_cast<float>(dac_.v_full() / top);
  Drive drive;
  if (!x.is_cpu()) {
    const Tensor v = codes_of(x, to_code, top) * step;
    drive.terms = {v};
    if (want == Want::kTermsAndSquares) drive.squares = {v.square()};
    return drive;
  }
  drive.terms = {at::empty_like(input)};
  if (want == Want::kTermsAndSquares) drive.squares = {at::empty_like(input)};
  const float* const from = input.data_ptr<float>();
  float* const v = drive.terms[0].data_ptr<float>();
  float* const square = drive.squares.empty() ? nullptr : drive.squares[0].data_ptr<float>();
  at::parallel_for(0, input.numel(), kGrain, [&](std::int64_t first, std::int64_t last) {
    float* const part = square == nullptr ? nullptr : square + first;
    quantise(from + first, last - first, to_code, top, step, v + first, part);
  });
  return drive;
}

Drive RowDriver::look_up(const Tensor& x,
                         double full_scale,
                         Want want,
                         const std::vector<Tables>& tables) const {
  if (!x.is_cpu()) return look_up_by_tensors(x, full_scale, want, tables);
  const Tensor input = x.contiguous();
  const std::int64_t n = input.numel();
  const float top = static_cast<float>((std::int64_t{1} << dac_.bits) - 1);
  const float to_code = static_cast<float>(top / full_scale);
  const auto sizes = repeated_sizes(input, static_cast<std::int64_t>(tables.size()));
  Drive drive;
  std::vector<std::pair<const float*, float*>> jobs;  // table, where its values go
  const auto prepare = [&](std::vector<Tensor>& outputs, auto member) {
    for (std::size_t k = 0; k < (tables[0].*member).size(); ++k) {
      outputs.push_back(at::empty(sizes, input.options()));
      for (std::size_t p = 0; p < tables.size(); ++p) {
        jobs.emplace_back((tables[p].*member)[k].data(),
                          outputs.back().data_ptr<float>() + static_cast<std::int64_t>(p) * n);
      }
    }
  };
  prepare(drive.terms, &Tables::terms);
  if (want == Want::kTermsAndSquares) prepare(drive.squares, &Tables::squares);
  const float* const from = input.data_ptr<float>();
  at::parallel_for(0, n, kGrain, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::int32_t> places(static_cast<std::size_t>(kPiece));
    for (std::int64_t begin = first; begin < last; begin += kPiece) {
      const std::int64_t count = std::min(kPiece, last - begin);
      find_places(from + begin, count, to_code, top, places.data());
      for (const auto& [table, out] : jobs) take(table, places.data(), count, out + begin);
    }
  });
  return drive;
}

Drive RowDriver::look_up_by_tensors(const Tensor& x,
                                    double full_scale,
                                    Want want,
                                    const std::vector<Tables>& tables) const {
  const double top = static_cast<double>((std::int64_t{1} << dac_.bits) - 1);
  const Tensor codes = codes_of(x, top / full_scale, top);
  Drive drive;
  const auto prepare = [&](std::vector<Tensor>& outputs, auto member) {
    for (std::size_t k = 0; k < (tables[0].*member).size(); ++k) {
      std::vector<Tensor> pulses;
      for (const Tables& of_pulse : tables) {
        pulses.push_back(entries_at((of_pulse.*member)[k], codes));
      }
      outputs.push_back(at::cat(pulses));
    }
  };
  prepare(drive.terms, &Tables::terms);
  if (want == Want::kTermsAndSquares) prepare(drive.squares, &Tables::squares);
  return drive;
}

Tensor RowDriver::full_drive(const Tensor& v_full) const {
  const bool is_small_signal =
      dac_.encoding == InputEncoding::kAmplitude && dac_.counts_as == Dac::CountsAs::kSmallSignal;
  return is_small_signal ? v_full : law_[0].shape(predistorted(v_full));
}

Tensor RowDriver::transform(const Tensor& x,
                            const Tensor& full_scale,
                            const Tensor& use,
                            std::int64_t k) const {
  const Tensor u = (x / full_scale).clamp(-1, 1);
  const Tensor v_full = dac_.v_full() * use;
  const auto& shape = law_[static_cast<std::size_t>(k)].shape;
  if (dac_.encoding == InputEncoding::kAmplitude) {
    return shape(predistorted(u * v_full)) * (full_scale / full_drive(v_full));
  }
  return u.abs() * shape(dac_.v_full() * u.sign()) * (full_scale / full_drive());
}

RowDriver::Bent RowDriver::bend(const Tensor& x, double full_scale, std::int64_t k) const {
  TORCH_CHECK(dac_.bits > 0 && dac_.bits <= 16, "a DAC without steps has no tables");
  TORCH_CHECK(full_scale > 0, "the range of a DAC must be above zero, not ", full_scale);
  const std::int64_t top = (std::int64_t{1} << dac_.bits) - 1;
  // The first and the last code stand for what is beyond the full scale.
  const at::AutoGradMode with_gradients(true);
  const Tensor at_codes = (at::arange(-top - 1, top + 2, at::kDouble).clamp(-top, top) *
                           (full_scale / static_cast<double>(top)))
                              .requires_grad_();
  const Tensor values =
      transform(at_codes, at::full({}, full_scale, at::kDouble), at::ones({}, at::kDouble), k);
  values.sum().backward();
  Tensor slopes = at_codes.grad();
  slopes[0] = 0;
  slopes[-1] = 0;
  const std::vector<float> value_of = as_table(values.detach());
  const std::vector<float> slope_of = as_table(slopes);

  if (!x.is_cpu()) {
    const auto edge_of = static_cast<double>(top + 1);
    const Tensor codes = codes_of(x.detach(), static_cast<double>(top) / full_scale, edge_of);
    return {entries_at(value_of, codes), entries_at(slope_of, codes)};
  }
  const Tensor input = x.detach().contiguous(x.suggest_memory_format());
  Bent bent = {at::empty_like(input), at::empty_like(input)};
  const float* const from = input.data_ptr<float>();
  float* const to_values = bent.values.data_ptr<float>();
  float* const to_slopes = bent.slopes.data_ptr<float>();
  const auto edge = static_cast<float>(top + 1);
  const auto to_code = static_cast<float>(static_cast<double>(top) / full_scale);
  at::parallel_for(0, input.numel(), kGrain, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::int32_t> places(static_cast<std::size_t>(kPiece));
    for (std::int64_t begin = first; begin < last; begin += kPiece) {
      const std::int64_t count = std::min(kPiece, last - begin);
      find_places(from + begin, count, to_code, edge, places.data());
      take(value_of.data(), places.data(), count, to_values + begin);
      take(slope_of.data(), places.data(), count, to_slopes + begin);
    }
  });
  return bent;
}

}  // namespace crossloom
