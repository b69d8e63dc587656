#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// A value of Python, as far as state dicts need it.
struct PickleValue {
  enum class Kind {
    kOther,
    kMark,
    kInteger,
    kText,
    kGlobal,
    kTuple,
    kList,
    kDict,
    kStorage,
    kTensor
  };

  Kind kind = Kind::kOther;
  std::int64_t integer = 0;
  std::string text;  // kText; the name of a kGlobal; the class of a kOther; the key of a kStorage
  std::vector<PickleValue>* items = nullptr;  // of a container; kDict: keys and values in turn
  Tensor tensor;                              // kTensor; the elements of a kStorage
};

/// A value with the containers it consists of, which may hold each other.
struct Pickle {
  PickleValue value;
  std::deque<std::vector<PickleValue>> containers;
};

/// The value that the pickle `bytes` describes. Calls no code: of functions, only those that
/// rebuild tensors are known, every other gives a kOther of its name.
///
/// `read_record` gives the bytes of a storage by its key. Throws `ConfigError` on bytes that are no
/// pickle or tensors that do not lie within their storage.
Pickle read_pickle(std::string_view bytes,
                   const std::function<std::string(const std::string& key)>& read_record);

}  // namespace crossloom
