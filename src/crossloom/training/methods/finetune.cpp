#include "crossloom/training/chip_model.h"
#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Finetuning of a trained network for the current law and the retention of its chip.
///
///   L = D(z) + consistency_weight D(z') + penalty_weight P
///   D(z) = (1 - distillation) CE(z, y) + distillation T^2 KL(softmax(t / T) || softmax(z / T))
///          + hint_weight H
///
/// z are logits of the chip as `ChipModel` has it: inputs through the range-shrunk current law,
/// weights with the errors that they have `elapsed` after programming (injection, R2'), or exact
/// ones with z' from a pass with errors (consistency, R2). P is a penalty on these errors: of the
/// states (R1), noise to signal of the weights (R3) or of the outputs (R4). t are the logits of the
/// network as it was given; H is the distance of what each product gives from what it gives there.
/// `clip_std` is the clip C.
/// Source: C.-Y. Lin et al., arXiv:2606.17471, of which the abstract is known: the parts are those
/// that it names, their forms are ours (assumption; see docs/finetuning.md).
class Finetune final : public GradientMethod {
 public:
  void start(const TrainingSetup& setup) override {
    teacher_ = std::make_unique<Network>(setup.network.clone());
    model_ = std::make_unique<ChipModel>(
        setup.network, setup.placements, elapsed_, drive_scale_, setup.seed);
    GradientMethod::start(setup);
  }

  std::int64_t forwards_per_step() const override {
    return 1 + (retention_ == Retention::kConsistency ? 1 : 0) + (has_teacher() ? 1 : 0);
  }

  Tensor predict(const Tensor& x, std::uint64_t pass, std::int64_t first_image) override {
    observe(x);
    const ChipModel::Draw draw = draw_of(kTests, pass, 1, first_image);
    return network().forward(x, model_->products(network().products(), draw));
  }

  Json learned_hardware() const override {
    Json learned = Json::object();
    for (std::size_t i = 0; i < network().products().size(); ++i) {
      Json dac = Json::object();
      if (shares_ == Learned::kLearned) dac["range_use"] = model_->range_use(i);
      if (ranges_ == Learned::kLearned) {
        dac["range"] = "fixed";
        dac["x_max"] = model_->input_range(i);
      }
      if (!dac.empty() && model_->is_analog(i)) learned[network().product_name(i)] = {{"dac", dac}};
    }
    return learned;
  }

  /// Labels of a few classes would teach the network that there are no others.
  bool needs_all_classes() const override { return distillation_ < 1; }

  TensorMap state() const override {
    TensorMap state = GradientMethod::state();
    state.merge(with_prefix(model_->state(), "chip_model."));
    return state;
  }

  void load_state(const TensorMap& state) override {
    GradientMethod::load_state(state);
    model_->load_state(without_prefix(state, "chip_model."));
  }

 private:
  enum class Retention { kNone, kInjection, kConsistency };
  enum class Penalty { kNone, kState, kNoiseToSignal, kActivity };
  enum class Learned { kSet, kLearned };
  enum class BatchNorm { kFrozen, kFollowed };

  // Streams of passes in training and of those in tests.
  static constexpr std::uint64_t kSteps = 1;
  static constexpr std::uint64_t kTests = 2;
  static constexpr std::int64_t kObserveEvery = 50;  // [steps]

  void describe_own(ParamList& params) override {
    params.add("elapsed",
               elapsed_,
               {0, 1e10},
               "s",
               "time after programming whose errors the weights have in training");
    params.add("current_law",
               has_current_law_,
               "the inputs go through the current law of the cells; false = as if it were linear");
    params.add("drive_scale",
               drive_scale_,
               {1e-3, 10},
               "1",
               "factor of the read voltage in training: a current law other than the chip's");
    params.add("anneal",
               anneal_,
               {0, 1},
               "1",
               "share of the training in which the driven range grows from nothing to its value");
    params.add("corrected_columns",
               corrects_columns_,
               "outputs have gain and offset corrected, as calibration.columns = "
               "gain_and_offset does it on the chip");
    params.add_choice<Learned>("shrink",
                               shares_,
                               {{"set", Learned::kSet}, {"learned", Learned::kLearned}},
                               "share of the range that each product drives: dac.range_use, or "
                               "learned from there on");
    params.add_choice<Learned>("ranges",
                               ranges_,
                               {{"set", Learned::kSet}, {"learned", Learned::kLearned}},
                               "full scale of each DAC: by dac.range, or learned from there on");
    params.add_choice<Retention>(
        "retention",
        retention_,
        {{"none", Retention::kNone},
         {"injection", Retention::kInjection},
         {"consistency", Retention::kConsistency}},
        "errors of weights in the pass that is learned from (R2'), or in a second one beside (R2)");
    params.add("consistency_weight",
               consistency_weight_,
               {0, 100},
               "1",
               "consistency: weight of the pass with errors");
    noise_.describe(params);
    params.add_choice<Penalty>("penalty",
                               penalty_,
                               {{"none", Penalty::kNone},
                                {"state", Penalty::kState},
                                {"noise_to_signal", Penalty::kNoiseToSignal},
                                {"activity", Penalty::kActivity}},
                               "on errors of the states (R1), on noise to signal of the weights "
                               "(R3), or of the outputs (R4)");
    params.add("penalty_weight", penalty_weight_, {0, 1e6}, "1", "weight of the penalty");
    params.add("distillation",
               distillation_,
               {0, 1},
               "1",
               "share of the given network's logits in the loss; 1 = no label is used");
    params.add("temperature", temperature_, {1e-3, 1e3}, "1", "distillation: of both softmaxes");
    params.add("hint_weight",
               hint_weight_,
               {0, 1e6},
               "1",
               "weight of hints: relative squared distance of each product's outputs from those in "
               "the given network, mean over products");
    params.add_choice<BatchNorm>(
        "batch_norm",
        batch_norm_,
        {{"frozen", BatchNorm::kFrozen}, {"followed", BatchNorm::kFollowed}},
        "statistics of batch normalisations: those given, or followed");
  }

