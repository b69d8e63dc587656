#include "crossloom/network/pickle.h"

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

using Kind = PickleValue::Kind;

std::string four_floats(const std::string& /*key*/) {
  const Tensor values = at::arange(4).to(at::kFloat);
  return {static_cast<const char*>(values.data_ptr()), values.nbytes()};
}

std::string text(const std::string& value) {
  return "\x8c" + std::string(1, static_cast<char>(value.size())) + value;
}

std::string integer(int value) {
  return "K" + std::string(1, static_cast<char>(value));
}

/// A vector as torch.save pickles it: a view of the storage "0" of four floats.
std::string pickle_vector(int offset, int size, int stride) {
  const std::string storage = "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
                              text("cpu") + integer(4) + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + integer(size) +
         "\x85" + integer(stride) + "\x85\x89NtR.";
}

TEST(Pickle, ContainersAreRead) {
  const std::string bytes =
      "}(" + text("a") + integer(7) + text("b") + "](" + integer(1) + integer(2) + "eu.";
  const Pickle pickle = read_pickle(bytes, four_floats);
  const PickleValue& value = pickle.value;
  ASSERT_EQ(value.kind, Kind::kDict);
  ASSERT_EQ(value.items->size(), 4U);
  EXPECT_EQ((*value.items)[0].text, "a");
  EXPECT_EQ((*value.items)[1].integer, 7);
  EXPECT_EQ((*value.items)[3].items->size(), 2U);
}

TEST(Pickle, TensorsAreViewsWithinTheirStorage) {
  const Tensor tensor = read_pickle(pickle_vector(1, 3, 1), four_floats).value.tensor;
  EXPECT_TRUE(tensor.equal(at::arange(1, 4).to(at::kFloat)));
  EXPECT_EQ(read_pickle(pickle_vector(0, 2, 3), four_floats).value.tensor[1].item<float>(), 3);
  EXPECT_THROW(read_pickle(pickle_vector(1, 4, 1), four_floats), ConfigError);
  EXPECT_THROW(read_pickle(pickle_vector(0, 2, 4), four_floats), ConfigError);
  EXPECT_THROW(read_pickle(pickle_vector(200, 1, 1), four_floats), ConfigError);
}

TEST(Pickle, FunctionsAreNotCalled) {
  const PickleValue value =
      read_pickle("cos\nsystem\n(" + text("exit 1") + "tR.", four_floats).value;
  EXPECT_EQ(value.kind, Kind::kOther);
  EXPECT_EQ(value.text, "os.system");
}

TEST(Pickle, ContainersMayBeDeepAndHoldThemselves) {
  EXPECT_EQ(read_pickle("]q\1h\1a.", four_floats).value.kind, Kind::kList);
  const std::string deep = std::string(1000000, ']') + std::string(999999, 'a') + ".";
  EXPECT_EQ(read_pickle(deep, four_floats).value.items->size(), 1U);
}

TEST(Pickle, DamagedBytesAreRefusedOrRead) {
  const std::string whole = pickle_vector(1, 3, 1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_THROW(read_pickle(whole.substr(0, i), four_floats), ConfigError) << i;
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(byte);
      try {
        read_pickle(damaged, four_floats);
      } catch (const ConfigError&) {  // nothing else
      }
    }
  }
}

}  // namespace
}  // namespace crossloom
