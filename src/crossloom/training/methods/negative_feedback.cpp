#include <cmath>

#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Negative feedback training: the logits of worse versions of the network are subtracted from its
/// own.
///
///   L = CE( [z - beta sum_n gamma_n z_n] / (N + 1), y ),   gamma_n = 10^-(n-1) unless given
///
/// `variational_forward` (OVF): z_n is another pass with fresh noise of sigma + offset_n, the
/// largest offset first. `exits` (IRS, and the multi-exit form of version 1): z_n is a classifier
/// that reads an inner node, the shallowest first; these exist in training alone. The gradient
/// flows through all terms unless `detach`.
///
/// What of it does what: with beta = 0 only the division by N + 1 is left, a temperature; and, for
/// `variational_forward`, running statistics of batch normalisations that have seen more noise. The
/// exits have weights of their own and can turn their sign, so that `sign` makes no difference to
/// the rest of the network. See docs/negative_feedback.md for these controls.
///
/// `scope = stem_fc` adds the offsets to the first and the last product alone, as the published
/// code does for ResNet-18, where blocks keep a private copy of their noise.
/// Source: Y. Qin et al., arXiv:2305.14561, and its code: src/loss_fn.py, models/irs_block.py.
class NegativeFeedback final : public GradientMethod {
 public:
  void start(const TrainingSetup& setup) override {
    complete();
    GradientMethod::start(setup);
  }

  std::int64_t forwards_per_step() const override {
    return is_variational() ? 1 + static_cast<std::int64_t>(offsets_.size()) : 1;
  }