  std::vector<Tensor> own_parameters() override {
    std::vector<Tensor> own;
    if (shares_ == Learned::kLearned) own = model_->learn_shares();
    if (ranges_ == Learned::kLearned) {
      for (const Tensor& range : model_->learn_ranges()) own.push_back(range);
    }
    return own;
  }

  void constrain_own() override { model_->constrain(); }

  /// Ranges are followed now and then.
  void observe(const Tensor& x, std::int64_t step = -1) {
    if (step >= 0 ? step % kObserveEvery == 0 : !model_->has_ranges()) {
      model_->observe_inputs(network(), x);
    }
  }

  ChipModel::Draw draw_of(std::uint64_t stream,
                          std::uint64_t pass,
                          double error,
                          std::int64_t first_image = 0) const {
    ChipModel::Draw draw;
    draw.rng = Rng(setup().seed).fork(Purpose::kVariation).fork(stream).fork(pass);
    draw.amplifiers = Rng(setup().seed)
                          .fork(Purpose::kRead)
                          .fork(stream)
                          .fork(pass)
                          .fork(static_cast<std::uint64_t>(first_image));
    draw.error = error;
    draw.is_linear = !has_current_law_;
    draw.corrects_columns = corrects_columns_;
    return draw;
  }

  bool has_teacher() const { return distillation_ > 0 || hint_weight_ > 0; }

  /// `products`, keeping in `outputs`, one for each product, what they give where there are hints.
  Network::Products kept(const Network::Products& products, std::vector<Tensor>& outputs) const {
    if (hint_weight_ == 0) return products;
    outputs.resize(network().products().size());
    return [products, &outputs](std::size_t index, const Tensor& x) {
      return outputs.at(index) = as_float(products(index, x));
    };
  }

  /// What the given network makes of a batch.
  struct Lesson {
    Tensor logits;
    std::vector<Tensor> outputs;  // of each product
  };

  Lesson teach(const Tensor& x) const {
    Lesson lesson;
    if (!has_teacher()) return lesson;
    const at::NoGradGuard no_grad;
    const std::vector<StoredProduct>& stored = teacher_->products();
    const auto exact = [&](std::size_t index, const Tensor& input) {
      return digital_product(input, stored[index].weight, stored[index].geometry);
    };
    lesson.logits = Network::as_one(run(*teacher_, x, kept(exact, lesson.outputs)));
    return lesson;
  }

  Tensor penalty(const ChipModel::Activity& activity) const {
    const std::vector<StoredProduct>& stored = network().products();
    if (penalty_ == Penalty::kState) return model_->state_penalty(stored);
    if (penalty_ == Penalty::kNoiseToSignal) return model_->noise_to_signal(stored);
    return model_->activity_penalty(stored, activity);
  }

  Tensor loss(const Batch& batch) override {
    observe(batch.x, batch.step);
    const double error = noise_.at(1, batch.step, setup().num_steps);
    const double driven = anneal_ == 0 ? 1
                                       : static_cast<double>(batch.step + 1) /
                                             (anneal_ * static_cast<double>(setup().num_steps));
    const Norms norms = batch_norm_ == BatchNorm::kFrozen ? Norms::kRunning : Norms::kFollow;
    const Lesson lesson = teach(batch.x);
    ChipModel::Activity activity;
    const auto pass = [&](double factor, std::uint64_t number) {
      ChipModel::Draw draw =
          draw_of(kSteps, 2 * static_cast<std::uint64_t>(batch.step) + number, factor);
      draw.drive = std::min(1.0, driven);
      if (number == 0 && penalty_ == Penalty::kActivity) draw.activity = &activity;
      std::vector<Tensor> outputs;
      const Network::Products products =
          kept(model_->products(network().products(), draw), outputs);
      const Tensor logits = forward_through(batch.x, products, norms)[0];
      const Tensor part = taught(logits, batch.labels, lesson.logits, distillation_, temperature_);
      return hint_weight_ == 0 ? part : part + hint_weight_ * hints(outputs, lesson.outputs);
    };
    Tensor sum = pass(retention_ == Retention::kInjection ? error : 0, 0);
    if (retention_ == Retention::kConsistency) {
      sum = sum + consistency_weight_ * pass(error, 1);
    }
    if (penalty_ != Penalty::kNone) sum = sum + penalty_weight_ * penalty(activity);
    return sum;
  }

  double elapsed_ = 86400;
  bool has_current_law_ = true;
  double drive_scale_ = 1;
  double anneal_ = 0;
  bool corrects_columns_ = false;
  Learned shares_ = Learned::kSet;
  Learned ranges_ = Learned::kSet;
  Retention retention_ = Retention::kInjection;
  double consistency_weight_ = 1;
  TrainingNoise noise_;
  Penalty penalty_ = Penalty::kNone;
  double penalty_weight_ = 0.03;
  double distillation_ = 0;
  double temperature_ = 2;
  double hint_weight_ = 0;
  BatchNorm batch_norm_ = BatchNorm::kFollowed;
  std::unique_ptr<Network> teacher_;
  std::unique_ptr<ChipModel> model_;
};

const RegisteredMethod<Finetune> registered{"finetune"};

}  // namespace
}  // namespace crossloom
