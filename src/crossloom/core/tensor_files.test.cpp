#include "crossloom/core/tensor_files.h"

#include <cstring>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class TensorFiles : public testing::Test {
 protected:
  ~TensorFiles() override { fs::remove_all(path_); }

  /// A safetensors file made by hand.
  void write_raw(const std::string& header, const std::string& data) const {
    const std::uint64_t size = header.size();
    std::string bytes(reinterpret_cast<const char*>(&size), 8);
    write_file(path_, bytes + header + data);
  }

  const fs::path path_ =
      fs::temp_directory_path() / ("crossloom_tensors_" + std::to_string(::getpid()));
};

TEST_F(TensorFiles, SafetensorsRoundTripKeepsEveryBit) {
  TensorFile file;
  for (const at::ScalarType type : {at::kFloat,
                                    at::kDouble,
                                    at::kLong,
                                    at::kInt,
                                    at::kShort,
                                    at::kChar,
                                    at::kByte,
                                    at::kBool,
                                    at::kHalf,
                                    at::kBFloat16}) {
    file.tensors[c10::toString(type)] = (at::rand({3, 5}) * 2).to(type);
  }
  file.tensors["scalar"] = at::scalar_tensor(2.5);
  file.tensors["empty"] = at::empty({0, 4});
  file.tensors["strided"] = at::rand({4, 6}).t();
  file.metadata["made by"] = "a test \"with quotes\"";
  write_safetensors(path_, file);
  const TensorFile read = read_safetensors(path_);
  ASSERT_EQ(read.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(read.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(read.tensors.at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(read.metadata, file.metadata);
}

TEST_F(TensorFiles, EveryTruncationOfASafetensorsFileIsRefused) {
  write_safetensors(path_, {{{"a", at::rand({4})}, {"b", at::rand({2, 3})}}, {}});
  const std::string bytes = read_file(path_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_file(path_, bytes.substr(0, size));
    EXPECT_THROW(read_safetensors(path_), ConfigError) << "at " << size << " bytes";
  }
}

TEST_F(TensorFiles, HostileSafetensorsHeadersAreRefused) {
  const std::string data(16, '\0');
  for (
      const char* header :
      {"",
       "[]",
       "{",
       R"({"a":1})",
       R"({"a":{"dtype":"F32","shape":[4]}})",
       R"({"a":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}})",
       R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}})",
       R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,99]}})",
       R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})",
       R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})",
       R"({"a":{"dtype":"F32","shape":"4","data_offsets":[0,16]}})",
       R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,4],"data_offsets":[0,16]}})",
       R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
       R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"}) {
    write_raw(header, data);
    EXPECT_THROW(read_safetensors(path_), ConfigError) << header;
  }
}

TEST_F(TensorFiles, NpyRoundTripKeepsEveryBit) {
  for (const Tensor& tensor : {at::rand({3, 5}),
                               at::rand({2, 3, 4}, at::kDouble).transpose(0, 2),
                               at::arange(7),
                               at::scalar_tensor(1.5),
                               at::empty({0, 2})}) {
    write_npy(path_, tensor);
    EXPECT_TRUE(read_npy(path_).equal(tensor));
  }
}

TEST_F(TensorFiles, NpyOfFortranOrderIsReadByItsIndices) {
  const double values[] = {1, 2, 3, 4, 5, 6};  // columns of [[1, 3, 5], [2, 4, 6]]
  std::string header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) + '\0';
  write_file(path_, bytes + header + std::string(reinterpret_cast<const char*>(values), 48));
  EXPECT_TRUE(
      read_npy(path_).equal(at::tensor({1., 3., 5., 2., 4., 6.}, at::kDouble).view({2, 3})));
}

TEST_F(TensorFiles, EveryTruncationOfAnNpyFileIsRefused) {
  write_npy(path_, at::rand({2, 3}));
  const std::string bytes = read_file(path_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_file(path_, bytes.substr(0, size));
    EXPECT_THROW(read_npy(path_), ConfigError) << "at " << size << " bytes";
  }
}

TEST(RequireFinite, NamesTheTensorWithTheNan) {
  const Tensor bad = at::tensor({1.0F, std::numeric_limits<float>::quiet_NaN()});
  require_finite({{"good", at::ones({2})}, {"count", at::ones({2}, at::kLong)}}, "a file");
  try {
    require_finite({{"good", at::ones({2})}, {"fc1.weight", bad}}, "weights.safetensors");
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("fc1.weight"), std::string::npos) << message;
    EXPECT_NE(message.find("weights.safetensors"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace crossloom
