#pragma once

#include <vector>

#include "crossloom/network/network.h"

namespace crossloom {

/// Parts of losses, each a scalar with its graph.

/// Mean cross entropy of `logits` / `temperature`.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double temperature = 1);

/// Mean of KL(teacher || student) of the softmaxes at `temperature`, times its square, so that its
/// gradient keeps its size. No gradient goes into the teacher.
/// Source: G. Hinton, O. Vinyals, J. Dean, 2015, arXiv:1503.02531.
Tensor distillation(const Tensor& student, const Tensor& teacher, double temperature);

/// The loss of a student of labels and of a teacher:
///
///   (1 - share) CE(student, labels) + share distillation(student, teacher, temperature)
///
/// Without a share neither labels nor teacher are looked at.
Tensor taught(const Tensor& student,
              const Tensor& labels,
              const Tensor& teacher,
              double share,
              double temperature);

/// Mean over products of |student - teacher|^2 / |teacher|^2, of what each gives for a batch.
/// Source: A. Romero et al., "FitNets: hints for thin deep nets", 2014, arXiv:1412.6550, there of
/// one layer.
Tensor hints(const std::vector<Tensor>& students, const std::vector<Tensor>& teachers);

/// How the weight of a product is read as a matrix.
enum class MatrixOf {
  kLastTwo,   // its last two indices: each k x k slice of a convolution, [C, C_in] of a linear
  kFlattened  // [C, C_in k_h k_w]: the matrix that stands on the crossbars
};

/// sum || W^T W - target I ||_F^2 over `products`; a penalty on singular values off sqrt(target).
///
/// Computed through the smaller of W^T W and W W^T, which have the same traces.
Tensor orthogonality(const std::vector<StoredProduct>& products, MatrixOf reading, double target);

}  // namespace crossloom
