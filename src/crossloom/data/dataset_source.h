#pragma once

#include "crossloom/core/registry.h"
#include "crossloom/data/dataset.h"
#include "crossloom/data/fetch.h"

namespace crossloom {

/// How one named data set is had. An implementation lives in its own file and adds itself to
/// `load_dataset` and `fetch_dataset` with a `RegisteredDataset` object.
class DatasetSource {
 public:
  virtual ~DatasetSource() = default;

  /// The whole set, as promised by `load_dataset`.
  virtual Dataset load(const DataOptions& options) const = 0;

  /// Its files on public servers; no files when there is nothing to fetch.
  virtual RemoteFiles remote() const { return {}; }
};

template <class Source>
using RegisteredDataset = Registered<DatasetSource, Source>;

}  // namespace crossloom
