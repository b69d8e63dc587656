// Outputs of a model, for comparison with those of PyTorch:
//
//   onnx_logits MODEL WEIGHTS OUT INPUT.npy...
//
// MODEL and WEIGHTS (or "-") as `open_model` takes them. Writes OUT.<i>.npy for each output, and
// OUT.again.<i>.npy for the same network written to ONNX and read again.
#include <cstdio>

#include "crossloom/network/model.h"
#include "crossloom/network/onnx_export.h"

namespace crossloom {
namespace {

void write_outputs(const Network& network,
                   const std::vector<Tensor>& inputs,
                   const std::string& out) {
  const std::vector<Tensor> outputs = network.forward(inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    write_npy(out + "." + std::to_string(i) + ".npy", outputs[i]);
  }
}

void run(const std::vector<std::string>& arguments) {
  const at::NoGradGuard no_grad;
  if (arguments.size() < 4) throw ConfigError("usage (too few arguments); see the source");
  const std::string weights = arguments[1] == "-" ? "" : arguments[1];
  const Network network = open_model(arguments[0], weights);
  std::vector<Tensor> inputs;
  for (std::size_t i = 3; i < arguments.size(); ++i) inputs.push_back(read_npy(arguments[i]));
  write_outputs(network, inputs, arguments[2]);
  const std::string copy = arguments[2] + ".again.onnx";
  write_onnx(copy, network);
  write_outputs(read_onnx(copy), inputs, arguments[2] + ".again");
  std::size_t num_operators = 0;
  for (const Node& node : network.nodes()) num_operators += node.op != nullptr ? 1 : 0;
  std::printf("%zu products, %zu operators\n", network.products().size(), num_operators);
}

}  // namespace
}  // namespace crossloom

int main(int argc, char** argv) {
  try {
    crossloom::run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
