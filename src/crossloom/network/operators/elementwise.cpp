#include "crossloom/network/operators/table.h"

namespace crossloom::operators {
namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

void add_unary(Table& table, const std::string& name, Sign sign, Unary function) {
  table[name] = {1, 1, sign, [function](Attributes&) -> Compute {
                   return [function](const OperatorInputs& in) { return function(in[0]); };
                 }};
}

void add_binary(Table& table, const std::string& name, Sign sign, Binary function) {
  table[name] = {2, 2, sign, [function](Attributes&) -> Compute {
                   return [function](const OperatorInputs& in) { return function(in[0], in[1]); };
                 }};
}

/// Operators that fold any number of inputs into one.
void add_variadic(Table& table, const std::string& name, Sign sign, Binary function, bool is_mean) {
  table[name] = {1, kAnyNumber, sign, [function, is_mean](Attributes&) -> Compute {
                   return [function, is_mean](const OperatorInputs& in) {
                     Tensor result = in[0];
                     for (std::size_t i = 1; i < in.size(); ++i) result = function(result, in[i]);
                     return is_mean ? result / static_cast<double>(in.size()) : result;
                   };
                 }};
}

/// Quotient; towards zero for integers.
Tensor divide(const Tensor& a, const Tensor& b) {
  const bool is_integer = !a.is_floating_point() && !b.is_floating_point();
  return is_integer ? at::div(a, b, "trunc") : at::div(a, b);
}

at::ScalarType scalar_type(std::int64_t onnx_type) {
  switch (onnx_type) {  // TensorProto.DataType
    case 1:
    case 10:  // float16 is computed in float32
    case 16:
      return at::kFloat;
    case 2:
      return at::kByte;
    case 3:
      return at::kChar;
    case 5:
      return at::kShort;
    case 6:
      return at::kInt;
    case 7:
      return at::kLong;
    case 9:
      return at::kBool;
    case 11:
      return at::kDouble;
    default:
      throw ConfigError("Cast to the ONNX type " + std::to_string(onnx_type) +
                        " (crossloom has no such type); cast to float, int64 or bool");
  }
}

void add_activations(Table& table) {
  add_unary(table, "Relu", Sign::kNonNegative, [](const Tensor& x) { return at::relu(x); });
  add_unary(table, "Sigmoid", Sign::kNonNegative, [](const Tensor& x) { return at::sigmoid(x); });
  add_unary(table, "Softplus", Sign::kNonNegative, [](const Tensor& x) { return at::softplus(x); });
  add_unary(table, "Softsign", Sign::kAny, [](const Tensor& x) { return x / (1 + x.abs()); });
  add_unary(table, "HardSwish", Sign::kAny, [](const Tensor& x) { return at::hardswish(x); });
  add_unary(table, "Mish", Sign::kAny, [](const Tensor& x) { return at::mish(x); });
  add_unary(table, "Tanh", Sign::kAsFirst, [](const Tensor& x) { return at::tanh(x); });
  table["HardSigmoid"] = {1, 1, Sign::kNonNegative, [](Attributes& attributes) -> Compute {
                            const double alpha = attributes.real("alpha", 0.2);
                            const double beta = attributes.real("beta", 0.5);
                            return [=](const OperatorInputs& in) {
                              return (in[0] * alpha + beta).clamp(0, 1);
                            };
                          }};
  table["LeakyRelu"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                          const double alpha = attributes.real("alpha", 0.01);
                          return [=](const OperatorInputs& in) {
                            return at::leaky_relu(in[0], alpha);
                          };
                        }};
  table["Elu"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                    const double alpha = attributes.real("alpha", 1);
                    return [=](const OperatorInputs& in) { return at::elu(in[0], alpha); };
                  }};
  table["Gelu"] = {1, 1, Sign::kAny, [](Attributes& attributes) -> Compute {
                     const std::string form = attributes.text("approximate", "none");
                     return [=](const OperatorInputs& in) { return at::gelu(in[0], form); };
                   }};
  table["PRelu"] = {2, 2, Sign::kAsFirst, [](Attributes&) -> Compute {
                      return [](const OperatorInputs& in) {
                        return at::where(in[0] < 0, in[0] * in[1], in[0]);
                      };
                    }};
  // The bounds are inputs in ONNX; constant ones may be given as attributes.
  table["Clip"] = {1, 3, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                     c10::optional<at::Scalar> min;
                     c10::optional<at::Scalar> max;
                     if (attributes.has("min")) min = attributes.real("min", 0);
                     if (attributes.has("max")) max = attributes.real("max", 0);
                     return [=](const OperatorInputs& in) {
                       Tensor x = min || max ? at::clamp(in[0], min, max) : in[0];
                       if (in.size() > 1 && in[1].defined()) x = at::maximum(x, in[1]);
                       if (in.size() > 2 && in[2].defined()) x = at::minimum(x, in[2]);
                       return x;
                     };
                   }};
}

