#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/circuit/dac.h"
#include "crossloom/device/iv_law.h"

namespace crossloom {

/// What the rows put into the products of matrices.
///
/// With a current law of K terms the current of a cell is sum_k strength_k terms_k, and the
/// variance of independent read noise sum over j <= k of (products of their noises) squares_jk.
struct Drive {
  std::vector<Tensor> terms;    // K tensors [P B, ...]  V
  std::vector<Tensor> squares;  // K (K + 1) / 2 tensors [P B, ...]  V^2: 00, 01, ... 11, 12, ...
};

/// The DAC and the current law of the cells: numbers to what their pulses drive.
///
/// A number is p pulses of voltages v_p and weights a_p. Their current adds up, and so does the
/// variance of noise that is new at each pulse:
///
///   terms_k    = sum_p a_p shape_k(v_p)
///   squares_jk = sum_p a_p^2 shape_j(v_p) shape_k(v_p)
///
///   amplitude    one pulse, v = V(u), a = 1
///   bit-serial   a pulse v_full for each bit that is set, a = 2^b / (2^bits - 1)
///   pulse width  one pulse v_full, terms by its length: a = u. Noise is taken as white, so that
///   its
///                variance grows with the length: a^2 is u in the squares (assumption)
///
/// Codes are looked up in tables made once, so that no law costs more than the linear one.
class RowDriver {
 public:
  RowDriver() : RowDriver(Dac(), linear_law()) {}
  RowDriver(const Dac& dac, const IvLaw& law);

  std::int64_t num_terms() const { return static_cast<std::int64_t>(law_.size()); }

  /// The voltage that a number of full scale counts as in the output (`Dac::counts_as`); of pulses
  /// of one height what they drive.
  double full_drive() const;

  enum class Want { kTerms, kTermsAndSquares };

  /// `x` [B, ...] (float) with the full scale `full_scale` > 0.
  Drive drive(const Tensor& x, double full_scale, Want want) const;

  /// The pulses one by one, P times the batch, not yet weighed.
  Drive drive_apart(const Tensor& x, double full_scale, Want want) const;

  /// What each pulse of `drive_apart` counts: [P].
  std::vector<double> pulse_weights() const;

  /// `x` as the cells' current of term `k` makes of it, in the units of `x`, without quantisation:
  /// the non-linear product is that of linear cells with these inputs.
  ///
  ///   full_scale  []  1  > 0, number that gives the full height
  ///   use         []  1  > 0, factor of `range_use`; of no meaning to pulses of one height
  ///
  /// Has gradients by all three.
  Tensor transform(const Tensor& x,
                   const Tensor& full_scale,
                   const Tensor& use,
                   std::int64_t k) const;

  /// The same at the steps of the DAC, with the slope that gradients go through, from tables: one
  /// pass over memory. Only for a DAC of 1 … 16 bits.
  struct Bent {
    Tensor values;  // as x
    Tensor slopes;  // as x  of `values` by x, zero beyond the full scale
  };
  Bent bend(const Tensor& x, double full_scale, std::int64_t k) const;

 private:
  /// Values for each code from -top to top, then NaN for inputs that are none.
  struct Tables {
    std::vector<std::vector<float>> terms;    // [K][codes]
    std::vector<std::vector<float>> squares;  // [K (K + 1) / 2][codes]
  };

  Tensor voltage(const Tensor& u) const;
  Tensor predistorted(const Tensor& v) const;
  Tensor full_drive(const Tensor& v_full) const;
  void add_tables(const Tensor& v,
                  const Tensor& weight,
                  const Tensor& square,
                  Tables& tables) const;
  Tables summed_tables() const;
  Tables tables_of_bit(std::int64_t b) const;
  Drive exact_drive(const Tensor& x, double full_scale, Want want) const;
  Drive plain_drive(const Tensor& x, double full_scale, Want want) const;
  Drive look_up(const Tensor& x,
                double full_scale,
                Want want,
                const std::vector<Tables>& tables) const;
  Drive look_up_by_tensors(const Tensor& x,
                           double full_scale,
                           Want want,
                           const std::vector<Tables>& tables) const;

  Dac dac_;
  IvLaw law_;
  bool is_plain_;               // even levels of a linear current: no tables
  std::vector<Tables> summed_;  // one
  std::vector<Tables> bits_;    // one for each bit
};

}  // namespace crossloom