 private:
  enum class Feedback { kVariationalForward, kExits };
  enum class Scope { kAll, kStemAndLast };
  enum class Statistics { kAll, kMainOnly };
  enum class Sign { kMinus, kPlus };

  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add_choice<Feedback>(
        "feedback",
        feedback_,
        {{"variational_forward", Feedback::kVariationalForward}, {"exits", Feedback::kExits}},
        "passes with more noise (OVF), or early exits (IRS)");
    params.add("beta", beta_, {0, 1e3}, "1", "share of the feedback");
    params.add("gamma",
               gamma_,
               {0, 1e3},
               "1",
               "weight of each feedback, one for each offset or exit; empty = 1, 0.1, 0.01, ...");
    params.add("offsets",
               offsets_,
               {0, 10},
               "1",
               "variational_forward: what each pass adds to the device error");
    params.add_choice<Scope>("scope",
                             scope_,
                             {{"all", Scope::kAll}, {"stem_fc", Scope::kStemAndLast}},
                             "variational_forward: products that get the offsets");
    params.add_choice<Statistics>("batch_norm",
                                  statistics_,
                                  {{"all", Statistics::kAll}, {"main_only", Statistics::kMainOnly}},
                                  "variational_forward: passes that move the running statistics");
    params.add("exits", exits_, "exits: nodes they read, the shallowest first");
    params.add("exit_sizes",
               exit_sizes_,
               {1, 64},
               "1",
               "exits: each averages images down to a grid of this size; one for each exit");
    params.add("exit_width", exit_width_, {1, 65536}, "1", "exits: width of their hidden layer");
    params.add("exit_noise",
               exit_noise_,
               {0, 10},
               "1",
               "exits: device error of their weights over that of the others");
    params.add("detach", is_detached_, "no gradient goes through the feedback");
    params.add_choice<Sign>("sign",
                            sign_,
                            {{"minus", Sign::kMinus}, {"plus", Sign::kPlus}},
                            "plus adds the feedback instead: a control");
  }

  bool is_variational() const { return feedback_ == Feedback::kVariationalForward; }

  /// Fills in gamma and checks that the lists go together.
  void complete() {
    const std::string list = is_variational() ? "offsets" : "exits";
    const std::size_t count = is_variational() ? offsets_.size() : exits_.size();
    if (count == 0) {
      throw ConfigError("negative feedback without any feedback (method." + list +
                        " is empty); give at least one");
    }
    if (gamma_.empty()) {
      for (std::size_t n = 0; n < count; ++n)
        gamma_.push_back(std::pow(10.0, -static_cast<double>(n)));
    }
    require_length("gamma", gamma_.size(), list, count);
    if (!is_variational()) require_length("exit_sizes", exit_sizes_.size(), list, count);
  }

  static void require_length(const std::string& name,
                             std::size_t length,
                             const std::string& list,
                             std::size_t count) {
    if (length == count) return;
    throw ConfigError("method." + name + " has " + std::to_string(length) + " numbers (method." +
                      list + " has " + std::to_string(count) + "); give one for each");
  }

  Network extend(const Network& network, Rng rng) const override {
    if (is_variational()) return network;
    std::vector<Exit> exits;
    for (std::size_t n = 0; n < exits_.size(); ++n) {
      exits.push_back({exits_[n], exit_sizes_[n], exit_width_});
    }
    return with_exits(network, exits, network.products().back().geometry.out_channels, rng);
  }

  Tensor loss(const Batch& batch) override {
    const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
    std::vector<Tensor> outputs =
        forward(batch.x, weights_of({batch.step, 0, sigma}), Norms::kFollow);
    if (is_variational()) add_variational_passes(outputs, batch, sigma);
    Tensor logits = outputs[0];
    const double factor = sign_ == Sign::kMinus ? -beta_ : beta_;
    for (std::size_t n = 0; n < gamma_.size() && beta_ > 0; ++n) {
      const Tensor feedback = is_detached_ ? outputs[n + 1].detach() : outputs[n + 1];
      logits = at::add(logits, feedback, factor * gamma_[n]);
    }
    return cross_entropy(logits, batch.labels, static_cast<double>(gamma_.size() + 1));
  }

  void add_variational_passes(std::vector<Tensor>& outputs, const Batch& batch, double sigma) {
    const bool needs_gradient = beta_ > 0 && !is_detached_;
    const at::AutoGradMode mode(needs_gradient);
    const Norms norms = statistics_ == Statistics::kAll ? Norms::kFollow : Norms::kBatch;
    for (std::size_t n = 0; n < offsets_.size(); ++n) {
      Pass pass{batch.step, static_cast<std::int64_t>(n) + 1, sigma, norms};
      const ChangeWeight plain = noisy(pass);
      pass.sigma += offsets_[n];
      const ChangeWeight more = noisy(pass);
      const ChangeWeight change = [&](std::size_t index, const Tensor& weight) {
        const bool is_outer = index == 0 || index + 1 == products().size();
        return scope_ == Scope::kAll || is_outer ? more(index, weight) : plain(index, weight);
      };
      outputs.push_back(forward(batch.x, change, norms)[0]);
    }
  }

  /// The weights of the main pass: those of the exits have noise of their own size.
  ChangeWeight weights_of(const Pass& pass) const {
    Pass of_exits = pass;
    of_exits.sigma *= exit_noise_;
    return [this, inner = noisy(pass), outer = noisy(of_exits)](std::size_t index,
                                                                const Tensor& weight) {
      return is_exit(index) ? outer(index, weight) : inner(index, weight);
    };
  }

  TrainingNoise noise_;
  Feedback feedback_ = Feedback::kVariationalForward;
  double beta_ = 1e-3;
  std::vector<double> gamma_;
  std::vector<double> offsets_ = {0.15, 0.10, 0.05};
  Scope scope_ = Scope::kAll;
  Statistics statistics_ = Statistics::kAll;
  std::vector<std::string> exits_;
  std::vector<std::int64_t> exit_sizes_;
  std::int64_t exit_width_ = 512;
  double exit_noise_ = 1;
  bool is_detached_ = false;
  Sign sign_ = Sign::kMinus;
};

const RegisteredMethod<NegativeFeedback> registered{"negative_feedback"};

}  // namespace
}  // namespace crossloom