void add_functions(Table& table) {
  add_unary(table, "Identity", Sign::kAsFirst, [](const Tensor& x) { return x; });
  add_unary(table, "Abs", Sign::kNonNegative, [](const Tensor& x) { return x.abs(); });
  add_unary(table, "Exp", Sign::kNonNegative, [](const Tensor& x) { return x.exp(); });
  add_unary(table, "Sqrt", Sign::kNonNegative, [](const Tensor& x) { return x.sqrt(); });
  add_unary(table, "Reciprocal", Sign::kAsFirst, [](const Tensor& x) { return x.reciprocal(); });
  add_unary(table, "Neg", Sign::kAny, [](const Tensor& x) { return x.neg(); });
  add_unary(table, "Log", Sign::kAny, [](const Tensor& x) { return x.log(); });
  add_unary(table, "Erf", Sign::kAsFirst, [](const Tensor& x) { return x.erf(); });
  add_unary(table, "Sin", Sign::kAny, [](const Tensor& x) { return x.sin(); });
  add_unary(table, "Cos", Sign::kAny, [](const Tensor& x) { return x.cos(); });
  add_unary(table, "Sign", Sign::kAsFirst, [](const Tensor& x) { return x.sign(); });
  add_unary(table, "Floor", Sign::kAsFirst, [](const Tensor& x) { return x.floor(); });
  add_unary(table, "Ceil", Sign::kAsFirst, [](const Tensor& x) { return x.ceil(); });
  add_unary(table, "Round", Sign::kAsFirst, [](const Tensor& x) { return x.round(); });
  add_unary(table, "IsNaN", Sign::kNonNegative, [](const Tensor& x) { return x.isnan(); });
  add_unary(table, "Not", Sign::kNonNegative, [](const Tensor& x) { return x.logical_not(); });
  // Dropout does nothing outside of training; its ratio and mode may be given.
  table["Dropout"] = {1, 3, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                        attributes.real("ratio", 0.5);
                        attributes.integer("seed", 0);
                        return [](const OperatorInputs& in) { return in[0]; };
                      }};
  table["Cast"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                     const auto type = scalar_type(attributes.integer("to", 1));
                     return [=](const OperatorInputs& in) { return in[0].to(type); };
                   }};
}

void add_arithmetic(Table& table) {
  using T = const Tensor&;
  add_binary(table, "Add", Sign::kAsAll, [](T a, T b) { return a + b; });
  add_binary(table, "Sub", Sign::kAny, [](T a, T b) { return a - b; });
  add_binary(table, "Mul", Sign::kAsAll, [](T a, T b) { return a * b; });
  add_binary(table, "Div", Sign::kAsAll, divide);
  add_binary(table, "Pow", Sign::kAsFirst, [](T a, T b) { return at::pow(a, b).to(a.dtype()); });
  add_binary(table, "MatMul", Sign::kAsAll, [](T a, T b) { return at::matmul(a, b); });
  add_binary(table, "Equal", Sign::kNonNegative, [](T a, T b) { return a.eq(b); });
  add_binary(table, "Greater", Sign::kNonNegative, [](T a, T b) { return a.gt(b); });
  add_binary(table, "GreaterOrEqual", Sign::kNonNegative, [](T a, T b) { return a.ge(b); });
  add_binary(table, "Less", Sign::kNonNegative, [](T a, T b) { return a.lt(b); });
  add_binary(table, "LessOrEqual", Sign::kNonNegative, [](T a, T b) { return a.le(b); });
  add_binary(table, "And", Sign::kNonNegative, [](T a, T b) { return a.logical_and(b); });
  add_binary(table, "Or", Sign::kNonNegative, [](T a, T b) { return a.logical_or(b); });
  add_binary(table, "Xor", Sign::kNonNegative, [](T a, T b) { return a.logical_xor(b); });
  add_variadic(
      table, "Sum", Sign::kAsAll, [](T a, T b) { return a + b; }, false);
  add_variadic(
      table, "Mean", Sign::kAsAll, [](T a, T b) { return a + b; }, true);
  add_variadic(
      table, "Max", Sign::kAsAll, [](T a, T b) { return at::maximum(a, b); }, false);
  add_variadic(
      table, "Min", Sign::kAsAll, [](T a, T b) { return at::minimum(a, b); }, false);
  table["Mod"] = {2, 2, Sign::kAny, [](Attributes& attributes) -> Compute {
                    const bool as_in_c = attributes.integer("fmod", 0) != 0;
                    return [=](const OperatorInputs& in) {
                      return as_in_c ? at::fmod(in[0], in[1]) : at::remainder(in[0], in[1]);
                    };
                  }};
  table["Where"] = {3, 3, Sign::kAsAll, [](Attributes&) -> Compute {
                      return [](const OperatorInputs& in) {
                        return at::where(in[0].to(at::kBool), in[1], in[2]);
                      };
                    }};
  // Products of two computed matrices; one with a stored weight is a product of the network.
  table["Gemm"] = {
      2, 3, Sign::kAny, [](Attributes& attributes) -> Compute {
        const double alpha = attributes.real("alpha", 1);
        const double beta = attributes.real("beta", 1);
        const bool flip_a = attributes.integer("transA", 0) != 0;
        const bool flip_b = attributes.integer("transB", 0) != 0;
        return [=](const OperatorInputs& in) {
          Tensor y = at::matmul(flip_a ? in[0].t() : in[0], flip_b ? in[1].t() : in[1]) * alpha;
          if (in.size() > 2 && in[2].defined()) y = y + in[2] * beta;
          return y;
        };
      }};
  table["Einsum"] = {1, kAnyNumber, Sign::kAsAll, [](Attributes& attributes) -> Compute {
                       const std::string equation = attributes.text("equation", "");
                       return [=](const OperatorInputs& in) { return at::einsum(equation, in); };
                     }};
}

}  // namespace

void add_elementwise(Table& table) {
  add_activations(table);
  add_functions(table);
  add_arithmetic(table);
}

}  // namespace crossloom::operators
