#include <filesystem>
#include <fstream>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/network/onnx/onnx_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

template <class Function>
void expect_refused(Function function, const std::vector<std::string>& parts) {
  try {
    function();
    FAIL() << "expected ConfigError with " << parts[0];
  } catch (const ConfigError& error) {
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

void expect_refused(const ModelBuilder& model, const std::vector<std::string>& parts) {
  expect_refused([&] { model.network(); }, parts);
}

std::vector<std::string> kinds(const Network& network) {
  std::vector<std::string> found;
  for (const Node& node : network.nodes()) {
    if (node.op != nullptr) found.push_back(node.op->kind());
  }
  return found;
}

using Kinds = std::vector<std::string>;

// Files that cannot be used.

TEST(OnnxImport, RefusesAFileThatIsCutShortAtAnyByte) {
  const std::string whole =
      ModelBuilder().tensor("w", at::ones({4, 3})).node("MatMul", {"x", "w"}, {"y"}).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(parse_onnx(whole.substr(0, size), "cut.onnx"), ConfigError) << size;
  }
  expect_refused([] { parse_onnx("no model at all", "note.onnx"); },
                 {"note.onnx", "no ONNX model"});
}

TEST(OnnxImport, DamagedFilesAreRefusedOrRead) {
  ModelBuilder model({2, 4, 4});
  model.tensor("w", at::ones({2, 2, 3, 3})).integers("shape", {0, -1}).integers("axes", {1});
  model.number("min", 0).tensor("fc", at::ones({8, 3})).tensor("c", at::ones({2, 1, 1}));
  model.node("Conv", {"x", "w"}, {"a"}, {{"auto_pad", "SAME_UPPER"}, {"strides", {2, 2}}});
  model.node("Clip", {"a", "min"}, {"b"}).node("Softmax", {"b"}, {"s"}, {{"axis", 1}});
  model.node("Add", {"s", "c"}, {"t"}).node("Split", {"t"}, {"f", "g"}, {{"axis", 2}});
  model.node("Concat", {"f", "g"}, {"h"}, {{"axis", 3}}).node("Unsqueeze", {"h", "axes"}, {"u"});
  model.node("Reshape", {"u", "shape"}, {"r"}).node("Gemm", {"r", "fc"}, {"y"});
  const std::string whole = model.bytes();
  EXPECT_NO_THROW(parse_onnx(whole, "whole.onnx"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int flipped : {1, 2, 8, 64, 128, 255}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flipped);
      try {
        parse_onnx(damaged, "damaged.onnx");
      } catch (const ConfigError&) {  // nothing else
      }
    }
  }
}

TEST(OnnxImport, ValuesThatWouldFillTheMemoryAreRefused) {
  ModelBuilder padded({4, 4});
  padded.integers("pads", {0, 0, 0, 0, 1 << 26, 1 << 26}).node("Pad", {"x", "pads"}, {"y"});
  expect_refused(padded, {"the Pad of y", "2^28"});
  ModelBuilder filled;
  filled.integers("size", {1 << 20, 1 << 20}).node("ConstantOfShape", {"size"}, {"y"});
  expect_refused(filled, {"2^28"});
  ModelBuilder tiled;
  tiled.integers("n", {1 << 20, 1 << 20}).node("Tile", {"x", "n"}, {"y"});
  expect_refused(tiled, {"2^28"});
}

TEST(OnnxImport, NamesUnknownOperatorsAndTheirNode) {
  expect_refused(ModelBuilder().node("Fold", {"x"}, {"y"}), {"'Fold'", "the Fold of y"});
  ModelBuilder foreign;
  foreign.node("Relu", {"x"}, {"y"});
  foreign.graph().mutable_node(0)->set_domain("com.example");
  expect_refused(foreign, {"'Relu'", "com.example", "the Relu of y"});
  ModelBuilder computed;
  computed.node("Abs", {"x"}, {"w"}).node("Conv", {"x", "w"}, {"y"});
  expect_refused(computed, {"the Conv of y", "computes"});
}

