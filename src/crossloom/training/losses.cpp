#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// [..., m, n] -> sum of || W^T W - target I_n ||_F^2 over all its matrices.
Tensor distance_from_orthogonal(const Tensor& w, double target) {
  const std::int64_t rows = w.size(-2);
  const std::int64_t cols = w.size(-1);
  const Tensor gram =
      rows < cols ? at::matmul(w, w.transpose(-2, -1)) : at::matmul(w.transpose(-2, -1), w);
  const Tensor distance = (gram - target * at::eye(gram.size(-1))).square().sum();
  // The eigenvalues that only the larger Gram matrix has are zero.
  const double matrices = static_cast<double>(w.numel()) / static_cast<double>(rows * cols);
  const double missing = static_cast<double>(cols - gram.size(-1));
  return distance + matrices * missing * target * target;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double temperature) {
  return at::cross_entropy_loss(temperature == 1 ? logits : logits / temperature, labels);
}

Tensor distillation(const Tensor& student, const Tensor& teacher, double temperature) {
  const Tensor wanted = at::log_softmax(teacher.detach() / temperature, 1);
  const Tensor given = at::log_softmax(student / temperature, 1);
  return (wanted.exp() * (wanted - given)).sum(1).mean() * (temperature * temperature);
}

Tensor taught(const Tensor& student,
              const Tensor& labels,
              const Tensor& teacher,
              double share,
              double temperature) {
  if (share == 0) return cross_entropy(student, labels);
  const Tensor of_teacher = share * distillation(student, teacher, temperature);
  return share == 1 ? of_teacher : (1 - share) * cross_entropy(student, labels) + of_teacher;
}

Tensor hints(const std::vector<Tensor>& students, const std::vector<Tensor>& teachers) {
  TORCH_CHECK(students.size() == teachers.size() && !students.empty(), "hints of all products");
  Tensor sum = at::zeros({});
  for (std::size_t i = 0; i < students.size(); ++i) {
    const Tensor power = teachers[i].square().sum().clamp_min(1e-12);
    sum = sum + (students[i] - teachers[i]).square().sum() / power;
  }
  return sum / static_cast<double>(students.size());
}

Tensor orthogonality(const std::vector<StoredProduct>& products, MatrixOf reading, double target) {
  Tensor sum = at::zeros({});
  for (const StoredProduct& stored : products) {
    const bool is_flat = reading == MatrixOf::kFlattened && stored.weight.dim() > 2;
    sum =
        sum + distance_from_orthogonal(is_flat ? stored.weight.flatten(1) : stored.weight, target);
  }
  return sum;
}

}  // namespace crossloom