TEST(OnnxImport, RefusesGraphsThatDoNotHoldTogether) {
  ModelBuilder cyclic;
  cyclic.node("Add", {"x", "b"}, {"a"}).node("Relu", {"a"}, {"b"}).node("Relu", {"b"}, {"y"});
  expect_refused(cyclic, {"cycle"});
  expect_refused(ModelBuilder().node("Add", {"x", "w"}, {"y"}), {"'w'", "the Add of y"});
  expect_refused(ModelBuilder().node("Relu", {"x"}, {"z"}), {"'y'"});
  ModelBuilder twice;
  twice.node("Relu", {"x"}, {"y"}).node("Abs", {"x"}, {"y"});
  expect_refused(twice, {"'y'", "twice"});
  ModelBuilder initialised_twice;
  initialised_twice.number("w", 1).number("w", 2).node("Add", {"x", "w"}, {"y"});
  expect_refused(initialised_twice, {"'w'", "twice"});
  expect_refused(ModelBuilder().node("Add", {"x"}, {"y"}), {"the Add of y", "inputs"});
  expect_refused(ModelBuilder().node("Relu", {"x"}, {"y"}, {{"axis", 1}}),
                 {"axis", "the Relu of y"});
  ModelBuilder mask;
  mask.node("Dropout", {"x"}, {"z", "mask"}).node("Not", {"mask"}, {"y"});
  expect_refused(mask, {"output 2", "the Dropout of z"});
}

TEST(OnnxImport, RefusesTensorsThatTheirShapeDoesNotExplain) {
  const auto with = [](const std::function<void(::onnx::TensorProto&)>& damage) {
    ModelBuilder model;
    model.tensor("w", at::ones({4})).node("Add", {"x", "w"}, {"y"});
    damage(*model.graph().mutable_initializer(0));
    return model;
  };
  expect_refused(with([](auto& w) { w.set_data_type(::onnx::TensorProto::STRING); }),
                 {"'w'", "type"});
  expect_refused(with([](auto& w) { w.set_dims(0, 5); }), {"'w'", "16 bytes", "20"});
  expect_refused(with([](auto& w) { w.set_dims(0, -4); }), {"'w'", "negative"});
  expect_refused(with([](auto& w) {
                   w.set_dims(0, std::int64_t{1} << 40);
                   w.add_dims(std::int64_t{1} << 40);
                 }),
                 {"'w'", "overflows"});
  expect_refused(with([](auto& w) {
                   w.clear_raw_data();
                   w.add_float_data(1);
                 }),
                 {"'w'", "1 values", "4"});
}

TEST(OnnxImport, ReadsExternalTensorsFromTheFolderOfTheModelOnly) {
  const fs::path folder = fs::temp_directory_path() / "crossloom_onnx_test";
  fs::create_directories(folder / "model");
  const Tensor values = at::arange(4).to(at::kFloat);
  const std::string bytes(static_cast<const char*>(values.data_ptr()), values.nbytes());
  write_file(folder / "model/weights.bin", "junk" + bytes);
  write_file(folder / "outside.bin", "junk" + bytes);
  const auto read = [&](const std::string& location, const std::string& offset) {
    ModelBuilder model;
    model.tensor("w", at::ones({4})).node("Add", {"x", "w"}, {"y"});
    auto& w = *model.graph().mutable_initializer(0);
    w.clear_raw_data();
    w.set_data_location(::onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : std::map<std::string, std::string>{
             {"location", location}, {"offset", offset}, {"length", "16"}}) {
      auto& entry = *w.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    return parse_onnx(model.bytes(), folder / "model/a.onnx").forward(at::zeros({1, 4}));
  };
  expect_close(read("weights.bin", "4"), values.unsqueeze(0));
  expect_refused([&] { read("../outside.bin", "4"); }, {"folder of the model"});
  expect_refused([&] { read((folder / "outside.bin").string(), "4"); }, {"folder of the model"});
  expect_refused([&] { read("weights.bin", "8"); }, {"beyond the end"});
  expect_refused([&] { read("absent.bin", "0"); }, {"absent.bin"});
  fs::remove_all(folder);
}

TEST(OnnxImport, AsksForSizesThatAreOpen) {
  ModelBuilder model({4, 4});
  model.node("Relu", {"x"}, {"y"});
  model.input_type().mutable_shape()->mutable_dim(1)->set_dim_param("height");
  expect_refused(model, {"dimension 1", "'x'"});
  OnnxOptions options;
  options.sizes["x"] = {7, 4};
  EXPECT_EQ(model.network(options).input_size(), (Sizes{7, 4}));
  model.input_type().mutable_shape()->mutable_dim(1)->set_dim_param("Sequence");
  EXPECT_EQ(model.network().input_size(), (Sizes{128, 4}));
  model.input_type().mutable_shape()->mutable_dim(0)->set_dim_value(16);
  expect_refused(model, {"batches of 16"});
}

// Products.

TEST(OnnxImport, ConvolutionsOfAnyKindBecomeStoredProducts) {
  const Tensor weight = at::sin(at::arange(6 * 2 * 3 * 3)).reshape({6, 2, 3, 3});
  const Tensor x = at::cos(at::arange(2 * 4 * 9 * 8)).reshape({2, 4, 9, 8});
  ModelBuilder model({4, 9, 8});
  model.tensor("layer.weight", weight)
      .tensor("layer.bias", at::arange(6).to(at::kFloat))
      .node("Conv",
            {"x", "layer.weight", "layer.bias"},
            {"y"},
            {{"group", 2}, {"strides", {2, 1}}, {"dilations", {1, 2}}, {"pads", {0, 1, 1, 2}}});
  const Network network = model.network();
  ASSERT_EQ(network.products().size(), 1U);
  EXPECT_EQ(network.product_name(0), "layer");
  const Tensor padded = at::constant_pad_nd(x, {1, 2, 0, 1});
  expect_close(
      network.forward(x),
      at::conv2d(
          padded, weight, at::arange(6).to(at::kFloat), {2, 1}, at::IntArrayRef{0, 0}, {1, 2}, 2));
}

TEST(OnnxImport, AutomaticPaddingIsResolved) {
  const Tensor weight = at::ones({1, 1, 3, 3});
  const Tensor x = at::arange(36).to(at::kFloat).reshape({1, 1, 6, 6});
  const auto run = [&](const char* mode) {
    return ModelBuilder({1, 6, 6})
        .tensor("w", weight)
        .node("Conv", {"x", "w"}, {"y"}, {{"auto_pad", mode}, {"strides", {2, 2}}})
        .run(x);
  };
  const auto conv = [&](const Sizes& padding) {
    return at::conv2d(at::constant_pad_nd(x, padding), weight, {}, 2);
  };
  expect_close(run("SAME_UPPER"), conv({0, 1, 0, 1}));
  expect_close(run("SAME_LOWER"), conv({1, 0, 1, 0}));
  expect_close(run("VALID"), conv({0, 0, 0, 0}));
  const Tensor pooled =
      ModelBuilder({1, 6, 6})
          .node("MaxPool",
                {"x"},
                {"y"},
                {{"auto_pad", "SAME_UPPER"}, {"kernel_shape", {3, 3}}, {"strides", {2, 2}}})
          .run(x);
  expect_close(pooled, at::max_pool2d(at::constant_pad_nd(x, {0, 1, 0, 1}), 3, 2));
}

TEST(OnnxImport, ConvolutionsOfSignalsAreThoseOfImagesOfOneRow) {
  const Tensor weight = at::sin(at::arange(2 * 3 * 3)).reshape({2, 3, 3});
  const Tensor x = at::cos(at::arange(2 * 3 * 7)).reshape({2, 3, 7});
  ModelBuilder model({3, 7});
  model.tensor("w", weight).node("Conv", {"x", "w"}, {"y"}, {{"pads", {1, 1}}, {"strides", {2}}});
  expect_close(model.run(x), at::conv1d(x, weight, {}, 2, 1));
}

TEST(OnnxImport, GemmAndMatMulBecomeStoredProducts) {
  const Tensor weight = at::sin(at::arange(12)).reshape({4, 3});
  const Tensor bias = at::arange(3).to(at::kFloat);
  const Tensor x = at::cos(at::arange(8)).reshape({2, 4});
  ModelBuilder gemm;
  gemm.tensor("w", weight)
      .tensor("b", bias)
      .node("Gemm", {"x", "w", "b"}, {"y"}, {{"alpha", 0.5}, {"beta", 2.0}});
  EXPECT_EQ(gemm.network().products().size(), 1U);
  expect_close(gemm.run(x), 0.5 * x.mm(weight) + 2 * bias);
  ModelBuilder flipped;
  flipped.tensor("w", weight.t()).node("Gemm", {"x", "w"}, {"y"}, {{"transB", 1}});
  expect_close(flipped.run(x), x.mm(weight));
  ModelBuilder matmul({5, 4});
  matmul.tensor("w", weight).tensor("fc.bias", bias);
  matmul.node("MatMul", {"x", "w"}, {"z"}).node("Add", {"fc.bias", "z"}, {"y"});
  const Network network = matmul.network();
  EXPECT_EQ(kinds(network), Kinds());
  EXPECT_EQ(network.product_name(0), "fc");
  const Tensor rows = at::sin(at::arange(40)).reshape({2, 5, 4});
  expect_close(network.forward(rows), rows.matmul(weight) + bias);
}

TEST(OnnxImport, ProductsThatCrossbarsCannotStoreStayOperators) {
  ModelBuilder left({4, 3});
  left.tensor("w", at::ones({2, 4})).node("MatMul", {"w", "x"}, {"y"});
  EXPECT_EQ(kinds(left.network()), Kinds({"MatMul"}));
  expect_close(left.run(at::ones({2, 4, 3})), at::full({2, 2, 3}, 4.0));
}

// Constants and shapes.

TEST(OnnxImport, ConstantsAreFolded) {
  ModelBuilder model;
  model.number("a", 2).number("b", 3).integers("order", {1, 0});
  model.node("Mul", {"a", "b"}, {"six"}).node("Identity", {"six"}, {"again"});
  model.node("Add", {"x", "again"}, {"y"});
  EXPECT_EQ(kinds(model.network()), Kinds({"Add"}));
  expect_close(model.run(at::ones({1, 4})), at::full({1, 4}, 7.0));
}

TEST(OnnxImport, ShapeArithmeticLeavesOneConstantShape) {
  ModelBuilder model({6, 4});
  model.integers("zero", {0}).integers("two", {2}).integers("rest", {-1});
  model.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
  model.node("Gather", {"shape", "two"}, {"width"}).node("Div", {"width", "two"}, {"half"});
  model.node("Concat", {"batch", "rest", "half", "two"}, {"wanted"}, {{"axis", 0}});
  model.node("Reshape", {"x", "wanted"}, {"y"});
  EXPECT_EQ(kinds(model.network()), Kinds({"Reshape"}));
  EXPECT_EQ(model.run(at::ones({5, 6, 4})).sizes(), (Sizes{5, 6, 2, 2}));
}

TEST(OnnxImport, ExpandedConstantsFollowTheBatch) {
  ModelBuilder model({3, 2});
  model.tensor("token", at::ones({1, 1, 2})).integers("zero", {0}).integers("tail", {1, 2});
  model.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
  model.node("Concat", {"batch", "tail"}, {"wanted"}, {{"axis", 0}});
  model.node("Expand", {"token", "wanted"}, {"tokens"});
  model.node("Concat", {"tokens", "x"}, {"y"}, {{"axis", 1}});
  const Tensor x = at::zeros({4, 3, 2});
  expect_close(model.run(x), at::cat({at::ones({4, 1, 2}), x}, 1));
}

TEST(OnnxImport, FilesWrittenForABatchOfOneTakeAny) {
  const Tensor x = at::sin(at::arange(3 * 6 * 4)).reshape({3, 6, 4});
  ModelBuilder flat({6, 4});
  flat.fix_batch().integers("shape", {1, 24}).node("Reshape", {"x", "shape"}, {"y"});
  expect_close(flat.run(x), x.reshape({3, 24}));
  ModelBuilder open({6, 4});
  open.fix_batch().integers("shape", {1, 4, -1}).node("Reshape", {"x", "shape"}, {"y"});
  expect_close(open.run(x), x.reshape({3, 4, 6}));
  // Attention of PyTorch: tokens first, then batch times heads.
  ModelBuilder heads({6, 4});
  heads.fix_batch().integers("split", {6, 2, 2}).integers("joined", {6, 1, 4});
  heads.node("Transpose", {"x"}, {"a"}, {{"perm", {1, 0, 2}}});
  heads.node("Reshape", {"a", "split"}, {"b"}).node("Neg", {"b"}, {"c"});
  heads.node("Reshape", {"c", "joined"}, {"d"});
  heads.node("Transpose", {"d"}, {"y"}, {{"perm", {1, 0, 2}}});
  expect_close(heads.run(x), -x);
  ModelBuilder token({6, 4});
  token.fix_batch().tensor("token", at::ones({1, 1, 4}));
  token.node("Concat", {"token", "x"}, {"y"}, {{"axis", 1}});
  expect_close(token.run(x), at::cat({at::ones({3, 1, 4}), x}, 1));
}

TEST(OnnxImport, NetworksThatMixTheExamplesOfABatchAreRefused) {
  ModelBuilder model({4});
  model.fix_batch().node("ReduceMean", {"x"}, {"mean"}, {{"axes", {0, 1}}});
  model.node("Sub", {"x", "mean"}, {"y"});
  expect_refused(model, {"mixes the examples"});
}

TEST(OnnxImport, HalfPrecisionWeightsBecomeSingle) {
  ModelBuilder model;
  model.tensor("w", at::ones({4})).node("Add", {"x", "w"}, {"y"});
  auto& w = *model.graph().mutable_initializer(0);
  const Tensor half = at::full({4}, 0.5).to(at::kHalf);
  w.set_data_type(::onnx::TensorProto::FLOAT16);
  w.set_raw_data(half.data_ptr(), half.nbytes());
  expect_close(model.run(at::zeros({1, 4})), at::full({1, 4}, 0.5));
  w.clear_raw_data();
  for (int i = 0; i < 4; ++i) w.add_int32_data(0x3800);  // the bits of 0.5
  expect_close(model.run(at::zeros({1, 4})), at::full({1, 4}, 0.5));
}

// Older opsets, and forms of newer ones.

TEST(OnnxImport, SplitBecomesSlices) {
  const Tensor x = at::arange(10).to(at::kFloat).reshape({1, 10});
  for (const bool is_old : {false, true}) {
    ModelBuilder model({10}, is_old ? 11 : 17);
    if (is_old) {
      model.node("Split", {"x"}, {"a", "y", "c"}, {{"axis", 1}, {"split", {3, 5, 2}}});
    } else {
      model.integers("parts", {3, 5, 2})
          .node("Split", {"x", "parts"}, {"a", "y", "c"}, {{"axis", -1}});
    }
    expect_close(model.run(x), x.slice(1, 3, 8));
  }
  expect_close(ModelBuilder({10}).node("Split", {"x"}, {"a", "y"}, {{"axis", 1}}).run(x),
               x.slice(1, 5, 10));
}

TEST(OnnxImport, SoftmaxBeforeOpset13TakesTheLastDimensionsTogether) {
  const Tensor x = at::sin(at::arange(24)).reshape({2, 3, 4});
  expect_close(ModelBuilder({3, 4}, 11).node("Softmax", {"x"}, {"y"}).run(x),
               x.flatten(1).softmax(1).reshape({2, 3, 4}));
  expect_close(ModelBuilder({3, 4}, 11).node("Softmax", {"x"}, {"y"}, {{"axis", 2}}).run(x),
               x.softmax(2));
  expect_close(ModelBuilder({3, 4}, 13).node("Softmax", {"x"}, {"y"}, {{"axis", 1}}).run(x),
               x.softmax(1));
}

TEST(OnnxImport, AttributesOfOldOpsetsBecomeInputs) {
  const Tensor x = at::arange(-6, 6).to(at::kFloat).reshape({1, 1, 12});
  expect_close(ModelBuilder({1, 12}, 9)
                   .node("Slice", {"x"}, {"y"}, {{"axes", {2}}, {"starts", {2}}, {"ends", {5}}})
                   .run(x),
               x.slice(2, 2, 5));
  expect_close(ModelBuilder({1, 12}, 9)
                   .node("Pad", {"x"}, {"y"}, {{"pads", {0, 0, 1, 0, 0, 2}}, {"value", 3.0}})
                   .run(x),
               at::constant_pad_nd(x, {1, 2}, 3));
  expect_close(ModelBuilder({1, 12}, 11).node("Squeeze", {"x"}, {"y"}, {{"axes", {1}}}).run(x),
               x.squeeze(1));
  expect_close(ModelBuilder({1, 12}, 11).node("Unsqueeze", {"x"}, {"y"}, {{"axes", {0}}}).run(x),
               x.unsqueeze(0));
  expect_close(
      ModelBuilder({1, 12}, 9).node("Clip", {"x"}, {"y"}, {{"min", -1.0}, {"max", 2.0}}).run(x),
      x.clamp(-1, 2));
  expect_close(ModelBuilder({1, 12}, 11)
                   .node("ReduceSum", {"x"}, {"y"}, {{"axes", {2}}, {"keepdims", 0}})
                   .run(x),
               x.sum(2));
  expect_close(ModelBuilder({1, 12}, 9).node("Dropout", {"x"}, {"y"}, {{"ratio", 0.5}}).run(x), x);
}

TEST(OnnxImport, BroadcastingOfOldOpsetsIsWrittenOut) {
  const Tensor x = at::arange(24).to(at::kFloat).reshape({2, 3, 2, 2});
  const Tensor channel = at::arange(3).to(at::kFloat);
  ModelBuilder model({3, 2, 2}, 6);
  model.tensor("c", channel).node("Add", {"x", "c"}, {"y"}, {{"broadcast", 1}, {"axis", 1}});
  expect_close(model.run(x), x + channel.view({3, 1, 1}));
}

TEST(OnnxImport, BatchNormalizationOfOldOpsetsKeepsItsMeaning) {
  const Tensor x = at::sin(at::arange(24)).reshape({2, 3, 2, 2});
  ModelBuilder model({3, 2, 2}, 6);
  for (const char* name : {"s", "b", "m", "v"}) model.tensor(name, at::arange(1, 4));
  for (auto& tensor : *model.graph().mutable_initializer()) {
    const Tensor value = at::arange(1, 4).to(at::kFloat);
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    tensor.set_raw_data(value.data_ptr(), value.nbytes());
  }
  model.node("BatchNormalization",
             {"x", "s", "b", "m", "v"},
             {"y"},
             {{"is_test", 1}, {"spatial", 1}, {"consumed_inputs", {0, 0, 0, 1, 1}}});
  const Tensor c = at::arange(1, 4).to(at::kFloat);
  expect_close(model.run(x), at::batch_norm(x, c, c, c, c, false, 0.1, 1e-5, false));
}

TEST(OnnxImport, ConstantBoundsOfClipTellTheSign) {
  ModelBuilder model;
  model.number("zero", 0).number("six", 6).tensor("w", at::ones({4, 3}));
  model.node("Clip", {"x", "zero", "six"}, {"z"}).node("MatMul", {"z", "w"}, {"y"});
  const Network network = model.network();
  EXPECT_EQ(network.nodes()[network.find("the Clip of z")].op->attributes(),
            (Json{{"min", 0.0}, {"max", 6.0}}));
}

// What exporters take apart.

TEST(OnnxImport, GeluIsRecognisedInItsForms) {
  const Tensor x = at::linspace(-3, 3, 4).unsqueeze(0);
  const auto start = [] {
    ModelBuilder model;
    model.number("root", std::sqrt(2.0)).number("one", 1).number("half", 0.5);
    model.node("Div", {"x", "root"}, {"a"}).node("Erf", {"a"}, {"b"});
    model.node("Add", {"b", "one"}, {"c"});
    return model;
  };
  ModelBuilder last = start();
  last.node("Mul", {"x", "c"}, {"d"}).node("Mul", {"d", "half"}, {"y"});
  ModelBuilder first = start();
  first.node("Mul", {"x", "half"}, {"d"}).node("Mul", {"d", "c"}, {"y"});
  ModelBuilder middle = start();
  middle.node("Mul", {"half", "c"}, {"d"}).node("Mul", {"x", "d"}, {"y"});
  for (const ModelBuilder& model : {last, first, middle}) {
    EXPECT_EQ(kinds(model.network()), Kinds({"Gelu"}));
    expect_close(model.run(x), at::gelu(x));
  }
  ModelBuilder other = start();
  other.node("Mul", {"x", "c"}, {"d"}).node("Mul", {"d", "root"}, {"y"});
  EXPECT_EQ(kinds(other.network()).size(), 5U);
}

TEST(OnnxImport, LayerNormalizationIsRecognised) {
  const Tensor x = at::sin(at::arange(12)).reshape({1, 3, 4});
  const Tensor weight = at::arange(1, 5).to(at::kFloat);
  const auto model = [&](const Sizes& second_axes) {
    ModelBuilder built({3, 4}, 13);
    built.number("two", 2).number("e", 1e-5).tensor("w", weight).tensor("b", weight);
    built.node("ReduceMean", {"x"}, {"m"}, {{"axes", {-1}}}).node("Sub", {"x", "m"}, {"d"});
    built.node("Pow", {"d", "two"}, {"p"})
        .node("ReduceMean", {"p"}, {"v"}, {{"axes", second_axes}});
    built.node("Add", {"v", "e"}, {"s"}).node("Sqrt", {"s"}, {"r"}).node("Div", {"d", "r"}, {"n"});
    built.node("Mul", {"n", "w"}, {"k"}).node("Add", {"k", "b"}, {"y"});
    return built;
  };
  EXPECT_EQ(kinds(model({-1}).network()), Kinds({"LayerNormalization"}));
  expect_close(model({-1}).run(x), at::layer_norm(x, {4}, weight, weight, 1e-5));
  EXPECT_GT(kinds(model({-2}).network()).size(), 5U);
}

TEST(OnnxImport, HardSwishIsRecognised) {
  const Tensor x = at::linspace(-4, 4, 4).unsqueeze(0);
  ModelBuilder model;
  model.node("HardSigmoid", {"x"}, {"a"}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  model.node("Mul", {"x", "a"}, {"y"});
  EXPECT_EQ(kinds(model.network()), Kinds({"HardSwish"}));
  expect_close(model.run(x), at::hardswish(x));
}

// Names and scaling.

TEST(OnnxImport, NamesOfPyTorchAreRecovered) {
  ModelBuilder model;
  model.tensor("onnx::MatMul_7", at::ones({4, 4})).tensor("onnx::MatMul_8", at::ones({4, 4}));
  model.node("MatMul", {"x", "onnx::MatMul_7"}, {"z"})
      .node("MatMul", {"z", "onnx::MatMul_8"}, {"y"});
  model.graph().mutable_node(0)->set_name("/layer1/layer1.0/conv1/Conv");
  model.graph().mutable_node(1)->set_name("/layer1/layer1.0/conv1/Conv_1");
  const Network network = model.network();
  EXPECT_EQ(network.product_name(0), "layer1.0.conv1");
  EXPECT_EQ(network.product_name(1), "layer1.0.conv1.2");
}

TEST(OnnxImport, ScalingCanBeGiven) {
  ModelBuilder model({3, 2, 2});
  model.node("Relu", {"x"}, {"y"});
  EXPECT_EQ(model.network().inputs()[0].scaling.std, (std::vector<double>{1, 1, 1}));
  OnnxOptions options;
  options.scaling = InputScaling{{0.5}, {0.25}};
  EXPECT_EQ(model.network(options).inputs()[0].scaling.mean, (std::vector<double>{0.5, 0.5, 0.5}));
  options.scaling = InputScaling{{0.5, 0.5}, {0.25, 0.25}};
  expect_refused([&] { model.network(options); }, {"channels"});
}

}  // namespace
}  // namespace crossloom
